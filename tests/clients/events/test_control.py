"""Defaults and events merged, and put into watts."""
from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from clients.events.control import (ActiveMode, Default, PowerOrder, Settings, effective_gradient,
                                    merge_modes, power_order)
from clients.events.curves import Curve, curve
from clients.events.schedule import Schedule, advance
from tests.clients.controls import ALL, control, events, mrid

SETTINGS = Settings(max_w=5000, max_charge_w=4000, max_discharge_w=0, max_var=2000)
STORE = SETTINGS._replace(max_discharge_w=3000)


def default(program: str, primacy: int, **base: Any) -> Default:
    return Default(program, primacy, {"DERControlBase": base})


def sources(modes: dict[str, Any], *defaults: Default, supported: frozenset[str] = ALL) -> dict[str, str]:
    """Who holds which mode, with one event of these modes running (none where there are no modes)."""
    scheduled = events(control("a", 0, 100, **modes)) if modes else []
    schedule, _ = advance(Schedule(), scheduled, 10, ALL)
    return {mode: active.source for mode,
            active in merge_modes(schedule.running, defaults, supported).items()}


A, FAR, NEAR = mrid("a"), "/derp/1", "/derp/2"


@pytest.mark.parametrize("modes, defaults, held", [
    ({}, [], {}),
    ({}, [default(FAR, 9, opModMaxLimW=1)], {"opModMaxLimW": FAR}),
    ({"opModMaxLimW": 2}, [], {"opModMaxLimW": A}),
    ({"opModMaxLimW": 2}, [default(FAR, 9, opModMaxLimW=1)], {"opModMaxLimW": A}),
    ({"opModConnect": True}, [default(FAR, 9, opModMaxLimW=1)], {"opModConnect": A, "opModMaxLimW": FAR}),
    ({}, [default(FAR, 9, opModMaxLimW=1, opModConnect=True), default(NEAR, 1, opModMaxLimW=2)],
     {"opModMaxLimW": NEAR, "opModConnect": FAR}),
    ({"opModTargetW": {"value": 1, "multiplier": 0}}, [default(FAR, 9, opModFixedW=1)], {"opModTargetW": A}),
])
def test_events_go_before_defaults_mode_by_mode(modes: dict[str, Any], defaults: list[Default],
                                                held: dict[str, str]) -> None:
    assert sources(modes, *defaults) == held


def test_a_mode_that_the_device_does_not_have_is_left_out() -> None:
    assert sources({"opModMaxLimW": 1, "opModFixedW": 1}, supported=frozenset({"opModFixedW"})) == {
        "opModFixedW": A
    }


