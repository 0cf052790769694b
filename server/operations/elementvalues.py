"""Values of elements as people write them: `opModMaxLimW=50%`, `opModTargetW=-3kW`, `opModConnect=no`,
`opModVoltVar=/derp/1/dc/2`; JSON for the rest.

The schema says of which type an element is, so that every mode of every edition works.
"""
from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from server.errors import Refused
from server.resources import quantities, schema

_NUMBER = re.compile(r"(?P<number>[+-]?\d+(\.\d+)?)\s*(?P<prefix>[kMG]?)(?P<unit>%|[a-zA-Z]*)")
_PREFIX = {"": 1, "k": 10 ** 3, "M": 10 ** 6, "G": 10 ** 9}


def data(type_name: str, texts: Mapping[str, str]) -> dict[str, Any]:
    """The data of a type from values as text, by name. Refused (400) where a name or value does not fit."""
    return {name: value(type_name, name, text) for name, text in texts.items()}


def value(type_name: str, name: str, text: str) -> Any:
    """One element's value from text."""
    field = schema.type_spec(type_name).by_key.get(name)
    if field is None and name.startswith("csipaus:"):
        field = schema.foreign(f"{{{schema.CSIPAUS}}}{name.partition(':')[2]}")
    if field is None:
        raise Refused(400, f"{type_name} has no {name}")
    try:
        return _value(field, text)
    except ValueError as error:
        raise Refused(400, f"{name}={text}: {error}") from None


def _value(field: schema.FieldSpec, text: str) -> Any:
    if field.spec is None:
        return _simple(field.simple.kind, text)
    if text.startswith(("{", "[")):
        return json.loads(text)
    keys = set(field.spec.by_key)
    if {"multiplier", "value"} <= keys:
        return quantities.power(_number(text))
    if "href" in keys:
        return {"href": text}
    named = ", ".join(part.key for part in field.spec.elements if not part.edition)
    raise ValueError(f"this is a {field.spec.name}: write it as JSON with {named}")


def _simple(kind: str, text: str) -> Any:
    if kind == "int":
        number = _number(text)
        if number != int(number):
            raise ValueError("a whole number is needed")
        return int(number)
    if kind == "bool":
        words = {
            "yes": True,
            "true": True,
            "on": True,
            "1": True,
            "no": False,
            "false": False,
            "off": False,
            "0": False,
        }
        if text.lower() not in words:
            raise ValueError("yes or no is needed")
        return words[text.lower()]
    return schema.hexadecimal(text) if kind == "hex" else text


def _number(text: str) -> float:
    """5000, 50% (as hundredths of a percent), 3kW."""
    match = _NUMBER.fullmatch(text.strip())
    if match is None:
        raise ValueError("a number is needed, such as 5000, 50% or 3kW")
    number = float(match["number"]) * _PREFIX[match["prefix"]]
    return round(number * 100, 6) if match["unit"] == "%" else number
