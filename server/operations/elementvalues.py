"""Values of elements as people write them: `opModMaxLimW=50%`, `opModTargetW=-3kW`, `opModConnect=no`,
`opModVoltVar=/derp/1/dc/2`; JSON for the rest.

The schema says of which type an element is, and so its unit: every mode of every edition works. A unit may
be left out only where the standard has no other way to count: `opModTargetW=5000` is in W, but
`opModMaxLimW=100` might be watts, percent or hundredths of a percent.
"""
from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from server import durationtexts, quantitytexts
from server.errors import Refused
from server.resources import elementunits, namehints, quantities, schema
from server.resources.codes import DOEControlType
from server.resources.elementunits import ElementUnit

_WORDS = {**dict.fromkeys(("yes", "true", "on", "1"), True),
          **dict.fromkeys(("no", "false", "off", "0"), False)}


def data(type_name: str, texts: Mapping[str, str]) -> dict[str, Any]:
    """The data of a type from values as text, by name. Refused (400) where a name or value does not fit."""
    return {name: value(type_name, name, text) for name, text in texts.items()}


def value(type_name: str, name: str, text: str) -> Any:
    """One element's value from text."""
    field = schema.element_field(type_name, name)
    if field is None:
        raise Refused(400, f"{type_name} has no {name}{_meant(type_name, name)}")
    try:
        return _value(field, text)
    except ValueError as error:
        raise Refused(400, f"{name}={text}: {error}") from None


def _meant(type_name: str, name: str) -> str:
    """The names that may have been meant."""
    names = [*schema.type_spec(type_name).by_key, *(f"csipaus:{mode.name}" for mode in DOEControlType)]
    return namehints.meant(name, names)


def _value(field: schema.FieldSpec, text: str) -> Any:
    if text.startswith(("{", "[")) and field.spec is not None:
        return json.loads(text)
    unit = elementunits.unit_of(field)
    if unit is not None:
        return _quantity(unit, text)
    if field.spec is None:
        return _simple(field.simple.kind, text)
    if "href" in field.spec.by_key:
        return {"href": text}
    named = ", ".join(part.key for part in field.spec.elements if not part.edition)
    raise ValueError(f"this is a {field.spec.name}: write it as JSON with {named}")


def _quantity(unit: ElementUnit, text: str) -> int | dict[str, int]:
    """The integers of a quantity; see ElementUnit."""
    try:
        if unit.unit == "s":
            number = durationtexts.seconds(text, bare=False)
        else:
            number = quantitytexts.quantity(text, unit.unit, bare=not unit.parts)
    except ValueError as error:
        raise ValueError(f"{text} {error}") from None
    if number < 0 and not unit.signed:
        raise ValueError("it cannot be negative")
    if not unit.parts:
        return quantities.fixed_point(number)
    parts = round(number * unit.parts, 6)
    if parts != int(parts):
        raise ValueError(f"it is counted in steps of {1 / unit.parts:g} {unit.unit}")
    return int(parts)


def _simple(kind: str, text: str) -> Any:
    if kind == "int":
        try:
            return int(text)
        except ValueError:
            raise ValueError("a whole number is needed") from None
    if kind == "bool":
        if text.lower() not in _WORDS:
            raise ValueError("yes or no is needed")
        return _WORDS[text.lower()]
    return schema.hexadecimal(text) if kind == "hex" else text
