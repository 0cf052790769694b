"""The lines of CSV files as spreadsheets, meters and exchanges write them. Every CSV is read by it. Pure.

The delimiter is what the first line has: tab, semicolon or comma. Where it is not the comma, numbers may have
a decimal comma; in such a file a number with a point alone is refused, since it may be thousands.
"""
from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import NamedTuple, NoReturn

from server.errors import Refused

_EMPTY = ("", "null", "n/e", "n/a", "-")  # what meters and exchanges write for no value
_DELIMITERS = ("\t", ";")  # before the comma, which numbers may have
_DECIMAL_COMMA = re.compile(r"[+-]?\d{1,3}(\.\d{3})*,\d+|[+-]?\d+,\d+")
_QUOTE = '"'
_PAIR = re.compile(r'(?:[^\s="]+=)?(?:"(?:[^"]|"")*"(?!\S)|\S+)')
_PLAIN_VALUE = re.compile(r'[^\s"]*')
_MOST = 1e12  # in any unit; what is beyond is not a measurement, price or power
_START = ("start", "time", "timestamp", "datetime", "date", "date/time", "from", "begin", "interval start",
          "mtu")


class CsvText(NamedTuple):
    """Lines with their numbers, without blank ones around them; `decimal_comma` if numbers have one."""
    lines: list[tuple[int, list[str]]]
    decimal_comma: bool


class CsvRows(NamedTuple):
    """The rows of a table: for each its position, for messages, and its cells by column, without blanks
    around them. `decimal_comma` if numbers have one."""
    rows: list[tuple[str, dict[str, str]]]
    decimal_comma: bool


def refuse(position: str, reason: str) -> NoReturn:
    """Refuse (400) what is at a position: a file's name with line or value."""
    raise Refused(400, f"{position}: {reason}")


def read(text: str, name: str) -> CsvText:
    """Return the lines of a text; `name` is the file's. Refused (400) where it is no CSV."""
    first = text.lstrip("\ufeff\r\n").partition("\n")[0]
    delimiter = next((sign for sign in _DELIMITERS if sign in first), ",")
    content = io.StringIO(text.removeprefix("\ufeff"), newline="")
    reader = csv.reader(content, delimiter=delimiter, strict=True)
    try:
        lines = [(reader.line_num, cells) for cells in reader]
    except csv.Error as error:
        refuse(f"{name}, line {reader.line_num}", f"this is not CSV: {error}")
    while lines and is_blank(lines[-1][1]):
        lines.pop()
    while lines and is_blank(lines[0][1]):
        del lines[0]
    comma = delimiter != "," and any(
        _DECIMAL_COMMA.fullmatch(cell.strip()) for _, cells in lines for cell in cells)
    return CsvText(lines, comma)


def table(text: str, name: str, required: Sequence[str], optional: Sequence[str] = ()) -> CsvRows:
    """Read a table whose first line names these columns, in any order and case; `name` is the file's.

    Blank lines do not count. Refused (400), with the line, for columns that are missing, unknown or there
    twice, and for a row with more or fewer cells.
    """
    content = read(text, name)
    first, *lines = content.lines or [(1, [])]
    columns = [cell.strip().lower() for cell in first[1]]
    wrong = [column for column in columns
             if column not in (*required, *optional) or columns.count(column) > 1]
    missing = [column for column in required if column not in columns]
    if wrong or missing:
        others = f" and optionally {', '.join(optional)}" if optional else ""
        fault = f"not {wrong[0]!r}" if wrong else f"{missing[0]} is missing"
        known = f"{', '.join(required)}{others}"
        refuse(f"{name}, line {first[0]}", f"the columns are {known}, once each; {fault}")
    rows = []
    for number, cells in lines:
        if is_blank(cells):
            continue
        position = f"{name}, line {number}"
        if len(cells) != len(columns):
            refuse(position, f"{len(cells)} cells for {len(columns)} columns")
        rows.append((position, dict(zip(columns, (cell.strip() for cell in cells), strict=True))))
    return CsvRows(rows, content.decimal_comma)


def pairs(cell: str, position: str) -> dict[str, str]:
    """Return the pairs in a cell: `feeder=F12 owner="R. Berg"`. Refused (400) where one is none."""
    found = {}
    for pair in _PAIR.findall(cell):
        key, equals, value = pair.partition("=")
        if not key or not equals or _QUOTE in key:
            refuse(position, f"{pair!r} is not NAME=VALUE")
        found[key] = value[1:-1].replace('""', '"') if value[:1] == '"' == value[-1:] != value else value
    return found


def joined(values: Mapping[str, str]) -> str:
    """Return pairs as `pairs` reads them."""
    return " ".join(f"{key}={value}" if _PLAIN_VALUE.fullmatch(value) else
                    f'{key}="{value.replace(_QUOTE, _QUOTE * 2)}"' for key, value in values.items())


def lines(columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> Iterator[str]:
    """Yield the lines of a CSV, with commas: first that of the columns, then one for each row."""
    for cells in chain([columns], ([row[column] for column in columns] for row in rows)):
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow(cells)
        yield line.getvalue()


def is_blank(cells: list[str]) -> bool:
    """Return whether a line has nothing in it."""
    return not any(cell.strip() for cell in cells)


def number(cell: str, position: str, decimal_comma: bool = False) -> float | None:
    """Return the number in a cell, None where it is empty. Refused (400) where it is none that can be."""
    text = cell.strip()
    if text.lower() in _EMPTY:
        return None
    if decimal_comma:
        if "." in text and "," not in text:
            refuse(position, f"{text} may be {text.replace('.', '')} or {text.replace('.', ',')} in a file "
                             "with decimal commas; write it with a comma or without the point")
        text = text.replace(".", "").replace(",", ".")
    try:
        value = float(text)
    except ValueError:
        refuse(position, f"{cell.strip()!r} is not a number")
    if not math.isfinite(value):
        refuse(position, f"{text} is not a finite number; leave the cell empty for a gap")
    if abs(value) > _MOST:
        refuse(position, f"{text} is beyond any plausible size")
    return value


def header(cells: list[str]) -> list[str]:
    """Return the names of columns: start, value, p10 …; headings of exchanges and meters are understood.

    Those are a heading of time and one other, with a unit or zone behind each.
    """
    names = [cell.strip().lower() for cell in cells]
    plain = [_without_note(name) for name in names]
    if "start" not in names and len(names) == 2 and plain[0] in _START:
        return ["start", "value"]
    return names


def _without_note(name: str) -> str:
    """Return a heading without the unit or zone in brackets behind it. It takes time linear in its length."""
    if not name.endswith((")", "]")):
        return name
    return name.replace("[", "(").partition("(")[0].rstrip()
