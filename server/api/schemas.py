"""JSON Schemas (2020-12, as in OpenAPI 3.1) of arguments and of declared types of results. Pure."""
from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import date
from types import NoneType, UnionType
from typing import (Annotated, Any, Literal, NotRequired, Required, Union, get_args, get_origin,
                    get_type_hints, is_typeddict)

from server.api import lists, values
from server.operations import resulttypes
from server.operations.declaration import Argument, UploadedFile

Schema = dict[str, Any]
_INSTANT: Schema = {"type": "string", "format": "date-time"}
_PLAIN: Mapping[Any, Schema] = {
    str: {"type": "string"}, int: {"type": "integer"}, float: {"type": "number"}, bool: {"type": "boolean"},
    NoneType: {"type": "null"}, None: {"type": "null"}, date: {"type": "string", "format": "date"}, Any: {}}
_INFINITE = ("inf", "-inf")


def of_argument(argument: Argument) -> Schema:
    """Return the schema of an argument, with its unit, range, choices, default and help."""
    schema = _of_items(argument)
    if argument.many and argument.kind is not dict:
        schema = {"type": "array", "items": schema}
    if argument.unit:
        schema["x-unit"] = argument.unit
    if not argument.required and argument.default not in (None, "", (), {}):
        schema["default"] = argument.default
    if words := description(argument):
        schema["description"] = words
    return schema


def description(argument: Argument) -> str:
    """Return what an argument is for, and what its unit is."""
    meaning = argument.meaning
    unit = f"In {meaning.unit}: {meaning.help}." if meaning and argument.kind in (int, float) else ""
    if argument.unit == "instant":
        unit = "RFC 3339, with an offset."
    return " ".join(filter(None, (argument.arg.help, unit)))


def _of_items(argument: Argument) -> Schema:
    if argument.kind is dict:
        return {"type": "object", "additionalProperties": {"type": "string"}}
    if argument.kind is UploadedFile:
        return {"type": "string", "format": "binary"}
    if argument.unit == "instant":
        return dict(_INSTANT)
    if argument.unit == "month":
        return {"type": "string", "pattern": r"^\d{4}-(0[1-9]|1[0-2])$"}
    if argument.choices:
        return {"type": "string", "enum": list(argument.choices)}
    schema = dict(_PLAIN[argument.kind])
    if argument.arg.secret:
        schema |= {"format": "password", "writeOnly": True}
    if argument.kind in (int, float):
        schema |= {name: bound for name, bound in zip(("minimum", "maximum"), argument.range, strict=True)
                   if math.isfinite(bound)}
    if values.is_open(argument):
        infinite = [text for text in _INFINITE if float(text) in argument.range]
        schema = {"anyOf": [schema, {"type": "string", "enum": infinite}]}
    return schema


def in_query(argument: Argument) -> Schema:
    """Return the schema of an argument in a query or a form, where pairs are texts."""
    schema = of_argument(argument)
    if argument.kind is dict:
        pair = {"type": "string", "pattern": "^[^=]+=", "examples": ["feeder=F12"]}
        schema |= {"type": "array", "items": pair}
        del schema["additionalProperties"]
    return schema


class Results:
    """The schemas of results; those of rows are `components`, by the names of their types."""

    def __init__(self) -> None:
        self.components: dict[str, Schema] = {}

    def of_answer(self, declared: Any) -> Schema:
        """Return the schema of the answer for a result of this type: of a list, a page of it."""
        if get_origin(declared) in (Union, UnionType):
            return {"anyOf": [self.of_answer(part) for part in get_args(declared)]}
        if not lists.is_declared(declared):
            return self.of_type(declared)
        return {"type": "object", "required": ["items", "next"], "properties": {
            "items": self.of_type(declared),
            "next": {"type": ["string", "null"], "description": "The cursor of the next page; null: none."}}}

    def of_type(self, declared: Any) -> Schema:
        """Return the schema of a value of a declared type."""
        origin, inner = get_origin(declared), get_args(declared)
        if origin in (Annotated, NotRequired, Required):
            return self._annotated(declared, inner[0])
        if origin in (Union, UnionType):
            return {"anyOf": [self.of_type(part) for part in inner]}
        if origin is Literal:
            return {"enum": list(inner)}
        if is_typeddict(declared):
            return self._row(declared)
        if isinstance(origin, type) and issubclass(origin, Mapping):
            return {"type": "object", "additionalProperties": self.of_type(inner[1])}
        if isinstance(origin, type) and issubclass(origin, Iterable):
            return {"type": "array", "items": self.of_type(inner[0])}
        if declared in (dict, Mapping):
            return {"type": "object"}
        return dict(_PLAIN[declared])

    def _annotated(self, declared: Any, inner: Any) -> Schema:
        meaning = resulttypes.meaning(declared) if get_origin(declared) is Annotated else None
        if meaning is None:
            return self.of_type(inner)
        if meaning.unit == "instant":
            return dict(_INSTANT)
        return {**self.of_type(inner), "x-unit": meaning.unit, "description": meaning.help}

    def _row(self, declared: Any) -> Schema:
        name = declared.__name__
        if name not in self.components:
            self.components[name] = {}  # which a row of rows of its own kind refers to
            hints = get_type_hints(declared, include_extras=True)
            optional = declared.__optional_keys__ | {
                key for key, hint in hints.items() if get_origin(hint) is NotRequired}
            schema: Schema = {"type": "object",
                              "properties": {key: self.of_type(hint) for key, hint in hints.items()}}
            if required := [key for key in hints if key not in optional]:
                schema["required"] = required
            if words := (declared.__doc__ or "").strip():
                schema["description"] = " ".join(words.split())
            self.components[name] = schema
        return {"$ref": f"#/components/schemas/{name}"}
