"""The limits of a device's own connection point bind what is planned and ordered of it, and what it can
do."""
from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from server import clock
from server.grid.balance import planning, plans
from server.grid.controls import operatingenvelopes
from server.grid.fleet import fleetstate, members, pointlimits
from server.grid.flexibility import capability
from server.grid.groups import virtualders
from server.grid.series import devicelimits, forecasts, signals
from server.grid.series.intervals import Span
from server.models import VirtualDER
from tests.conftest import NOON
from tests.ordered import create_order
from tests.server.grid.balancedarea import STEP, asks


def envelope(device: str, column: str, *values: float | None) -> None:
    """Put a schedule of quarters of an hour from noon on."""
    rows = [f"{datetime.fromtimestamp(NOON + number * STEP, UTC):%Y-%m-%dT%H:%MZ},"
            f"{'' if value is None else value}" for number, value in enumerate(values)]
    operatingenvelopes.put("\n".join([f"start,{column}", *rows]), "doe.csv", device, step_s=STEP)


@pytest.fixture
def street(battery: Callable[..., Any], home: Callable[..., Any]) -> list[Any]:
    """Two batteries of 5 kW and 10 kWh, half full, and a charger of 7 kW, where nothing else is drawn."""
    homes = [battery(1), battery(2), home(3, "evcharger")]
    homes[2].rate(82, 0, 7000)
    homes[2].post(0)
    virtualders.create("street", members=["d1", "d2", "d3"])
    virtualders.create("batteries", rule="kind = battery", parent="street")
    forecasts.put("street", "load", [0.0] * 100, NOON, STEP)
    return homes


def test_a_plan_charges_where_connection_points_leave_room(street: list[Any]) -> None:
    envelope("d1", "import_limit", *[0] * 4, *[1000] * 4, *[None] * 8)
    envelope("d2", "load_limit", *[2000] * 16)
    signals.put("street", "imbalance", [-8000.0] * 8 + [0.0] * 8, NOON, STEP)
    area = virtualders.find("street")
    forecast = planning.forecast_area(area, plans.balance_of(area), NOON, 16)
    planner = planning.planner_for(plans.balance_of(area), forecast, new_plan=True)
    powers = planner.step(forecast.state.fleet, forecast.demand.horizon, committed=forecast.committed)
    assert powers.batteries[0] == pytest.approx(0, abs=1) and powers.batteries[1] <= 2001
    assert planner.plan is not None
    drawn_w = planner.plan.power.sum(axis=0)
    assert drawn_w[:4].max() <= 2001 and drawn_w[4:8].max() <= 3001 and drawn_w[4:8].max() > 2500


def test_a_car_waits_until_its_connection_point_leaves_room(street: list[Any]) -> None:
    asks(street[2], energy=7000, hours=3)
    envelope("d3", "import_limit", *[0] * 4, *[3500] * 8)
    signals.put("street", "imbalance", [0.0] * 16, NOON, STEP)
    area = virtualders.find("street")
    forecast = planning.forecast_area(area, plans.balance_of(area), NOON, 16)
    planner = planning.planner_for(plans.balance_of(area), forecast, new_plan=True)
    powers = planner.step(forecast.state.fleet, forecast.demand.horizon, committed=forecast.committed)
    assert powers.sessions.tolist() == [0] and planner.plan is not None
    car_w = planner.plan.power[planner.labels.kind == 1][0]  # type: ignore[union-attr]
    assert car_w[:4].max() < 1 and car_w.max() <= 3501 and car_w.sum() / 4 == pytest.approx(7000, abs=10)


def test_an_order_goes_to_others_where_a_connection_point_leaves_no_room(street: list[Any]) -> None:
    envelope("d1", "import_limit", 500, 3000, None, None)
    order = create_order("batteries", 1800, NOON, target=-5000, addressing="device")
    assert order["planned_w"] == pytest.approx(-5000, abs=3)
    planned = {share["name"]: share["planned_w"] for share in order["shares"]}
    assert planned == pytest.approx({"d1": -5000 / 11, "d2": -50_000 / 11}, abs=3), "a part of what each can"
    later = create_order("batteries", 900, NOON + STEP, target=-10_000, dry_run=True)
    assert later["planned_w"] == pytest.approx(-8000, abs=3)
    assert later["unserved_w"] == pytest.approx(-2000, abs=3)


def test_a_car_is_ordered_no_more_than_its_connection_point_leaves(street: list[Any]) -> None:
    virtualders.create("cars", rule="kind = evcharger", parent="street")
    asks(street[2])
    envelope("d3", "import_limit", *[2500] * 8)
    assert create_order("cars", 900, watts=-7000)["planned_w"] == pytest.approx(-2500, abs=2)


def test_what_a_group_can_do_is_less(street: list[Any]) -> None:
    envelope("d2", "generation_limit", 1200, 1200)
    total = capability.capability("batteries", 0.25)
    assert (total["low_w"], total["high_w"]) == (-10_000, 6200)
    VirtualDER.update(export_limit_w=700).where(VirtualDER.device.is_null(False)).execute()
    assert capability.capability("batteries", 0.25)["high_w"] == 5700


def test_several_ders_of_a_device_share_its_limit(street: list[Any]) -> None:
    envelope("d1", "export_limit", 3000)
    device = next(iter(virtualders.members(virtualders.find("street"))))
    member, = members.read([device], 0.1)
    ders = list(members._within_point([member.ders[0]] * 2, devicelimits.DeviceLimit(
        np.array([6000.0]), np.array([4000.0]))))
    assert [der.highest_w for der in ders] == [3000, 1000]
    assert [der.lowest_w for der in ders] == [-5000, -1000]


def test_without_limits_nothing_is_copied(street: list[Any]) -> None:
    state = fleetstate.read(virtualders.find("street"), NOON)
    assert pointlimits.with_point_limits(state, Span(NOON, 4, STEP, clock.now())) is state
