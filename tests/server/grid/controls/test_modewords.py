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
