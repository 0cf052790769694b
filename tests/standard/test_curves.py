"""Modes and curves: what the schema says in words of DERControlBase, DERCurve and CurveData (IEEE
2030.5-2018,
10.10)."""
from __future__ import annotations

from typing import Any

import pytest

from server.errors import Refused
from server.grid.controls import defaultcontrols, dercontrols
from server.grid.groups import virtualders
from server.operations import controls as operations
from tests.peers import Peer

CURVE = {"curveType": 11, "CurveData": [{"xvalue": 95, "yvalue": 44}, {"xvalue": 105, "yvalue": -44}],
         "xMultiplier": 0, "yMultiplier": 0, "yRefType": 2}
WATT_PF = {"curveType": 13, "yRefType": 0, "yMultiplier": -2,
           "CurveData": [{"xvalue": 50, "yvalue": 100, "excitation": False},
                         {"xvalue": 100, "yvalue": 95, "excitation": True}]}


@pytest.fixture
def street(device: Peer) -> Peer:
    virtualders.create("street", members=["one"])
    return device


def test_a_control_leads_to_a_curve_of_its_own_program_and_mode(street: Peer) -> None:
    """opModX is a link to a DERCurve of curveType X, which the device can read: one of another program is 404
    for it."""
    virtualders.create("other")
    own, others = (defaultcontrols.add_curve(name, CURVE)["href"] for name in ("street", "other"))
    assert (street.get(own).status, street.get(others).status) == (200, 404)
    for post in (lambda base: dercontrols.post("street", base, 600),
                 lambda base: defaultcontrols.set_default("street", base)):
        for mode, href, why in (
                ("opModVoltVar", others, "another virtual DER"), ("opModVoltWatt", own, "opModVoltVar"),
                ("opModVoltVar", "/derp/1/dc/9", "no curve"), ("opModVoltVar", "/derp/1", "no curve")):
            with pytest.raises(Refused, match=why):
                post({mode: {"href": href}})
        post({"opModVoltVar": {"href": own}})


@pytest.mark.parametrize("curve, why", [
    ({"curveType": 0, "yRefType": 1, "vRef": 10000}, "vRef: it is for opModVoltVar"),
    ({"curveType": 12, "yRefType": 1, "autonomousVRefEnable": False}, "autonomousVRefEnable"),
    ({"autonomousVRefEnable": True}, "autonomousVRefTimeConstant: it is needed"),
    ({"yRefType": 5}, "1 or 2 or 3, not 5"),
    ({"curveType": 12, "yRefType": 2}, "1 or 7, not 2"),
    ({"curveType": 0, "yRefType": 0}, "yRefType"),
    ({"yMultiplier": 12}, "-9 to 9"),
    ({"CurveData": [{"xvalue": 1, "yvalue": 1, "excitation": True}]}, "no power factor"),
    ({**WATT_PF, "CurveData": [{"xvalue": 1, "yvalue": 95}]}, "say whether vars are absorbed"),
    ({**WATT_PF, "CurveData": [{"xvalue": 1, "yvalue": -95, "excitation": True}]}, "more than 0"),
    ({**WATT_PF, "CurveData": [{"xvalue": 1, "yvalue": 101, "excitation": True}]}, "at most 1"),
])
def test_a_curve_has_what_its_type_has(street: Peer, curve: dict[str, Any], why: str) -> None:
    """DERCurve and CurveData, annotations: vRef and its company for VoltVar alone, excitation for power
    factors
    alone, and what y is relative to by the mode."""
    with pytest.raises(Refused, match=why):
        defaultcontrols.add_curve("street", {**CURVE, **curve})


@pytest.mark.parametrize("curve", [
    {"vRef": 10000, "autonomousVRefEnable": True, "autonomousVRefTimeConstant": 30000}, {"yRefType": 3},
    WATT_PF,
    {"curveType": 12, "yRefType": 7}, {"curveType": 10, "yRefType": 4}, {"curveType": 2, "yRefType": 0},
    {"yMultiplier": -9}])
def test_a_curve_that_fits_is_read_by_devices(street: Peer, curve: dict[str, Any]) -> None:
    href = defaultcontrols.add_curve("street", {**CURVE, **curve})["href"]
    assert street.get(href).data["CurveData"] == {**CURVE, **curve}["CurveData"]


def test_points_of_a_power_factor_say_how_vars_flow(street: Peer) -> None:
    points = ["50,100,injecting", "100,95,absorbing"]
    added = operations.curve("street", curve_type="opModWattPF", points=points, y_multiplier=-2, y_ref_type=0)
    assert street.get(added["href"]).data["CurveData"] == WATT_PF["CurveData"]


@pytest.mark.parametrize("base, why", [
    ({"opModFixedVar": {"refType": 7, "value": 100}}, "refType 7"),
    ({"opModFixedVar": {"refType": 2, "value": 10001}}, "-100 to 100 %"),
    ({"opModFixedPFInjectW": {"displacement": 1500, "excitation": True, "multiplier": -3}}, "more than 1"),
    ({"opModFixedPFAbsorbW": {"displacement": 2, "excitation": True, "multiplier": 0}}, "more than 1"),
    ({"opModTargetW": {"multiplier": 12, "value": 1}}, "multiplier 12"),
    ({"opModTargetVar": {"multiplier": -10, "value": 1}}, "multiplier -10"),
])
def test_values_are_within_what_their_types_mean(street: Peer, base: dict[str, Any], why: str) -> None:
    """FixedVar is relative to one of three ratings, a displacement is at most 1, and powers of ten go from -9
    to 9."""
    with pytest.raises(Refused, match=why):
        dercontrols.post("street", base, 600)


@pytest.mark.parametrize("base", [
    {"opModFixedVar": {"refType": 3, "value": -10000}},
    {"opModFixedPFInjectW": {"displacement": 1000, "excitation": True, "multiplier": -3}},
    {"opModTargetW": {"multiplier": 9, "value": 1}}, {"opModTargetW": {"multiplier": -9, "value": -1}}])
def test_the_greatest_values_are_taken(street: Peer, base: dict[str, Any]) -> None:
    assert dercontrols.post("street", base, 600)["base"] == base
