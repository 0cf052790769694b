"""Series as people and programs write them: CSV and JSON. Pure.

CSV is a header `start,value` (`p10`, `p90` … beside it for quantiles) with a row for each step, ISO 8601, or
one column of values alone. A time without zone is one of the service area's clock on the wall: where that is
turned back, the first of the two hours comes first, and the hour that is left out has no rows. An empty cell,
or a row that is not there, is a gap. JSON is {"start": …, "step": …, "values": […], "quantiles": {"0.9":
[…]}} or [{"start": …, "value": …}].

Everything that does not fit is Refused (400) with the file, the line (or place) and the reason.
"""
from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any, NamedTuple, NoReturn

from server.errors import Refused
from server.grid.series.intervals import DAY, LONGEST, iso

CARS = ("arrive", "depart", "wh", "w")
_EMPTY = ("", "null")


class Table(NamedTuple):
    """Values for steps of `step` seconds from `start` on, None for a gap; `quantiles` likewise, by
    probability."""
    start: int
    step: int
    values: list[float | None]
    quantiles: dict[str, list[float | None]]


class Wall:
    """The clock on the wall, read time after time: of two that look alike the one that comes next."""

    def __init__(self, zone: tzinfo):
        self._zone = zone
        self._last: int | None = None

    def read(self, text: Any, place: str) -> int:
        """UTC epoch seconds of an ISO 8601 time or of a number of seconds since 1970."""
        found = self._instant(text, place)
        self._last = found
        return found

    def _instant(self, text: Any, place: str) -> int:
        if isinstance(text, int) and not isinstance(text, bool):
            return text
        if len(str(text)) > len("20260329") and str(text).isdigit():
            return int(text)
        try:
            when = datetime.fromisoformat(str(text).strip())
            if when.tzinfo is not None:
                return _whole(when, text, place)
            there = when.replace(tzinfo=self._zone)
            if there.astimezone(UTC).astimezone(self._zone).replace(tzinfo=None) != when:
                _refuse(place, f"{text} does not exist in {self._zone}: the clock is put forward over it")
            first, second = (_whole(there.replace(fold=fold), text, place) for fold in (0, 1))
        except (ValueError, OverflowError):
            _refuse(place, f"{text!r} is no time such as 2026-03-29T02:00 or 2026-03-29T00:00Z")
        return second if self._last is not None and first <= self._last < second else first


def _whole(when: datetime, text: Any, place: str) -> int:
    seconds = when.timestamp()
    if seconds != int(seconds):
        _refuse(place, f"{text} is not a whole second")
    return int(seconds)


def _refuse(place: str, why: str) -> NoReturn:
    raise Refused(400, f"{place}: {why}")


def from_csv(text: str, name: str, zone: tzinfo, start: int | None = None, step: int | None = None) -> Table:
    """A series from CSV. `start` and `step` are for a single column of values; a file with times needs
    neither, save `step` where it has one row alone."""
    lines = _lines(text, name)
    if not lines:
        _refuse(name, "it is empty")
    header = [cell.strip().lower() for cell in lines[0][1]]
    if "start" not in header:
        return _column(lines, name, start, step)
    for cell in header:
        if cell not in ("start", "value") and _probability(cell) is None:
            _refuse(
                f"{name}, line {lines[0][0]}",
                f"column {cell!r} is neither start, value nor a quantile such as p90",
            )
    if "value" not in header or len(set(header)) != len(header):
        _refuse(f"{name}, line {lines[0][0]}", "one column start and one column value are needed, once each")
    wall, rows = Wall(zone), []
    for number, cells in lines[1:]:
        place = f"{name}, line {number}"
        if len(cells) != len(header):
            _refuse(place, f"{len(cells)} cells for {len(header)} columns")
        said = dict(zip(header, cells, strict=True))
        at = wall.read(said.pop("start"), place)
        rows.append((place, at, {key: _cell(cell, place) for key, cell in said.items()}))
    return _steps(rows, name, step)


def _lines(text: str, name: str) -> list[tuple[int, list[str]]]:
    """The rows with their line numbers, empty ones at the end left out."""
    text = text.removeprefix("\ufeff")
    delimiter = ";" if ";" in text.partition("\n")[0] else ","
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    try:
        lines = [(reader.line_num, cells) for cells in reader]
    except csv.Error as error:
        _refuse(f"{name}, line {reader.line_num}", f"this is no CSV: {error}")
    while lines and not any(cell.strip() for cell in lines[-1][1]):
        lines.pop()
    return lines


def _probability(column: str) -> str | None:
    """"0.9" of p90."""
    return (
        str(int(column[1:]) / 100)
        if column[:1] == "p" and column[1:].isdigit() and 0 < int(column[1:]) < 100
        else None
    )


def _cell(cell: str, place: str) -> float | None:
    text = cell.strip()
    if text.lower() in _EMPTY:
        return None
    try:
        value = float(text)
    except ValueError:
        _refuse(place, f"{text!r} is no number")
    if not math.isfinite(value):
        _refuse(place, f"{text} is no number to act on; leave the cell empty for a gap")
    return value


