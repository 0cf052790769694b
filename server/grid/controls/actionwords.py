"""What the actions of an EndDeviceControl say, in words: `duty cycle 50 %`, `heat to 19 °C`. Pure."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from server.resources.codes import ApplianceLoadReduction, ReductionUnit

_UNITS: Mapping[int, str] = {ReductionUnit.KWH: "kWh", ReductionUnit.KW: "kW", ReductionUnit.W: "W",
          ReductionUnit.CUBIC_METRES: "m³", ReductionUnit.MEGAJOULES: "MJ"}
_APPLIANCES: Mapping[int, str] = {ApplianceLoadReduction.DELAY: "delay the start",
               ApplianceLoadReduction.TEMPORARY_REDUCTION: "reduce for a while"}
# By element and field: tenths and hundredths of a degree C, hundredths of a percent.
_FIELDS: Mapping[str, Mapping[str, Callable[[int], str]]] = {
    "Offset": {
        "heatingOffset": lambda tenths: f"heat {tenths / 10:g} °C less",
        "coolingOffset": lambda tenths: f"cool {tenths / 10:g} °C less",
        "loadAdjustmentPercentageOffset": lambda parts: f"load {parts / 100:g} % less",
    },
    "SetPoint": {
        "heatingSetpoint": lambda hundredths: f"heat to {hundredths / 100:g} °C",
        "coolingSetpoint": lambda hundredths: f"cool to {hundredths / 100:g} °C",
    },
    "DutyCycle": {"normalValue": lambda percent: f"duty cycle {percent} %"},
    "ApplianceLoadReduction": {"type": lambda code: _APPLIANCES.get(code, f"appliance action {code}")},
}


def in_words(action: Mapping[str, Any], forward: bool = False) -> list[str]:
    """Return what each part of the actions says; with `forward` loads are to use more, ahead of time."""
    words: list[str] = []
    for name, fields in action.items():
        if name == "TargetReduction":
            unit = _UNITS.get(fields["type"], f"of unit {fields['type']}")
            words.append(f"use {fields['value']} {unit} {'more' if forward else 'less'}")
        for field, text in _FIELDS.get(name, {}).items():
            if field in fields:
                said = text(fields[field])
                words.append(said.replace(" less", " more") if forward else said)
    return words