def active_power(watts: int) -> dict[str, int]:
    return {"value": watts // 10, "multiplier": 1}


@pytest.mark.parametrize(
    "mode, value, settings, field, expected",
    [
        ("opModFixedW", 5000, SETTINGS, "target_w", 2500),
        ("opModFixedW", 5000, STORE, "target_w", 1500),
        ("opModFixedW", -5000, STORE, "target_w", -2000),
        ("opModFixedW", 0, STORE, "target_w", 0),
        ("opModTargetW", active_power(-1230), STORE, "target_w", -1230),
        ("opModMaxLimW", 2500, SETTINGS, "max_injection_w", 1250),
        ("csipaus:opModGenLimW", active_power(900), SETTINGS, "max_injection_w", 900),
        ("csipaus:opModLoadLimW", active_power(800), SETTINGS, "max_absorption_w", 800),
        ("csipaus:opModExpLimW", active_power(700), SETTINGS, "max_export_w", 700),
        ("csipaus:opModImpLimW", active_power(600), SETTINGS, "max_import_w", 600),
        ("opModConnect", False, SETTINGS, "connect", False),
        ("opModEnergize", False, SETTINGS, "connect", False),
        (
            "opModFixedPFInjectW",
            {"displacement": 95, "excitation": False, "multiplier": -2},
            SETTINGS,
            "power_factor",
            0.95,
        ),
        (
            "opModFixedPFInjectW",
            {"displacement": 95, "excitation": True, "multiplier": -2},
            SETTINGS,
            "power_factor",
            -0.95,
        ),
        ("opModFixedVar", {"refType": 2, "value": -5000}, SETTINGS, "target_var", -1000),
        ("opModFixedVar", {"refType": 1, "value": 1000}, SETTINGS, "target_var", 500),
        ("opModTargetVar", active_power(-300), SETTINGS, "target_var", -300),
    ],
)
def test_a_mode_in_watts(mode: str, value: Any, settings: Settings, field: str, expected: Any) -> None:
    order = power_order({mode: ActiveMode(value, "/derp/1")}, settings, {})
    assert getattr(order, field) == pytest.approx(expected)
    assert order._replace(**{field: getattr(PowerOrder(), field)}) == PowerOrder(), "and nothing else"


def test_the_tighter_of_two_limits_counts() -> None:
    held = {"opModMaxLimW": ActiveMode(5000, "x"), "csipaus:opModGenLimW": ActiveMode(active_power(900), "x")}
    assert power_order(held, SETTINGS, {}).max_injection_w == 900


def test_the_ramp_of_an_event_goes_before_the_default_gradient() -> None:
    graded = SETTINGS._replace(gradient_percent_per_s=10)
    held = {"opModMaxLimW": ActiveMode(5000, "x", 2000)}
    assert power_order(held, graded, {}, change_w=-1000).gradient_w_per_s == 50
    unramped = {"opModMaxLimW": ActiveMode(5000, "x")}
    assert power_order(unramped, graded, {}, change_w=-1000).gradient_w_per_s == 500
    assert power_order(held, SETTINGS, {}).gradient_w_per_s == math.inf


def test_the_gradient_is_the_best_defaults_else_the_devices_own() -> None:
    far, near = Default(FAR, 9, {"setGradW": 100}), Default(NEAR, 1, {"setGradW": 50})
    assert effective_gradient([far, near], SETTINGS) == 0.5
    assert effective_gradient([far, Default(NEAR, 1, {})], SETTINGS) == 1.0
    assert effective_gradient([], SETTINGS._replace(gradient_percent_per_s=3)) == 3


@given(some.floats(-9000, 9000), some.floats(0, 9000), some.floats(0, 9000), some.floats(0, 9000),
       some.floats(0, 9000), some.floats(-5000, 5000))
def test_bounds_never_make_power_flow(
    watts: float, inject: float, absorb: float, export: float, import_: float, load: float
) -> None:
    order = PowerOrder(
        max_injection_w=inject, max_absorption_w=absorb, max_export_w=export, max_import_w=import_
    )
    bounded = order.bounded(watts, load)
    assert abs(bounded) <= abs(watts) and bounded * watts >= 0
    assert -absorb <= bounded <= inject
    if bounded > 0:
        assert bounded - load <= export + 1e-6
    if bounded < 0:
        assert load - bounded <= import_ + 1e-6


VOLT_WATT = {
    "CurveData": [{"xvalue": 11000, "yvalue": 20}, {"xvalue": 10600, "yvalue": 100}],
    "xMultiplier": -2,
    "yMultiplier": 0,
    "yRefType": 1,
}


@pytest.mark.parametrize("x, y", [(90, 100), (106, 100), (108, 60), (110, 20), (130, 20)])
def test_a_curve_is_piecewise_linear_and_level_outside(x: float, y: float) -> None:
    assert curve(VOLT_WATT).at(x) == pytest.approx(y)


def test_a_curve_may_have_a_step_and_a_reference_voltage() -> None:
    stepped = Curve(((100.0, 1.0), (100.0, 5.0), (110.0, 5.0)), 1)
    assert (stepped.at(99.9), stepped.at(100), stepped.at(105)) == (1, 5, 5)
    assert curve(VOLT_WATT | {"vRef": 10100}).points[0] == (pytest.approx(107.06), 100)


def test_a_curve_is_found_by_its_link() -> None:
    held = {"opModVoltVar": ActiveMode({"href": "/derp/1/dc/2"}, "x")}
    known = {"/derp/1/dc/2": curve(VOLT_WATT)}
    assert power_order(held, SETTINGS, known).volt_var == known["/derp/1/dc/2"]
    assert power_order(held, SETTINGS, {}).volt_var is None
