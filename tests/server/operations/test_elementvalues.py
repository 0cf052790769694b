"""Values of elements as people write them, by the types of the schema."""
from __future__ import annotations

from typing import Any

import pytest

from server.errors import Refused
from server.operations import elementvalues


@pytest.mark.parametrize("type_name, name, text, expected", [
    ("DERControlBase", "opModMaxLimW", "50%", 5000),
    ("DERControlBase", "opModConnect", "no", False),
    ("DERControlBase", "opModConnect", "on", True),
    ("DERControlBase", "opModTargetW", "-3kW", {"multiplier": 0, "value": -3000}),
    ("DERControlBase", "opModVoltVar", "/derp/1/dc/2", {"href": "/derp/1/dc/2"}),
    ("DERControlBase", "opModFixedVar", '{"refType": 3, "value": 1000}', {"refType": 3, "value": 1000}),
    ("DERControlBase", "csipaus:opModExpLimW", "1.5kW", {"multiplier": 0, "value": 1500}),
    ("DERControlBase", "csipaus:opModImpLimW", "5 kW", {"multiplier": 0, "value": 5000}),
    ("DERControlBase", "opModTargetW", "5000", {"multiplier": 0, "value": 5000}),
    ("DERControlBase", "opModFixedW", "-20%", -2000),
    ("DERControlBase", "opModMaxLimWInject", "60kW", {"multiplier": 1, "value": 6000}),
    ("DERControlBase", "opModTargetV", "230.5V", {"multiplier": -1, "value": 2305}),
    ("DERControlBase", "rampTms", "1.5s", 150),
    ("DefaultDERControl", "setGradW", "1%/s", 100),
    ("DefaultDERControl", "setESDelay", "5m", 30_000),
    ("DERCurve", "vRef", "100%", 10_000),
    ("DERCurve", "version", "3", 3),
])
def test_a_text_becomes_the_value_of_the_element(type_name: str, name: str, text: str, expected: Any) -> None:
    assert elementvalues.data(type_name, {name: text}) == {name: expected}


@pytest.mark.parametrize("name, text, reason", [
    ("opModWind", "1", "DERControlBase has no opModWind"),
    ("opmodmaxlimw", "1", "DERControlBase has no opmodmaxlimw; did you mean opModMaxLimW?"),
    ("opModImpLimW", "1", "DERControlBase has no opModImpLimW; did you mean csipaus:opModImpLimW?"),
    ("opModMaxLimW", "half", "opModMaxLimW=half: half is not a number such as 50%"),
    ("opModMaxLimW", "50.001%", "opModMaxLimW=50.001%: it is counted in steps of 0.01 %"),
    ("opModMaxLimW", "100", "opModMaxLimW=100: 100 has no unit; write 100%"),
    ("opModMaxLimW", "-5%", "opModMaxLimW=-5%: it cannot be negative"),
    ("csipaus:opModImpLimW", "5KW", "csipaus:opModImpLimW=5KW: 5KW has a unit in the wrong case; write 5kW"),
    ("csipaus:opModImpLimW", "5kw", "csipaus:opModImpLimW=5kw: 5kw has a unit in the wrong case; write 5kW"),
    ("csipaus:opModImpLimW", "-5kW", "csipaus:opModImpLimW=-5kW: it cannot be negative"),
    ("opModTargetW", "50%", "opModTargetW=50%: 50% is a percentage; active power is needed, in W"),
    ("opModTargetW", "3kWh", "opModTargetW=3kWh: 3kWh is energy; active power is needed, in W"),
    ("opModFixedW", "2kW", "opModFixedW=2kW: 2kW is active power; a percentage is needed, in %"),
    ("rampTms", "500", "rampTms=500: 500 has no unit; write 500s"),
    ("opModConnect", "perhaps", "opModConnect=perhaps: yes or no is needed"),
    ("opModFixedVar", "5",
     "opModFixedVar=5: this is a FixedVarControlType: write it as JSON with refType, value"),
    ("opModFixedVar", "{", "opModFixedVar={: "),
])
def test_what_does_not_fit_is_refused_with_name_value_and_remedy(name: str, text: str, reason: str) -> None:
    with pytest.raises(Refused) as refused:
        elementvalues.data("DERControlBase", {name: text})
    assert refused.value.status == 400 and refused.value.why.startswith(reason)
