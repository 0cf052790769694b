"""What a DERControlBase or a DefaultDERControl says, in words: `max limit W 50 % of setMaxW`. Pure."""
from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from server.resources import elementunits, quantities, schema

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
_PREFIX = re.compile(r"^(csipaus:)?(opMod|set)(?=[A-Z])")
_PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[A-Z]|\d+")
_ABBREVIATED = {"Lim": "limit", "Imp": "import", "Exp": "export", "Gen": "generation", "Pct": "percent"}
_NOT_SAID = ("mRID", "DERControlBase")  # no person asks for it; its modes are said one by one


def in_words(type_name: str, data: Mapping[str, Any]) -> list[str]:
    """Return what each element of a DERControlBase or DefaultDERControl says, in the order of the data."""
    base = data.get("DERControlBase") or {}
    modes = in_words("DERControlBase", base) if base else []
    return modes + [f"{name_in_words(name)} {_words(type_name, name, value)}" for name, value in data.items()
                    if name not in _NOT_SAID and "@" not in name]


def name_in_words(name: str) -> str:
    """Return the name of a mode or element for people: `fixed W` for opModFixedW, `import limit W` for
    csipaus:opModImpLimW."""
    parts = _PART.findall(_PREFIX.sub("", name))
    return " ".join(_ABBREVIATED.get(part, part.lower() if part[1:].islower() else part) for part in parts)


def _words(type_name: str, name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    field = schema.element_field(type_name, name)
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
    return json.dumps(value, ensure_ascii=False)


def _reference(code: int) -> str:
    return _REFERENCE_TYPES[code] if 0 <= code < len(_REFERENCE_TYPES) else f"reference {code}"
