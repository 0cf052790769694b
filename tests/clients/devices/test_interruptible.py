"""A load that is interrupted: by as much as was asked, for as long as it can, and what follows."""
from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from clients.devices.interruptible import InterruptibleLoad
from clients.events.control import PowerOrder
from clients.events.loadcontrol import LoadControl
from clients.simulation.weather import DAY, Site
from server.resources.codes import ApplianceLoadReduction

NOON = 1_750_000_000 // DAY * DAY + DAY // 2
SITE = Site("store")
STORE = InterruptibleLoad(site=SITE).run(PowerOrder(), NOON - 60, NOON)


def less(reduction_w: float) -> PowerOrder:
    return PowerOrder(load_control=LoadControl(reduction_w=reduction_w))


def absorbed_wh(before: InterruptibleLoad, after: InterruptibleLoad) -> float:
    return after.absorbed_wh - before.absorbed_wh


def test_it_works_by_its_hours() -> None:
    by_day, at_night = (STORE.usual_w(NOON + seconds) for seconds in (0, DAY // 2))
    assert 30_000 * 0.93 < at_night < 30_000 * 1.07 and by_day > 35_000 * 0.93
    assert -STORE.injection_w == pytest.approx(STORE.usual_w(NOON - 60))
    assert STORE.shed_w == 24_000 and STORE.shed_duration_s == 3 * 3600 and not STORE.limited


def test_it_draws_so_much_less_and_makes_up_for_it() -> None:
    usual = STORE.run(PowerOrder(), NOON, NOON + 3600)
    called = STORE.run(less(20_000), NOON, NOON + 3600)
    assert absorbed_wh(STORE, usual) - absorbed_wh(STORE, called) == pytest.approx(20_000)
    assert called.limited and called.shed_w == 4000 and called.held_s == pytest.approx(3000)
    later = called.run(PowerOrder(), NOON + 3600, NOON + 12 * 3600)
    unchanged = usual.run(PowerOrder(), NOON + 3600, NOON + 12 * 3600)
    assert later.absorbed_wh == pytest.approx(unchanged.absorbed_wh) and later.held_s == pytest.approx(0)


def test_a_production_line_makes_up_for_nothing() -> None:
    line = InterruptibleLoad(site=SITE, made_up=0.0)
    called = line.run(less(9000), NOON, NOON + 3600).run(PowerOrder(), NOON + 3600, NOON + 9 * 3600)
    unchanged = line.run(PowerOrder(), NOON, NOON + 9 * 3600)
    assert unchanged.absorbed_wh - called.absorbed_wh == pytest.approx(9000)
    assert called.held_s == 0


@pytest.mark.parametrize("control", [
    LoadControl(appliance_reduction=ApplianceLoadReduction.TEMPORARY_REDUCTION),
    LoadControl(duty_cycle=0.0), LoadControl(load_fraction=0.0), LoadControl(reduction_w=90_000.0)])
def test_it_sheds_what_it_can_whoever_asks_for_all(control: LoadControl) -> None:
    assert STORE.step(PowerOrder(load_control=control), NOON, 60).reduction_w == 24_000


def test_after_so_long_it_cannot_go_on() -> None:
    called = STORE.run(less(24_000), NOON, NOON + 3 * 3600)
    assert called.uncomfortable and called.shed_duration_s == 0
    assert not STORE.run(less(24_000), NOON, NOON + 3 * 3600 - 120).uncomfortable


@given(some.lists(some.tuples(some.floats(0, 60_000), some.integers(60, 7200)), min_size=1, max_size=6))
@settings(max_examples=40)
def test_it_never_exceeds_its_rating_and_never_injects(asked: list[tuple[float, int]]) -> None:
    load, now = STORE, float(NOON)
    for reduction_w, seconds in asked:
        for _ in range(0, seconds, 60):
            after = load.step(less(reduction_w), now, 60)
            assert 0 <= -after.injection_w <= after.max_charge_w and after.held_s >= 0
            assert after.reduction_w <= min(reduction_w, after.sheddable_w) + 1e-6
            load, now = after, now + 60