def _column(lines: Sequence[tuple[int, list[str]]], name: str, start: int | None, step: int | None) -> Table:
    first = lines[0][1][0].strip() if lines[0][1] else ""
    if first.lower() == "value":
        lines = lines[1:]
    if start is None or step is None:
        _refuse(name, "a file without times (a header start,value) needs a start and a step")
    values = []
    for number, cells in lines:
        if len(cells) > 1:
            _refuse(
                f"{name}, line {number}", f"{len(cells)} cells, but no header start,value that names them"
            )
        values.append(_cell(cells[0] if cells else "", f"{name}, line {number}"))
    return Table(start, step, values, {})


def _steps(rows: Sequence[tuple[str, int, dict[str, float | None]]], name: str, step: int | None) -> Table:
    """Rows with times as steps, those that are missing as gaps."""
    if not rows:
        _refuse(name, "there is not a single value")
    for (_, before, _), (place, at, _) in zip(rows, rows[1:], strict=False):
        if at <= before:
            _refuse(place, f"{iso(at)} does not come after {iso(before)}, which stands before it")
    start, end = rows[0][1], rows[-1][1]
    step = (
        min((after[1] - before[1] for before, after in zip(rows, rows[1:], strict=False)), default=0) or step
    )
    if not step:
        _refuse(name, "of a single value it cannot be seen how long it holds: a step is needed")
    if end - start > LONGEST + DAY:
        _refuse(
            rows[-1][0], f"{iso(end)} is more than {LONGEST // DAY} days after {iso(start)}, where it begins"
        )
    size = (end - start) // step + 1
    columns: dict[str, list[float | None]] = {key: [None] * size for key in rows[0][2]}
    for place, at, said in rows:
        number, rest = divmod(at - start, step)
        if rest:
            _refuse(place, f"{iso(at)} is not a multiple of {step} s after {iso(start)}, where it begins")
        for key, value in said.items():
            columns[key][number] = value
    return Table(start, step, columns.pop("value"),
                 {str(_probability(key)): values for key, values in columns.items()})


def from_json(text: str, name: str, zone: tzinfo, step: int | None = None) -> Table:
    """A series from JSON; `step` is for a list of a single value."""
    said, wall = _parsed(text, name), Wall(zone)
    if isinstance(said, list):
        rows = []
        for number, each in enumerate(said, 1):
            place = f"{name}, value {number}"
            _keys(each, ("start", "value"), place)
            rows.append((place, wall.read(each["start"], place), {"value": each["value"]}))
        return _steps(rows, name, step)
    _keys(said, ("start", "step", "values"), name, ("quantiles",))
    quantiles = said.get("quantiles", {})
    if type(said["step"]) is not int or said["step"] <= 0:
        _refuse(name, f"step {said['step']!r} is no number of seconds")
    if not isinstance(quantiles, dict) or not all(
        isinstance(each, list) for each in (said["values"], *quantiles.values())
    ):
        _refuse(name, "values, and each of the quantiles, has to be a list")
    return Table(wall.read(said["start"], f"{name}, start"), said["step"], said["values"], quantiles)


def _parsed(text: str, name: str) -> Any:
    def constant(word: str) -> NoReturn:
        _refuse(name, f"{word} is no number to act on; write null for a gap")
    try:
        return json.loads(text, parse_constant=constant)
    except json.JSONDecodeError as error:
        _refuse(f"{name}, line {error.lineno}", f"this is no JSON: {error.msg}")
    except RecursionError:
        _refuse(name, "this is no series, but lists in lists")


def _keys(said: Any, needed: Iterable[str], place: str, possible: Iterable[str] = ()) -> None:
    if not isinstance(said, dict):
        _refuse(place, f"an object with {', '.join(needed)} is needed")
    missing = [key for key in needed if key not in said]
    unknown = [key for key in said if key not in (*needed, *possible)]
    if missing or unknown:
        _refuse(place, f"{missing[0]} is missing" if missing else f"{unknown[0]!r} is not known here")


def cars(text: str, name: str, zone: tzinfo) -> list[list[float]]:
    """Visits: CSV with the header `arrive,depart,wh,w`, or JSON, a list of objects with those names."""
    return [
        [
            _arrival(each["arrive"], zone, place),
            _arrival(each["depart"], zone, place),
            _quantity(each["wh"], place),
            _quantity(each["w"], place),
        ]
        for place, each in _visits(text, name)
    ]


def _visits(text: str, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if text.lstrip("\ufeff \n\r\t").startswith("["):
        for number, each in enumerate(_parsed(text, name), 1):
            _keys(each, CARS, f"{name}, car {number}")
            yield f"{name}, car {number}", each
        return
    lines = _lines(text, name)
    if not lines or tuple(cell.strip().lower() for cell in lines[0][1]) != CARS:
        _refuse(name, f"the first line has to be {','.join(CARS)}")
    for number, cells in lines[1:]:
        if len(cells) != len(CARS):
            _refuse(f"{name}, line {number}", f"{len(cells)} cells for {len(CARS)} columns")
        yield f"{name}, line {number}", dict(zip(CARS, cells, strict=True))


def _arrival(text: Any, zone: tzinfo, place: str) -> int:
    return Wall(zone).read(text, place)


def _quantity(said: Any, place: str) -> float:
    value = _cell(str(said), place)
    if value is None:
        _refuse(place, "wh and w are needed")
    return value
