"""Who is called: the cheapest first, equals in turn, none beyond its contract."""
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.config import settings
from server.grid.dispatch import blockselection
from server.grid.fleet import siteblocks
from server.grid.fleet.siteblocks import SiteBlock
from server.grid.optimisation import blockterms
from server.grid.optimisation.blockterms import BlockTerms, Period
from tests.conftest import NOON

HOUR = 3600


def block(
    device: int, power_w: float, kind: str = "load", calls: tuple[Period, ...] = (), **terms: float
) -> SiteBlock:
    agreed = BlockTerms(power_w=power_w, **terms)  # type: ignore[arg-type]
    return SiteBlock(device=device, group=0, name="all", kind=kind, terms=agreed, available_w=power_w,
                     longest_s=agreed.most_s, calls=calls)


def called(blocks: list[SiteBlock], needed_w: float, at: int = NOON) -> list[tuple[int, float]]:
    selection = blockselection.select(blocks, needed_w, NOON + HOUR, HOUR, at)
    return [(block.device, power_w) for block, power_w in selection.called]


def test_the_cheapest_are_called_first_by_the_price_of_the_whole_call() -> None:
    # 0.1 a kWh and 40 an event of 100 kWh is 0.5 a kWh
    blocks = [block(1, 1e5, price_kwh=0.1, price_event=40.0), block(2, 1e5, price_kwh=0.4),
              block(3, 1e5, price_kwh=0.2)]
    assert called(blocks, 2e5) == [(3, 1e5), (2, 1e5)]


def test_emissions_cost_what_the_setting_says(monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = [block(1, 1e5, "generator", price_kwh=0.1, emissions_kg_kwh=0.8), block(2, 1e5, price_kwh=0.15)]
    assert called(blocks, 1e5) == [(1, 1e5)]
    monkeypatch.setattr(settings, "emission_price", 100.0)
    assert called(blocks, 1e5) == [(2, 1e5)]


def test_equals_take_turns() -> None:
    long_ago, lately = Period(NOON - 90_000, NOON - 89_000), Period(NOON - 9000, NOON - 8000)
    blocks = [block(1, 1e5, calls=(long_ago, lately)), block(2, 1e5, calls=(lately,)),
              block(3, 1e5, calls=(long_ago,))]
    assert called(blocks, 3e5) == [(3, 1e5), (2, 1e5), (1, 1e5)]


@pytest.mark.parametrize("needed_w, expected", [
    (49e3, []), (51e3, [(1, 1e5)]), (140e3, [(1, 1e5)]), (160e3, [(1, 1e5), (2, 1e5)])])
def test_a_block_is_called_as_a_whole_for_the_nearest_sum(
    needed_w: float, expected: list[tuple[int, float]]
) -> None:
    assert called([block(1, 1e5), block(2, 1e5)], needed_w) == expected


@pytest.mark.parametrize("needed_w, output_w", [(15e3, 0), (21e3, 40e3), (55e3, 55e3), (150e3, 1e5)])
def test_a_generator_gives_what_is_needed_above_its_least_output(needed_w: float, output_w: float) -> None:
    result = called([block(1, 1e5, "generator", least_power_w=40e3)], needed_w)
    assert result == ([(1, output_w)] if output_w else [])


def test_who_cannot_be_called_is_left_out_with_the_clause() -> None:
    selection = blockselection.select(
        [block(1, 1e5, notice_s=2 * HOUR), block(2, 1e5, price_kwh=9.0)], 1e5, NOON + HOUR, HOUR, NOON)
    assert [block.device for block, _ in selection.called] == [2]
    assert [why for _, why in selection.refusals] == ["notice_s: 7200 s are agreed, the call leaves 3600 s"]


@given(
    powers=st.lists(st.tuples(st.floats(1, 1e6), st.sampled_from([0, 1800, 7200]), st.floats(0, 2)),
                    max_size=8),
    needed_w=st.floats(0, 5e6))
def test_no_call_is_beyond_its_contract_or_more_than_half_a_block_too_much(
    powers: list[tuple[float, int, float]], needed_w: float
) -> None:
    blocks = [block(number, power_w, notice_s=notice_s, price_kwh=price)
              for number, (power_w, notice_s, price) in enumerate(powers)]
    selection = blockselection.select(blocks, needed_w, NOON + HOUR, HOUR, NOON)
    for chosen, power_w in selection.called:
        assert power_w <= chosen.terms.power_w
        call = Period(NOON + HOUR, NOON + 2 * HOUR)
        assert not blockterms.breaches(chosen.terms, (), call, NOON, siteblocks.calendar())
    largest = max((power_w for _, power_w in selection.called), default=0.0)
    assert selection.power_w <= needed_w + largest / 2 + 1e-6
