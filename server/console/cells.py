"""Values of results as people read them: by their declared type, in the time zone of the service area."""
from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from server import durationtexts
from server.config import settings
from server.operations import resulttypes
from server.units import SUFFIXES

NOTHING = "–"
MOST_ROWS = 500  # of a list inside a result; the REST interface has the rest
_SCALED = ("W", "Wh", "var", "VA", "W/s")
_PREFIXES = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))
_PARTS = {"kWh": ("Wh", 1e3)}
_WORDS = {"lfdi": "LFDI", "sfdi": "SFDI", "mrid": "mRID", "href": "Address", "vder": "Virtual DER",
          "xml": "XML", "pin": "PIN", "ev": "EV", "id": "Number", "vders": "Virtual DERs",
          "rms": "RMS", "csv": "CSV", "json": "JSON"}


def shown(value: Any, declared: Any = Any) -> str:
    """Return a value of a declared type as text."""
    if value is None or value == "" or isinstance(value, float) and math.isnan(value):
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        return number(value, resulttypes.unit(declared))
    if isinstance(value, Mapping):
        types = resulttypes.fields(declared, value)
        return ", ".join(f"{key} {shown(part, types[key])}" for key, part in value.items()) or NOTHING
    if isinstance(value, (list, tuple)):
        item = resulttypes.item(declared, value)
        return ", ".join(shown(part, item) for part in value) or NOTHING
    return value.isoformat() if isinstance(value, date) else str(value)


def number(value: float, unit: str) -> str:
    """Return a number of a unit: an instant as local time, a power in kW, a part in percent."""
    if unit == "instant":
        return instant(value)
    if unit == "s":
        return durationtexts.shown(round(value)) if value >= 0 else f"{value:.6g} s"
    if unit == "1":
        return f"{value * 100:.4g} %"
    base, size = _PARTS.get(unit, (unit, 1.0))
    if base in _SCALED:
        return power(value * size, base)
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return f"{text} {unit}" if unit else text


def power(value: float, unit: str = "W") -> str:
    """Return a power or an energy in the prefix that suits it: `12.3 kW`."""
    if not math.isfinite(value):
        return "no limit" if value > 0 else NOTHING
    factor, prefix = next(((factor, prefix) for factor, prefix in _PREFIXES if abs(value) >= factor),
                          (1.0, ""))
    text = f"{value / factor:.4g}".replace("-", "−")
    return f"{text} {prefix}{unit}"


def instant(seconds: float, clock_only: bool = False) -> str:
    """Return an instant (UTC, s) as local time (setting timezone)."""
    try:
        local = datetime.fromtimestamp(seconds, UTC).astimezone(ZoneInfo(settings.timezone))
    except (ValueError, OverflowError, OSError):
        return f"{seconds} s"
    if clock_only:
        return local.strftime("%H:%M")
    return local.strftime("%Y-%m-%d %H:%M:%S" if local.second else "%Y-%m-%d %H:%M")


def label(key: str, unit: str = "") -> str:
    """Return what a key is called: without the suffix of its unit, which the value shows."""
    name = key.removesuffix(SUFFIXES.get(unit, "")) if unit else key
    if name in _WORDS:
        return _WORDS[name]
    words = " ".join(_WORDS.get(word, word) for word in name.split("_"))
    return words[:1].upper() + words[1:]


@dataclass(frozen=True, kw_only=True)
class ListColumn:
    """A column of a table."""
    key: str
    label: str
    numeric: bool = False


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A value in a table, and where it leads."""
    text: str
    numeric: bool = False
    href: str = ""


@dataclass(frozen=True, kw_only=True)
class ResultNode:
    """A part of a result: a text, pairs of names and parts, or a table."""
    title: str = ""
    text: str = ""
    block: bool = False  # a text of several lines, such as XML
    pairs: list[tuple[str, str]] = field(default_factory=list)
    parts: list[ResultNode] = field(default_factory=list)
    columns: list[ListColumn] = field(default_factory=list)
    rows: list[list[Cell]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    more: bool = False


def node(value: Any, declared: Any, title: str = "") -> ResultNode:
    """Return a result of a declared type as what a page shows of it."""
    if isinstance(value, Mapping):
        return _of_mapping(value, declared, title)
    if isinstance(value, Iterable) and not isinstance(value, str):
        items = list(islice(value, MOST_ROWS + 1))
        if all(isinstance(item, Mapping) for item in items):
            kind = resulttypes.item(declared, value)
            columns = columns_of(items, kind)
            return ResultNode(title=title, columns=columns, more=len(items) > MOST_ROWS,
                              rows=[row(item, columns, kind) for item in items[:MOST_ROWS]])
        return ResultNode(title=title, text=shown(items, declared))
    text = shown(value, declared)
    return ResultNode(title=title, text=text, block="\n" in text)


def _of_mapping(value: Mapping[str, Any], declared: Any, title: str) -> ResultNode:
    types = resulttypes.fields(declared, value)
    pairs, parts = [], []
    for key, part in value.items():
        name = label(str(key), resulttypes.unit(types[key]))
        if key == "warnings":
            continue
        if is_nested(part):
            parts.append(node(part, types[key], name))
        elif part not in (None, "", [], {}):
            pairs.append((name, shown(part, types[key])))
    return ResultNode(title=title, pairs=pairs, parts=parts,
                      warnings=[str(warning) for warning in value.get("warnings") or ()])


def is_nested(value: Any) -> bool:
    """Return whether a value is more than a text of one line."""
    if isinstance(value, Mapping):
        return len(value) > 1
    if isinstance(value, str):
        return "\n" in value
    return isinstance(value, (list, tuple)) and bool(value) and isinstance(value[0], Mapping)


def columns_of(rows: Sequence[Mapping[str, Any]], declared: Any, only: Sequence[str] = ()
               ) -> list[ListColumn]:
    """Return the columns of rows: of all keys that any has, or of these alone."""
    keys = list(only) or list(dict.fromkeys(key for item in rows for key in item if key != "warnings"))
    types = {key: kind for item in rows for key, kind in resulttypes.fields(declared, item).items()}
    found = []
    for key in keys:
        unit = resulttypes.unit(types.get(key, Any))
        numeric = unit != "instant" and any(
            type(item.get(key)) in (int, float) for item in rows)
        found.append(ListColumn(key=key, label=label(key, unit), numeric=numeric))
    return found


def row(item: Mapping[str, Any], columns: Sequence[ListColumn], declared: Any) -> list[Cell]:
    """Return the cells of a row."""
    types = resulttypes.fields(declared, item)
    return [Cell(text=shown(item.get(column.key), types.get(column.key, Any)), numeric=column.numeric)
            for column in columns]
