"""Who is called when, beside the linear program: never against a contract, never for more than it saves."""
from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.grid.optimisation import blockprogram, clusters
from server.grid.optimisation.arrays import Floats, np
from server.grid.optimisation.balanceproblem import BalanceProblem, GroupLimit
from server.grid.optimisation.balanceprogram import solve
from server.grid.optimisation.blockprogram import Commitment, PlannableBlock
from server.grid.optimisation.blockschedule import CallRules
from server.grid.optimisation.prices import Prices, tariff

STEPS, HOURS = 24, 1.0
NOBODY = clusters.batteries(clusters.Batteries(*(np.zeros(0) for _ in range(6)), np.zeros(0, dtype=int)),
                            STEPS)[0]


def block(power_w: float, **changes: Any) -> PlannableBlock:
    rules = CallRules(starts=np.arange(STEPS) > 0, shortest=1, longest=4, rest=2,
                      day=np.zeros(STEPS, dtype=int), events_day=np.array([2]), events=2, steps=8)
    of_rules = {name: changes.pop(name) for name in list(changes) if name in CallRules._fields}
    facts = {"least_power_w": power_w, "price_kwh": 0.3, "price_event": 5.0, "group": 0} | changes
    return PlannableBlock(power_w=power_w, rules=rules._replace(**of_rules), **facts)


def peak(watts: float = 400e3, begin: int = 16, end: int = 20) -> Floats:
    net = np.zeros(STEPS)
    net[begin:end] = watts
    return net


def commit(problem: BalanceProblem, blocks: list[PlannableBlock], seconds: float = 30.0) -> Commitment:
    found = blockprogram.commit(problem, blocks, seconds)
    assert found is not None and found.bound <= found.cost + 1e-6
    return found


def test_a_peak_is_met_by_the_cheapest_as_long_as_agreed() -> None:
    problem = BalanceProblem(peak(200e3), HOURS, NOBODY)
    found = commit(problem, [block(200e3, price_kwh=0.5), block(200e3, price_kwh=0.2)])
    assert np.flatnonzero(found.power[1]).tolist() == [16, 17, 18, 19] and not found.power[0].any()
    assert found.cost == pytest.approx(800 * 0.2 + 5, abs=0.01) and found.gap < 0.02


def test_nobody_is_called_for_less_than_it_costs() -> None:
    problem = BalanceProblem(peak(20e3), HOURS, NOBODY, prices=Prices(imbalance=0.01, peak=0.0))
    found = commit(problem, [block(20e3)])
    assert not found.power.any() and found.complete


def test_a_generator_gives_what_is_wanted_above_its_least_output() -> None:
    problem = BalanceProblem(peak(120e3), HOURS, NOBODY)
    found = commit(problem, [block(200e3, least_power_w=50e3)])
    assert found.power[0, 16:20] == pytest.approx(120e3, rel=0.05)


def test_a_price_calls_a_block_that_costs_less() -> None:
    buy = np.where(np.arange(STEPS) == 18, 2.0, 0.25)
    load = np.full(STEPS, 500e3)
    problem = BalanceProblem(load, HOURS, NOBODY, tariff=tariff(buy, None, load), tracked=False)
    found = commit(problem, [block(100e3)])
    assert np.flatnonzero(found.power[0]).tolist() == [18]


def test_a_limit_calls_whoever_is_under_it() -> None:
    limit = GroupLimit([0], 300e3, -np.inf, peak(400e3))
    idle = clusters.batteries(clusters.Batteries(
        *(np.array([value]) for value in (0.0, 0.0, 1.0, 1.0, 1.0, 0.95)), np.array([0])), STEPS)[0]
    prices = Prices(imbalance=0.01, peak=0.0)
    problem = BalanceProblem(peak(400e3), HOURS, idle, limits=[limit], prices=prices)
    found = commit(problem, [block(100e3, group=1), block(100e3)])
    assert not found.power[0].any() and np.flatnonzero(found.power[1]).tolist() == [16, 17, 18, 19]


def test_equals_are_called_in_turn() -> None:
    problem = BalanceProblem(peak(100e3, 17, 19), HOURS, NOBODY)
    found = commit(problem, [block(100e3, turn=3), block(100e3, turn=1), block(100e3, turn=2)])
    assert [bool(row.any()) for row in found.power] == [False, True, False]


def test_without_time_nobody_is_called_and_the_linear_plan_stands() -> None:
    problem = BalanceProblem(peak(), HOURS, NOBODY)
    assert blockprogram.commit(problem, [block(200e3)], 0.0) is None
    assert solve(problem) is not None


@settings(max_examples=25)
@given(
    net=st.lists(st.floats(-3e5, 3e5), min_size=STEPS, max_size=STEPS),
    kinds=st.lists(st.tuples(st.floats(2e4, 3e5), st.floats(0.3, 1), st.integers(1, 3), st.integers(0, 3),
                             st.integers(0, 5), st.integers(0, 2), st.floats(0, 2), st.floats(0, 50)),
                   min_size=1, max_size=4))
def test_no_plan_breaks_a_contract_or_costs_more_than_calling_nobody(
    net: list[float], kinds: list[Any]
) -> None:
    problem = BalanceProblem(np.array(net), HOURS, NOBODY)
    blocks = [
        block(power_w, least_power_w=power_w * least, shortest=shortest, longest=shortest + more, rest=rest,
              events_day=np.array([events]), price_kwh=price, price_event=event)
        for power_w, least, shortest, more, rest, events, price, event in kinds
    ]
    found = commit(problem, blocks)
    nobody = commit(problem, [])
    assert found.cost <= nobody.cost + 1e-6
    for row, agreed in zip(found.power, blocks, strict=True):
        on = np.flatnonzero(np.diff(np.concatenate(([0], (row > 0).astype(int), [0])))).reshape(-1, 2)
        rules = agreed.rules
        assert all(rules.starts[first] for first, _ in on)
        assert all(rules.shortest <= last - first <= rules.longest for first, last in on)
        assert all(later[0] - earlier[1] >= rules.rest for earlier, later in zip(on, on[1:], strict=False))
        assert len(on) <= min(rules.events, rules.events_day[0]) and (row > 0).sum() <= rules.steps
        called = row[row > 0]
        assert (called <= agreed.power_w + 1e-6).all() and (called >= agreed.least_power_w - 1e-6).all()
