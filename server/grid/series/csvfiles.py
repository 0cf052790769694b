"""Series in files: CSV and JSON. Pure.

CSV has a header `start,value` (with `p10`, `p90` … for quantiles) and a row for each step, or a single column
of values; `csvlines` says what else spreadsheets and exchanges write. Times are ISO 8601, DD.MM.YYYY or
seconds since 1970. A time without offset is local time of the service area:
where the clock is put back, the instant is chosen that fits the step of the rows (see `localtimes`); the hour
that is left out in spring has no rows. An empty cell, or a row that is missing, is a gap. JSON is
{"start": …, "step": …, "values": […], "quantiles": {"0.9": […]}} or [{"start": …, "value": …}].

Refused (400), with the file, the line or position, and the reason, where anything does not fit.
"""
from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import tzinfo
from itertools import pairwise
from typing import Any, NamedTuple, NoReturn

from server.grid.series import dateorders, localtimes, resolutions
from server.grid.series.intervals import DAY, LONGEST, iso
from server.grid.series.localtimes import LocalTime
from server.resources import csvlines
from server.resources.csvlines import CsvText, refuse

SESSION_COLUMNS = ("arrive", "depart", "wh", "w")
_MOST_DIGITS = 30  # of an integer in JSON; one of thousands takes Python seconds


class Parsed(NamedTuple):
    """Values for steps of `step` seconds from `start` (UTC, s) on, None for a gap; `quantiles` likewise, by
    probability."""
    start: int
    step: int
    values: list[float | None]
    quantiles: dict[str, list[float | None]]


class _Row(NamedTuple):
    """A row with its time; `cells` are its values by column."""
    time: LocalTime
    cells: dict[str, float | None]


def from_csv(text: str, name: str, zone: tzinfo, start: int | None = None, step: int | None = None,
             dates: str | None = None) -> Parsed:
    """Read a series from CSV; `name` is the file's, for messages.

    `start` and `step` are for a single column of values; a file with times needs neither, save `step` if it
    has a single row. `dates` is the order of dates with slashes, where the file does not tell it.
    """
    content = csvlines.read(text, name)
    lines = content.lines
    if not lines:
        refuse(name, "it is empty")
    header = csvlines.header(lines[0][1])
    if "start" not in header:
        return _column(content, name, start, step)
    _check_header(header, f"{name}, line {lines[0][0]}")
    rows = []
    column = header.index("start")
    order = dateorders.of_file((line[column] for _, line in lines[1:] if len(line) > column), name, dates)
    for number, line in lines[1:]:
        position = f"{name}, line {number}"
        if csvlines.is_blank(line):
            continue
        if len(line) != len(header):
            refuse(position, f"{len(line)} cells for {len(header)} columns")
        texts = dict(zip(header, line, strict=True))
        written = texts.pop("start")
        cells = {key: csvlines.number(text, position, content.decimal_comma) for key, text in texts.items()}
        try:
            rows.append(_Row(localtimes.parse(written, zone, position, order), cells))
        except localtimes.SkippedTime:
            if any(cell is not None for cell in cells.values()):
                raise  # a row without values for the hour that the clock skips says nothing
    return _table(rows, name, zone, step)


def _check_header(header: list[str], position: str) -> None:
    for cell in header:
        if cell not in ("start", "value") and _probability(cell) is None:
            refuse(position, f"column {cell!r} is neither start, value nor a quantile such as p90")
    if "value" not in header or len(set(header)) != len(header):
        refuse(position, "one column start and one column value are needed, once each")


def _probability(column: str) -> str | None:
    """Return "0.9" for p90, None for what is not a quantile."""
    if column[:1] == "p" and column[1:].isdigit() and 0 < int(column[1:]) < 100:
        return str(int(column[1:]) / 100)
    return None


def _column(content: CsvText, name: str, start: int | None, step: int | None) -> Parsed:
    """Read a single column of values."""
    lines = content.lines
    first = lines[0][1][0].strip() if lines[0][1] else ""
    if first.lower() == "value":
        lines = lines[1:]
    if start is None or step is None:
        refuse(name, "a file without times (a header start,value) needs a start and a step")
    values = []
    for number, cells in lines:
        position = f"{name}, line {number}"
        if len(cells) > 1:
            refuse(position, f"{len(cells)} cells, but no header start,value that names them")
        values.append(csvlines.number(cells[0] if cells else "", position, content.decimal_comma))
    return Parsed(start, step, values, {})


