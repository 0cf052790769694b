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
    ("DefaultDERControl", "setGradW", "100", 100),
])
def test_a_text_becomes_the_value_of_the_element(type_name: str, name: str, text: str, expected: Any) -> None:
    assert elementvalues.data(type_name, {name: text}) == {name: expected}


@pytest.mark.parametrize("name, text, reason", [
    ("opModWind", "1", "DERControlBase has no opModWind"),
    ("opModMaxLimW", "half", "opModMaxLimW=half: a number is needed, such as 5000, 50% or 3kW"),
    ("opModMaxLimW", "50.001%", "opModMaxLimW=50.001%: a whole number is needed"),
    ("opModConnect", "perhaps", "opModConnect=perhaps: yes or no is needed"),
    ("opModFixedVar", "5",
     "opModFixedVar=5: this is a FixedVarControlType: write it as JSON with refType, value"),
    ("opModFixedVar", "{", "opModFixedVar={: "),
])
def test_what_does_not_fit_is_refused_with_name_value_and_remedy(name: str, text: str, reason: str) -> None:
    with pytest.raises(Refused) as refused:
        elementvalues.data("DERControlBase", {name: text})
    assert refused.value.status == 400 and refused.value.why.startswith(reason)
