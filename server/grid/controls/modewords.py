"""What elements of the standard say, in words: `max limit W 50 % of setMaxW`. Pure.

Those are the ones of DERControlBase, DefaultDERControl, and what a DER reports of itself.
"""
from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from server.grid.controls import codewords
from server.grid.series.intervals import iso
from server.resources import elementunits, quantities, schema
from server.resources.schema import FieldSpec
from server.units import Instant

# What the percentages of modes are of: IEEE 2030.5-2018, DERControlBase.
_REFERENCES = {
    "opModMaxLimW": "setMaxW",
    "opModMaxLimPctWAbsorb": "setMaxChargeRateW",
    "opModMaxLimPctVAAbsorb": "setMaxChargeRateVA",
    "opModMaxLimPctVAInject": "setMaxVA",
    "opModFixedV": "setVNom",
    "setGradW": "setMaxW",
    "setSoftGradW": "setMaxW",
    "setESHighVolt": "setVRef",
    "setESLowVolt": "setVRef",
}
_FIXED_W = ("setMaxW, or setMaxDischargeRateW of storage", "setMaxChargeRateW")  # from zero on, below zero
# DERUnitRefType
_REFERENCE_TYPES = (
    "nothing", "setMaxW", "setMaxVar", "statVarAvail", "the effective voltage", "setMaxChargeRateW",
    "setMaxDischargeRateW", "statWAvail", "setMaxVA")
_PREFIX = re.compile(r"^(csipaus:)?(opMod|set|rtg)(?=[A-Z])|^csipaus:")
_PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[A-Z]|\d+")
_ABBREVIATED = {"Lim": "limit", "Imp": "import", "Exp": "export", "Gen": "generation", "Pct": "percent",
                "Wh": "Wh", "Ah": "Ah", "doe": "DOE", "stor": "storage", "gen": "generation"}
_HUNDREDTHS = ("stateOfChargeStatus",)  # of a percent, in a structure with its time
_SECONDS = ("availabilityDuration", "maxChargeDuration")
# Nobody asks for the mRID; the modes of the DERControlBase are said one by one.
_NOT_SAID = ("mRID", "DERControlBase", "subscribable", "href")


def in_words(
    type_name: str, data: Mapping[str, Any], instant: Callable[[Instant], str] = iso
) -> list[str]:
    """Return what each element of such a type says, in the order of the data. `instant` writes times."""
    base = data.get("DERControlBase") or {}
    modes = in_words("DERControlBase", base) if base else []
    return modes + [f"{name_in_words(name)} {_words(type_name, name, value, instant)}"
                    for name, value in data.items() if name not in _NOT_SAID and "@" not in name]


def name_in_words(name: str) -> str:
    """Return the name of a mode or element for people: `fixed W` for opModFixedW, `import limit W` for
    csipaus:opModImpLimW."""
    parts = _PART.findall(_PREFIX.sub("", name))
    return " ".join(_ABBREVIATED.get(part, part.lower() if part[1:].islower() else part) for part in parts)


def _words(type_name: str, name: str, value: Any, instant: Callable[[Instant], str]) -> str:
    if isinstance(value, Mapping) and {"dateTime", "value"} <= set(value):
        return f"{_words(type_name, name, value['value'], instant)} since {instant(value['dateTime'])}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    code = codewords.in_words(name, value, name_in_words)
    if code is not None:
        return code
    field = schema.element_field(type_name, name)
    if isinstance(value, int) and field is not None and "TimeType" in field.type_names:
        return instant(value)
    return _quantity(name, value, field)


def _quantity(name: str, value: Any, field: FieldSpec | None) -> str:
    if isinstance(value, int) and name in _HUNDREDTHS:
        return f"{value / 100:.15g} %"
    if isinstance(value, int) and name in _SECONDS:
        return f"{value} s"
    unit = elementunits.unit_of(field) if field is not None else None
    if isinstance(value, Mapping):
        return _structure(value, unit.unit if unit else "")
    if unit is None or not isinstance(value, int):
        return str(value)
    if unit.unit not in ("%", "%/s"):
        return f"{value / unit.parts:.15g} {unit.unit}"
    reference = _FIXED_W[value < 0] if name == "opModFixedW" else _REFERENCES.get(name, "")
    number = f"{value / unit.parts:.15g} %"
    return number + (f" of {reference}" if reference else "") + (" per second" if unit.unit == "%/s" else "")


def _structure(value: Mapping[str, Any], unit: str) -> str:
    """A quantity, a curve, a share of a reference, a power factor; what else there is, as JSON."""
    if unit and "value" in value:
        return f"{quantities.base_value(value):.15g} {unit}"
    if set(value) == {"href"}:
        return f"by curve {value['href']}"
    if {"refType", "value"} <= set(value):
        return f"{value['value'] / 100:.15g} % of {_reference(value['refType'])}"
    if {"displacement", "excitation"} <= set(value):
        factor = value["displacement"] * 10.0 ** value.get("multiplier", 0)
        return f"{factor:.15g} " + ("under-excited (absorbing vars)" if value["excitation"]
                                    else "over-excited (injecting vars)")
    if set(value) <= {"displacement", "multiplier"} and "displacement" in value:
        return f"{value['displacement'] * 10.0 ** value.get('multiplier', 0):.15g}"
    return json.dumps(value, ensure_ascii=False)


def _reference(code: int) -> str:
    return _REFERENCE_TYPES[code] if 0 <= code < len(_REFERENCE_TYPES) else f"reference {code}"
