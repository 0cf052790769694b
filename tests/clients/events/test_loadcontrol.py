"""Load controls as a device sees them, and what thermostats and chargers make of them."""
from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from clients.devices.evcharger import EvCharger, current_session
from clients.devices.thermostat import Thermostat
from clients.events import loadcontrol
from clients.events.control import PowerOrder
from clients.events.events import Event, program_events
from clients.events.loadcontrol import LoadControl
from clients.events.schedule import Schedule, advance, opt
from clients.simulation.weather import DAY, Site
from server.resources.codes import ApplianceLoadReduction
from tests.clients.controls import LFDI, mrid

COLD, WINTER = Site("x", 60.0, 0.0), 1_768_478_400
CAR = Site("seed", -33.9, 151.2)
STAY = current_session(CAR, 1_790_000_000 // DAY * DAY - int(151.2 / 15 * 3600) + DAY)
HEAT = {"Offset": {"heatingOffset": 15}}


def load_control(name: str, start: int, duration: int, action: dict[str, Any] | None = None, created: int = 0,
                 category: str = "00000001", **more: Any) -> dict[str, Any]:
    return {
        "mRID": mrid(name),
        "creationTime": created,
        "interval": {"start": start, "duration": duration},
        "EventStatus": {"currentStatus": 0, "dateTime": 0, "potentiallySuperseded": False},
        "responseRequired": "07",
        "replyTo": "/r",
        "deviceCategory": category,
        "drProgramMandatory": False,
        "loadShiftForward": False,
        **(HEAT if action is None else action),
        **more,
    }


def events(*controls: dict[str, Any], category: int = 1) -> list[Event]:
    return program_events("/dr/1", 1, controls, LFDI, category, "EndDeviceControl")


@pytest.mark.parametrize(
    "action, less, more",
    [
        ({"Offset": {"heatingOffset": 15}}, {"heatingOffset": -1.5}, {"heatingOffset": 1.5}),
        ({"Offset": {"coolingOffset": 20}}, {"coolingOffset": 2.0}, {"coolingOffset": -2.0}),
        (
            {"Offset": {"loadAdjustmentPercentageOffset": 3000}},
            {"loadAdjustmentPercentageOffset": -0.3},
            {"loadAdjustmentPercentageOffset": 0.3},
        ),
        (
            {"SetPoint": {"heatingSetpoint": 1950, "coolingSetpoint": 2600}},
            {"heatingSetpoint": 19.5, "coolingSetpoint": 26.0},
            {"heatingSetpoint": 19.5, "coolingSetpoint": 26.0},
        ),
        ({"DutyCycle": {"normalValue": 30}}, {"DutyCycle": 0.3}, {"DutyCycle": 0.3}),
        ({"TargetReduction": {"type": 2, "value": 500}}, {"TargetReduction": 500}, {"TargetReduction": 500}),
        (
            {"ApplianceLoadReduction": {"type": 1}},
            {"ApplianceLoadReduction": 1},
            {"ApplianceLoadReduction": 1},
        ),
    ],
)
def test_what_is_asked_and_how_it_is_said_to_be_done(
    action: dict[str, Any], less: dict[str, Any], more: dict[str, Any]
) -> None:
    for forward, expected in ((False, less), (True, more)):
        modes = loadcontrol.modes(load_control("a", 0, 9, action, loadShiftForward=forward))
        assert modes == expected and set(modes) <= loadcontrol.MODES
        done = loadcontrol.applied_fields(modes)
        assert done.pop("AppliedTargetReduction", action.get("TargetReduction")) == action.get(
            "TargetReduction"
        )
        assert done == {name: value for name, value in action.items() if name != "TargetReduction"}


def test_a_reduction_in_kilowatts_is_one_in_watts_and_one_in_litres_is_for_others() -> None:
    assert loadcontrol.modes(load_control("a", 0, 9, {"TargetReduction": {"type": 1, "value": 2}})) == {
        "TargetReduction": 2000
    }
    other = loadcontrol.modes(load_control("a", 0, 9, {"TargetReduction": {"type": 8, "value": 2}}))
    assert other and not set(other) & loadcontrol.MODES and loadcontrol.applied_fields(other) == {}


def test_off_comes_before_on() -> None:
    half = LoadControl(duty_cycle=0.3, duty_cycle_start=100)
    on = [not half.is_off(100 + second) for second in range(3600)]
    assert on.index(True) == 1260 and sum(on) == 2 * 540 and on[1800:] == on[:1800]
    assert LoadControl(duty_cycle=0.0).is_off(5) and not LoadControl().is_off(5)


@pytest.mark.parametrize(
    "load_control, running, max_load_w",
    [
        (LoadControl(), False, 7000),
        (LoadControl(load_fraction=0.7), True, 4900),
        (LoadControl(load_fraction=1.3), True, 7000),
        (LoadControl(reduction_w=500), True, 6500),
        (LoadControl(reduction_w=9000), True, 0),
        (LoadControl(appliance_reduction=ApplianceLoadReduction.TEMPORARY_REDUCTION), True, 0),
        (LoadControl(appliance_reduction=ApplianceLoadReduction.DELAY), True, 7000),
        (LoadControl(appliance_reduction=ApplianceLoadReduction.DELAY), False, 0),
        (LoadControl(duty_cycle=0.0), True, 0),
    ],
)
def test_how_much_may_be_used(load_control: LoadControl, running: bool, max_load_w: float) -> None:
    assert load_control.max_load_w(7000, 0, running) == max_load_w


# --- the schedule ---------------------------------------------------------------------------------

def follow(*controls: dict[str, Any], looks: dict[int, str], until: int = 400) -> list[tuple[int, int, int]]:
    """(second, status, seconds overridden) of each answer; `looks` says when the customer opts "out" or "in"
    of `a`."""
    schedule, answers = Schedule(), []
    for now in range(0, until, 10):
        here = [control for control in controls if control["creationTime"] <= now]
        schedule, done = advance(schedule, events(*here), now, Thermostat.modes)
        if now in looks:
            schedule, more = opt(schedule, mrid("a"), looks[now] == "out")
            done += more
        answers += [(control.at, control.status, control.overridden_s) for control in done]
    return answers


@pytest.mark.parametrize("allowed, looks, expected", [
    (0, {}, [(0, 1, 0), (100, 2, 0), (300, 3, 0)]),
    (60, {150: "out", 200: "in"}, [(0, 1, 0), (100, 2, 0), (150, 4, 0), (200, 5, 0), (300, 8, 50)]),
    (40, {150: "out", 200: "in"}, [(0, 1, 0), (100, 2, 0), (150, 4, 0), (200, 5, 0), (300, 10, 50)]),
    (200, {150: "out"}, [(0, 1, 0), (100, 2, 0), (150, 4, 0), (300, 8, 150)]),
    (0, {150: "out"}, [(0, 1, 0), (100, 2, 0), (150, 4, 0), (300, 10, 150)]),
    (199, {50: "out"}, [(0, 1, 0), (50, 4, 0), (300, 10, 200)]),
    (0, {50: "out", 80: "in"}, [(0, 1, 0), (50, 4, 0), (80, 5, 0), (100, 2, 0), (300, 8, 0)])])
def test_who_overrides_for_no_longer_than_is_allowed_has_taken_part(
    allowed: int, looks: dict[int, str], expected: list[tuple[int, int, int]]
) -> None:
    assert follow(load_control("a", 100, 200, overrideDuration=allowed), looks=looks) == expected


def test_a_load_control_is_followed_whole_or_not_at_all() -> None:
    older = load_control("a", 100, 200, HEAT)
    newer = load_control("b", 150, 100, {"DutyCycle": {"normalValue": 50}}, created=1, category="00000003")
    answers = follow(older, newer, looks={})
    assert answers == [(0, 1, 0), (10, 1, 0), (100, 2, 0), (150, 7, 0), (150, 2, 0), (250, 3, 0)]


@pytest.mark.parametrize(
    "action, status",
    [
        ({}, 253),
        ({"ApplianceLoadReduction": {"type": 1}}, 252),
        ({"TargetReduction": {"type": 2, "value": 5}}, 252),
    ],
)
def test_what_a_thermostat_cannot_do_it_says(action: dict[str, Any], status: int) -> None:
    assert follow(load_control("a", 100, 200, action), looks={}) == [(0, status, 0)]


def test_what_is_for_other_categories_is_nothing_to_it() -> None:
    assert events(load_control("a", 100, 200, category="00000008")) == []


# --- physics --------------------------------------------------------------------------------------

def warm(hours: float = 12) -> Thermostat:
    return Thermostat(site=COLD).run(PowerOrder(), WINTER, WINTER + hours * 3600)


def lived(model: Thermostat, load_control: LoadControl, hours: float) -> tuple[Thermostat, list[float]]:
    """Return the model after so many hours under a load control, and its temperature minute by minute."""
    rooms, now = [], WINTER + 12 * 3600.0
    for _ in range(int(hours * 60)):
        model = model.step(PowerOrder(load_control=load_control), now, 60)
        rooms.append(model.indoor_c)
        now += 60
    return model, rooms


def test_an_offset_lets_the_room_cool_by_so_much_and_saves() -> None:
    before = warm()
    usual, _ = lived(before, LoadControl(), 12)
    saved, rooms = lived(before, LoadControl(heating_offset_k=-1.0), 12)
    assert min(rooms) == pytest.approx(21 - 1.0 - 0.5, abs=0.1) and not saved.uncomfortable
    assert saved.absorbed_wh - before.absorbed_wh < 0.97 * (usual.absorbed_wh - before.absorbed_wh)


@pytest.mark.parametrize("load_control", [
    LoadControl(heating_offset_k=-9.0),
    LoadControl(heating_setpoint_c=5.0),
    LoadControl(cooling_offset_k=-1.5),
])
def test_no_set_point_goes_further_than_comfort(load_control: LoadControl) -> None:
    after, rooms = lived(warm(), load_control, 24)
    assert min(rooms) >= 19 - 0.1 and not after.uncomfortable


def test_forward_means_to_heat_ahead() -> None:
    before = warm()
    after, rooms = lived(before, LoadControl(heating_offset_k=1.5), 6)
    usual, _ = lived(before, LoadControl(), 6)
    assert 22 < max(rooms) <= 23.1 and after.absorbed_wh > usual.absorbed_wh + 1000
    assert after.direction >= 0, "and not to cool what was heated"


def test_what_was_heated_ahead_is_not_cooled_again_when_the_event_is_over() -> None:
    before = replace(warm(), indoor_c=22.5)
    after, rooms = lived(before, LoadControl(), 0.5)
    assert after.absorbed_wh == before.absorbed_wh and 21 < rooms[-1] < 22.5


def test_a_quarter_of_the_time_is_a_quarter_of_the_power_at_most_and_ends_at_comfort() -> None:
    before = replace(warm(), indoor_c=20.4, direction=1)
    after, _ = lived(before, LoadControl(duty_cycle=0.25, duty_cycle_start=WINTER), 2)
    assert 900 < after.absorbed_wh - before.absorbed_wh <= 2000 * 2 * 0.25
    assert lived(before, LoadControl(duty_cycle=0.0, duty_cycle_start=WINTER), 24)[0].uncomfortable


@given(
    some.floats(-5, 5),
    some.floats(-5, 5),
    some.none() | some.floats(10, 30),
    some.none() | some.floats(10, 30),
    some.floats(-20, 40),
)
def test_set_points_stay_in_order_and_within_comfort(
    heating: float, cooling: float, heat_to: float | None, cool_to: float | None, outside: float
) -> None:
    model = Thermostat()
    heat, cool = model.set_points_c(LoadControl(heating, cooling, heat_to, cool_to), outside)
    assert 19.5 <= heat <= cool <= 22.5
    done = model.applied_load_control(
        {"heatingOffset": heating, "coolingSetpoint": 30.0, "DutyCycle": 0.5, "TargetReduction": 5}
    )
    assert done["Offset"]["heatingOffset"] <= 15 and done["SetPoint"] == {"coolingSetpoint": 2250}
    assert "AppliedTargetReduction" not in done and done["DutyCycle"] == {"normalValue": 50}


def test_how_long_a_room_lasts() -> None:
    model = replace(warm(), indoor_c=21.0, direction=1, outdoor_c=0.0)
    assert model.shed_duration_s == pytest.approx(15 * 3600 * 0.09997, rel=1e-2)      # ln(21 / 19)
    assert replace(model, direction=0).shed_duration_s == 0
    assert replace(model, indoor_c=18.9).shed_duration_s == 0
    assert replace(model, outdoor_c=20.0).shed_duration_s == DAY
    cooling = replace(model, indoor_c=21.0, direction=-1, outdoor_c=40.0)
    assert cooling.shed_duration_s == pytest.approx(15 * 3600 * 0.1112, rel=1e-2)


@pytest.mark.parametrize(
    "load_control, injection_w",
    [
        (LoadControl(), -7400),
        (LoadControl(load_fraction=0.5), -3700),
        (LoadControl(reduction_w=2400), -5000),
        (LoadControl(appliance_reduction=ApplianceLoadReduction.TEMPORARY_REDUCTION), 0),
        (LoadControl(appliance_reduction=ApplianceLoadReduction.DELAY), 0),
        (LoadControl(reduction_w=6500), 0),
    ],
)
def test_a_charger_charges_as_much_as_it_may(load_control: LoadControl, injection_w: float) -> None:
    assert STAY is not None
    order = PowerOrder(load_control=load_control)
    assert EvCharger(site=CAR).step(order, STAY.arrival, 60).injection_w == injection_w


def test_a_charger_that_runs_need_not_break_off_for_a_delay() -> None:
    assert STAY is not None
    running = EvCharger(site=CAR).step(PowerOrder(), STAY.arrival, 60)
    delay = PowerOrder(load_control=LoadControl(appliance_reduction=ApplianceLoadReduction.DELAY))
    assert running.step(delay, STAY.arrival + 60, 60).injection_w == -7400
    slack = STAY.departure - STAY.arrival - 60 - running.chargeable_wh / 7400 * 3600
    assert running.shed_duration_s == pytest.approx(slack)
