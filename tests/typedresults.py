"""Compares values with their declared types: TypedDict, list, Literal, unions, plain types."""
from __future__ import annotations

from collections.abc import Iterator
from types import NoneType, UnionType
from typing import (Annotated, Any, Literal, NotRequired, Required, Union, get_args, get_origin,
                    get_type_hints, is_typeddict)

from server.models.pages import Pages
from server.units import Meaning


def mismatches(value: Any, declared: Any, path: str = "result") -> list[str]:
    """What in a value, as JSON has it, is not as declared; a float may be written as an integer."""
    origin, inner = get_origin(declared), get_args(declared)
    if declared is Any:
        return []
    if origin in (Annotated, NotRequired, Required):
        return mismatches(value, inner[0], path)
    if origin in (Union, UnionType):
        faults_by_member = [mismatches(value, member, path) for member in inner]
        return [] if [] in faults_by_member else min(faults_by_member, key=len)
    if origin is Literal:
        return [] if value in inner else [f"{path}: {value!r} is none of {inner}"]
    if is_typeddict(declared):
        return _of_typeddict(value, declared, path)
    if origin in (list, tuple, Pages, Iterator):
        if not isinstance(value, list):
            return [f"{path}: {type(value).__name__} is no list"]
        return [fault for number, item in enumerate(value)
                for fault in mismatches(item, inner[0], f"{path}[{number}]")]
    if origin is dict:
        if not isinstance(value, dict):
            return [f"{path}: {type(value).__name__} is no mapping"]
        return [fault for key, item in value.items()
                for fault in mismatches(item, inner[1], f"{path}/{key}")]
    expected = {float: (int, float), NoneType: (NoneType,), None: (NoneType,)}.get(declared, (declared,))
    right = isinstance(value, expected) and not (isinstance(value, bool) and declared is not bool)
    return [] if right else [f"{path}: {value!r} is no {getattr(declared, '__name__', declared)}"]


def _of_typeddict(value: Any, declared: Any, path: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{path}: {type(value).__name__} is no {declared.__name__}"]
    hints = get_type_hints(declared, include_extras=True)
    faults = [f"{path}: {key} is not declared in {declared.__name__}" for key in value.keys() - hints.keys()]
    optional = declared.__optional_keys__ | {
        key for key, hint in hints.items() if get_origin(hint) is NotRequired}
    faults += [f"{path}: {key} of {declared.__name__} is missing"
               for key in hints.keys() - optional - value.keys()]
    for key in value.keys() & hints.keys():
        faults += mismatches(value[key], hints[key], f"{path}/{key}")
    return faults


def unit_of(annotation: Any) -> str | None:
    """The unit that a type carries, also inside `X | None`; None where it carries none."""
    extras = getattr(annotation, "__metadata__", ()) if get_origin(annotation) is Annotated else ()
    own = next((extra.unit for extra in extras if isinstance(extra, Meaning)), None)
    return own or next(filter(None, map(unit_of, get_args(annotation))), None)
