"""The units of elements: which one a value has, and how many of its integers are one unit. Pure.

Quantities of the standard are integers with a power of ten beside them, or integers that count hundredths.
The type of an element tells which; for plain integers the element's name has to.
"""
from __future__ import annotations

from typing import NamedTuple

from server.resources.schema import FieldSpec


class ElementUnit(NamedTuple):
    """The unit of an element; `parts` of its integers make one, 0 where a power of ten is beside them."""
    unit: str
    parts: int
    signed: bool


# By the name of the type, or of one that it extends.
_TYPES = {
    "ActivePower": ("W", True), "UnsignedActivePower": ("W", False),
    "ReactivePower": ("var", True), "UnsignedReactivePower": ("var", False),
    "ApparentPower": ("VA", False), "CurrentRMS": ("A", False), "VoltageRMS": ("V", False),
    "RealEnergy": ("Wh", False), "SignedRealEnergy": ("Wh", True), "WattHour": ("Wh", False),
    "AmpereHour": ("Ah", False),
}
_PERCENT_TYPES = {"PerCent": False, "SignedPerCent": True}
_HUNDREDTHS = 100
# Elements whose type is a plain integer.
_ELEMENTS = {
    **dict.fromkeys(("rampTms", "setESDelay", "setESRampTms", "setESRandomDelay", "openLoopTms", "rampPT1Tms",
                     "autonomousVRefTimeConstant"), "s"),
    **dict.fromkeys(("setESHighFreq", "setESLowFreq"), "Hz"),
    **dict.fromkeys(("setESHighVolt", "setESLowVolt"), "%"),
    **dict.fromkeys(("setGradW", "setSoftGradW", "rampDecTms", "rampIncTms"), "%/s"),
}


def unit_of(field: FieldSpec) -> ElementUnit | None:
    """Return the unit of an element; None where it has none. No limit is below zero."""
    signed = "Lim" not in field.key
    for name in field.type_names:
        if name in _TYPES:
            unit, type_signed = _TYPES[name]
            return ElementUnit(unit, 0, signed and type_signed)
        if name in _PERCENT_TYPES:
            return ElementUnit("%", _HUNDREDTHS, signed and _PERCENT_TYPES[name])
    unit = _ELEMENTS.get(field.key, "")
    return ElementUnit(unit, _HUNDREDTHS, False) if unit else None