def _table(rows: Sequence[_Row], name: str, zone: tzinfo, step: int | None) -> Parsed:
    """Return rows with times as steps, with gaps for those that are missing."""
    if not rows:
        refuse(name, "there are no values")
    certain = [row.time for row in rows if not row.time.ambiguous]
    for before, time in pairwise(certain):
        if time.instants[0] <= before.instants[0]:
            refuse(time.position, f"{iso(time.instants[0])} does not come after {iso(before.instants[0])}, "
                                  "which is in the row before")
    instants = localtimes.resolve([row.time for row in rows], zone)
    start, end = instants[0], instants[-1]
    held = resolutions.held_s(instants)
    step = min(held, default=step)
    if not step:
        refuse(name, "a single value does not tell how long it holds: specify a step")
    if end - start > LONGEST + DAY:
        refuse(
            rows[-1].time.position,
            f"{iso(end)} is more than {LONGEST // DAY} days after {iso(start)}, where it begins",
        )
    columns: dict[str, list[float | None]] = {
        key: [None] * ((end - start) // step + (held[-1] // step if held else 1)) for key in rows[0].cells
    }
    for index, (row, instant) in enumerate(zip(rows, instants, strict=True)):
        number, remainder = divmod(instant - start, step)
        if remainder:
            refuse(row.time.position,
                    f"{iso(instant)} is not a multiple of {step} s after {iso(start)}, where it begins")
        steps = held[min(index, len(held) - 1)] // step if held else 1
        for key, value in row.cells.items():
            columns[key][number:number + steps] = [value] * steps
    return Parsed(start, step, columns.pop("value"),
                 {str(_probability(key)): values for key, values in columns.items()})


def from_json(text: str, name: str, zone: tzinfo, step: int | None = None) -> Parsed:
    """Read a series from JSON; `step` is for a list with a single value."""
    data = _parsed(text, name)
    if isinstance(data, list):
        rows = []
        for number, item in enumerate(data, 1):
            position = f"{name}, value {number}"
            _check_keys(item, ("start", "value"), position)
            rows.append(_Row(localtimes.parse(item["start"], zone, position), {"value": item["value"]}))
        return _table(rows, name, zone, step)
    _check_keys(data, ("start", "step", "values"), name, ("quantiles",))
    quantiles = data.get("quantiles", {})
    if type(data["step"]) is not int or data["step"] <= 0:
        refuse(name, f"step {data['step']!r} is not a number of seconds")
    if not isinstance(quantiles, dict) or not all(
        isinstance(values, list) for values in (data["values"], *quantiles.values())
    ):
        refuse(name, "values, and each of the quantiles, has to be a list")
    start = localtimes.single(localtimes.parse(data["start"], zone, f"{name}, start"), zone)
    return Parsed(start, data["step"], data["values"], quantiles)


def _parsed(text: str, name: str) -> Any:
    def refuse_constant(word: str) -> NoReturn:
        refuse(name, f"{word} is not a finite number; write null for a gap")

    def integer(digits: str) -> int:
        if len(digits) > _MOST_DIGITS:
            refuse(name, f"{digits[:9]}… has {len(digits)} digits, which is beyond any plausible size")
        return int(digits)

    try:
        return json.loads(text, parse_constant=refuse_constant, parse_int=integer)
    except json.JSONDecodeError as error:
        refuse(f"{name}, line {error.lineno}", f"this is not JSON: {error.msg}")
    except RecursionError:
        refuse(name, "this is not a series: its lists are nested too deeply")


def _check_keys(item: Any, required: Iterable[str], position: str, optional: Iterable[str] = ()) -> None:
    if not isinstance(item, dict):
        refuse(position, f"an object with {', '.join(required)} is needed")
    missing = [key for key in required if key not in item]
    unknown = [key for key in item if key not in (*required, *optional)]
    if missing or unknown:
        refuse(position, f"{missing[0]} is missing" if missing else f"{unknown[0]!r} is not known here")


def charging_sessions(text: str, name: str, zone: tzinfo, dates: str | None = None) -> list[list[float]]:
    """Read charging sessions: CSV with the columns `arrive,depart,wh,w`, or JSON, a list of objects with
    these keys. Of a local time that exists twice the first is taken. `dates` as in `from_csv`."""
    items: list[tuple[str, dict[str, Any]]] = []
    comma, order = False, ""
    if text.lstrip("\ufeff \n\r\t").startswith("["):
        items += _listed_sessions(text, name)
    else:
        rows, comma = csvlines.table(text, name, SESSION_COLUMNS)
        items += rows
        order = dateorders.of_file((row[key] for _, row in rows for key in SESSION_COLUMNS[:2]), name, dates)
    return [
        [
            localtimes.parse(item["arrive"], zone, position, order).instants[0],
            localtimes.parse(item["depart"], zone, position, order).instants[0],
            _quantity(item["wh"], position, comma),
            _quantity(item["w"], position, comma),
        ]
        for position, item in items
    ]


def _listed_sessions(text: str, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, item in enumerate(_parsed(text, name), 1):
        _check_keys(item, SESSION_COLUMNS, f"{name}, session {number}")
        yield f"{name}, session {number}", item


def _quantity(cell: Any, position: str, decimal_comma: bool) -> float:
    value = csvlines.number(str(cell), position, decimal_comma)
    if value is None:
        refuse(position, "wh and w are needed")
    return value
