"""Areas that follow a price, and solar that nobody can curtail: what devices are told."""
from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from server.grid.balance import areasettings, planning
from server.grid.groups import virtualders
from server.grid.series import forecasts, signals
from tests.conftest import NOON
from tests.server.grid.balancedarea import STEP, T, at, controls

HOURS = 5
ALTERNATING = [price for _ in range(14) for price in [0.10] * 4 + [0.30] * 4]


@pytest.fixture
def street(panels: Callable[..., object], battery: Callable[..., object]) -> None:
    """Two inverters of 6 kW that give 3 kW each, below one area, whose generation is foreseen."""
    virtualders.create("town")
    virtualders.create("solar", rule="kind = inverter", parent="town")
    virtualders.create("batteries", rule="kind = battery", parent="town")
    for number in (1, 2):
        panels(number)
    areasettings.set_automatic("town", on=True)
    forecasts.put("town", "pv", [6000.0] * 104, NOON, STEP)


def told() -> list[float]:
    """What inverters are told in the steps of five hours, in hundredths of a percent; else 10,000."""
    limits = []
    for number in range(4 * HOURS):
        at(T + number * STEP - 300)
        told_now = controls("solar", T + number * STEP)
        limits.append(told_now[0]["DERControlBase"]["opModMaxLimW"] if told_now else 10_000)
    return limits


def test_a_price_never_switches_solar_off_while_it_is_above_zero(street: None) -> None:
    signals.put("town", "price", ALTERNATING, NOON, STEP)
    assert set(told()) == {10_000}


def test_a_price_below_zero_does(street: None) -> None:
    prices = [-0.05 if 8 <= step < 12 else price for step, price in enumerate(ALTERNATING)]
    signals.put("town", "price", prices, NOON, STEP)
    assert [step + 1 for step, limit in enumerate(told()) if limit == 0] == [8, 9, 10, 11]


def test_what_injection_earns_decides_where_it_is_not_the_price(street: None) -> None:
    signals.put("town", "price", ALTERNATING, NOON, STEP)
    signals.put("town", "export_price", [-0.02 if step >= 16 else 0.08 for step in range(104)], NOON, STEP)
    assert [step + 1 for step, limit in enumerate(told()) if limit < 10_000] == [16, 17, 18, 19, 20]


def test_solar_is_curtailed_for_an_export_limit_and_no_more(street: None) -> None:
    forecasts.put("town", "load", [0.0] * 104, NOON, STEP)
    virtualders.update("town", export_limit_w=4000)
    signals.put("town", "imbalance", [0.0] * 104, NOON, STEP)
    plan = planning.make_plan("town")
    assert {round(step["curtailed_w"], -1) for step in plan["steps"]} == {2000}
    assert not any("limit" in warning for warning in plan["warnings"])
    assert set(told()) == {3333}, "4 kW of 12"


def test_a_price_of_one_percent_more_moves_no_battery(street: None, battery: Callable[..., object]) -> None:
    battery(3)
    signals.put("town", "price", [0.300] * 48 + [0.303] * 56, NOON, STEP)
    plan = planning.make_plan("town")
    assert all(abs(watts) < 1 for step in plan["steps"] for watts in step["injection_w"].values())


def test_solar_that_nobody_can_tell_is_not_counted_on(
    battery: Callable[..., object], panels: Callable[..., object]
) -> None:
    virtualders.create("town")
    battery(3, charge=1.0)
    panels(1, modes=0)
    forecasts.put("town", "pv", [6000.0] * 104, NOON, STEP)
    signals.put("town", "imbalance", [-6000.0] * 104, NOON, STEP)
    plan = planning.make_plan("town")
    assert plan["rms_after_w"] == pytest.approx(6000, abs=1)
    assert not np.any([step.get("curtailed_w", 0) for step in plan["steps"]])
