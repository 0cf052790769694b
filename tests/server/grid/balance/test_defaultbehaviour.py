"""Storage that does something without control: it is planned for once, and expected to go on."""
from __future__ import annotations

from typing import Any

import pytest

from server.grid.balance import areasettings, planning, plans
from server.grid.groups import virtualders
from server.grid.series import measurements, signals
from server.models import DefaultBehaviour, DispatchOrder, Share
from tests.conftest import NOON
from tests.server.grid.balancedarea import STEP, T, at

DISCHARGED_W = 1200.0


@pytest.fixture
def batteries(battery: Any) -> list[Any]:
    """Two batteries of 5 kW and 10 kWh, half full, of which the first discharges by itself from noon to one
    o'clock, and charges as much from then on."""
    homes = [battery(number) for number in (1, 2)]
    virtualders.create("town")
    virtualders.create("batteries", rule="kind = battery", parent="town", purpose="kind")
    areasettings.set_automatic("town", replan_steps=1)
    day_w = [0.0] * 48 + [-DISCHARGED_W] * 4 + [DISCHARGED_W / 0.9] * 4 + [0.0] * 40
    DefaultBehaviour.create(
        device=homes[0].device, learned_at=NOON - 86400, working_day_w=day_w, other_day_w=day_w)
    return homes


def planned(homes: list[Any]) -> list[tuple[float | None, float | None]]:
    """The planned and baseline injection of each in the step at T."""
    share_of = {share.lfdi: (share.planned_w, share.baseline_w) for share in Share.select().join(
        DispatchOrder).where(DispatchOrder.start == T)}
    return [share_of[home.lfdi] for home in homes]


@pytest.mark.parametrize("imbalance_w", [0.0, 3000.0, -3000.0])
def test_what_it_does_by_itself_is_in_the_signal_and_not_planned_for_twice(
    batteries: list[Any], imbalance_w: float
) -> None:
    """Told to make up for the signal alone, the batteries would lack what the first one no longer did."""
    signals.put("town", "imbalance", [imbalance_w] * 4 + [0.0] * 100, NOON, STEP)
    areasettings.set_automatic("town", on=True)
    assert at(T - 300) == 1
    shares = planned(batteries)
    assert [baseline_w for _, baseline_w in shares] == [DISCHARGED_W, 0]
    assert sum(planned_w or 0.0 for planned_w, _ in shares) == pytest.approx(
        imbalance_w + DISCHARGED_W, abs=150)
    assert measurements.read("town", "base_storage", T, 1) == pytest.approx(DISCHARGED_W)


def test_what_is_evaluated_is_a_change_of_it(batteries: list[Any]) -> None:
    """A battery that goes on as ever has moved nothing."""
    signals.put("town", "imbalance", [0.0] * 100, NOON, STEP)
    areasettings.set_automatic("town", on=True)
    at(T - 300)
    for home, watts in zip(batteries, (DISCHARGED_W, 0), strict=True):
        home.post(watts, start=T, duration=STEP)
    signals.put("town", "measured", [0.0], T, STEP)
    at(T + 2 * STEP - 300)
    after, before = (float(measurements.read("town", quantity, T, 1)[0]) for quantity in ("after", "before"))
    assert after == 0 and before == pytest.approx(0)


def test_the_charge_at_the_beginning_of_a_plan_is_what_it_leaves(batteries: list[Any]) -> None:
    signals.put("town", "imbalance", [0.0] * 100, NOON, STEP)
    forecast = planning.forecast_area(
        virtualders.find("town"), plans.balance_of(virtualders.find("town")), NOON + 4 * STEP)
    energy_wh = forecast.state.fleet.batteries.energy
    assert energy_wh[1] == pytest.approx(5000)
    assert energy_wh[0] == pytest.approx(5000 - DISCHARGED_W / 0.9 ** 0.5, rel=0.02)
