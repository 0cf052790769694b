"""What the declared type of a result says of a value in it: its meaning, its fields, the type of its items.

Interfaces read results by these: a table prints an instant as such because it is declared one.
"""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import NoneType, UnionType
from typing import (Annotated, Any, NotRequired, Required, Union, get_args, get_origin, get_type_hints,
                    is_typeddict)

from server.units import Meaning

_WRAPPERS = (Annotated, NotRequired, Required)
_ROW_FIT = 1000  # a row is rather of the wrong type of row than of none


def meaning(declared: Any) -> Meaning | None:
    """The meaning of a value, also of one that may be None; None for rows, lists and plain types."""
    for extra in getattr(declared, "__metadata__", ()) if get_origin(declared) is Annotated else ():
        if isinstance(extra, Meaning):
            return extra
    if get_origin(declared) in (*_WRAPPERS, Union, UnionType):
        return next(filter(None, map(meaning, get_args(declared))), None)
    return None


def unit(declared: Any) -> str:
    """The unit of a value; empty where it has none."""
    known = meaning(declared)
    return known.unit if known else ""


def fields(declared: Any, value: Mapping[str, Any]) -> dict[str, Any]:
    """The declared type of each key of a mapping; Any where nothing is declared."""
    declared = _member(declared, value)
    if is_typeddict(declared):
        hints = _hints(declared)
        return {key: hints.get(key, Any) for key in value}
    items = get_args(declared)[1] if get_origin(declared) in (dict, Mapping) else Any
    return dict.fromkeys(value, items)


def item(declared: Any, value: Any) -> Any:
    """The declared type of the items of a list, however it is read; Any where nothing is declared."""
    declared = _member(declared, value)
    kind = get_origin(declared)
    return get_args(declared)[0] if isinstance(kind, type) and issubclass(kind, Iterable) else Any


def _member(declared: Any, value: Any) -> Any:
    """The type without wrappers; of a union, the member that a value is of."""
    origin = get_origin(declared)
    if origin in _WRAPPERS:
        return _member(get_args(declared)[0], value)
    if origin in (Union, UnionType):
        return max((_member(part, value) for part in get_args(declared)), key=lambda part: _fit(part, value))
    return declared


def _fit(declared: Any, value: Any) -> int:
    """How well a type suits a value: for a row, by how many keys they have in common or not."""
    if is_typeddict(declared):
        if not isinstance(value, Mapping):
            return 0
        keys = _hints(declared).keys()
        return _ROW_FIT + len(keys & value.keys()) - len(keys ^ value.keys())
    kind = get_origin(declared) or declared
    return int(kind is not Any and isinstance(value, NoneType if kind is None else kind))


@lru_cache(maxsize=None)
def _hints(declared: Any) -> dict[str, Any]:
    return get_type_hints(declared, include_extras=True)
