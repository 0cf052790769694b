"""What a control says, in words."""
from __future__ import annotations

from typing import Any

import pytest

from server.grid.controls.modewords import in_words


@pytest.mark.parametrize("data, expected", [
    ({"opModMaxLimW": 5000}, "max limit W 50 % of setMaxW"),
    ({"opModFixedW": 2000}, "fixed W 20 % of setMaxW, or setMaxDischargeRateW of storage"),
    ({"opModFixedW": -2000}, "fixed W -20 % of setMaxChargeRateW"),
    ({"opModTargetW": {"multiplier": 3, "value": -5}}, "target W -5000 W"),
    ({"csipaus:opModImpLimW": {"multiplier": 0, "value": 1500}}, "import limit W 1500 W"),
    ({"opModTargetV": {"multiplier": -1, "value": 2305}}, "target V 230.5 V"),
    ({"opModConnect": False}, "connect no"),
    ({"opModVoltVar": {"href": "/derp/1/dc/2"}}, "volt var by curve /derp/1/dc/2"),
    ({"opModFixedVar": {"refType": 2, "value": 1000}}, "fixed var 10 % of setMaxVar"),
    ({"opModFixedVar": {"refType": 99, "value": 1000}}, "fixed var 10 % of reference 99"),
    ({"opModFixedPFInjectW": {"displacement": 950, "excitation": True, "multiplier": -3}},
     "fixed PF inject W 0.95 under-excited (absorbing vars)"),
    ({"opModFreqDroop": {"dBOF": 30}}, 'freq droop {"dBOF": 30}'),
    ({"rampTms": 500}, "ramp tms 5 s"),
])
def test_a_mode_is_said_with_value_unit_and_reference(data: dict[str, Any], expected: str) -> None:
    assert in_words("DERControlBase", data) == [expected]


def test_a_default_says_its_modes_and_its_own_elements() -> None:
    default = {"mRID": "AB", "DERControlBase": {"opModMaxLimW": 5000}, "setGradW": 100}
    assert in_words("DefaultDERControl", default) == [
        "max limit W 50 % of setMaxW", "grad W 1 % of setMaxW per second"]


@pytest.mark.parametrize("data, expected", [
    ({"modesSupported": "00100085"}, "modes supported charge, connect, fixed W, max limit W"),
    ({"modesSupported": "00000000"}, "modes supported none"),
    ({"rtgMaxWh": {"multiplier": 3, "value": 13}}, "max Wh 13000 Wh"),
    ({"rtgMinPFOverExcited": {"displacement": 800, "multiplier": -3}}, "min PF over excited 0.8"),
    ({"rtgAbnormalCategory": 2}, "abnormal category II"), ({"type": 83}, "type PV and storage"),
    ({"type": 7}, "type code 7"),
    ({"csipaus:doeModesSupported": "13"}, "DOE modes supported export limit W, import limit W, bit 4")])
def test_ratings_and_modes_of_a_der_are_words(data: dict[str, Any], expected: str) -> None:
    assert in_words("DERCapability", data) == [expected]


@pytest.mark.parametrize("data, expected", [
    ({"alarmStatus": "00000000"}, "alarm status none"),
    ({"alarmStatus": "00000402"}, "alarm status over voltage, phase rotation"),
    ({"genConnectStatus": {"dateTime": 0, "value": "07"}},
     "generation connect status connected, available, operating since 1970-01-01T00:00Z"),
    ({"connectStatus": {"dateTime": 0, "value": "02"}}, "connect status energized since 1970-01-01T00:00Z"),
    ({"inverterStatus": {"dateTime": 0, "value": 4}}, "inverter status tracking since 1970-01-01T00:00Z"),
    ({"manufacturerStatus": {"dateTime": 0, "value": "OK"}},
     "manufacturer status OK since 1970-01-01T00:00Z"),
    ({"stateOfChargeStatus": {"dateTime": 0, "value": 7250}},
     "state of charge status 72.5 % since 1970-01-01T00:00Z"),
    ({"readingTime": 60}, "reading time 1970-01-01T00:01Z"), ({"subscribable": 1}, None)])
def test_the_status_of_a_der_is_words(data: dict[str, Any], expected: str | None) -> None:
    assert in_words("DERStatus", data) == [expected] * (expected is not None)
