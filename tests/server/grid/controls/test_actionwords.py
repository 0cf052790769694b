"""Actions of load controls, as people read them."""
from __future__ import annotations

from typing import Any

import pytest

from server.grid.controls import actionwords


@pytest.mark.parametrize("action, forward, words", [
    ({"DutyCycle": {"normalValue": 50}}, False, ["duty cycle 50 %"]),
    ({"Offset": {"heatingOffset": 15, "coolingOffset": 20}}, False, ["heat 1.5 °C less", "cool 2 °C less"]),
    ({"Offset": {"heatingOffset": 15}}, True, ["heat 1.5 °C more"]),
    ({"Offset": {"loadAdjustmentPercentageOffset": 3050}}, False, ["load 30.5 % less"]),
    ({"SetPoint": {"heatingSetpoint": 1950}}, False, ["heat to 19.5 °C"]),
    ({"TargetReduction": {"type": 0, "value": 3}}, False, ["use 3 kWh less"]),
    ({"TargetReduction": {"type": 9, "value": 3}}, True, ["use 3 of unit 9 more"]),
    ({"ApplianceLoadReduction": {"type": 0}}, False, ["delay the start"]),
    ({"ApplianceLoadReduction": {"type": 7}}, False, ["appliance action 7"]),
])
def test_an_action_in_words(action: dict[str, Any], forward: bool, words: list[str]) -> None:
    assert actionwords.in_words(action, forward) == words
