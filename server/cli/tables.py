"""Print results of commands: tables for people, JSON for programs.

What a value is, an instant or a power, says the type that the operation declares for its result.
"""
from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from server.cli import jsonoutput, rowlayout
from server.cli.columns import IDENTIFIED_BY, IN_WORDS, MAX_PAIRS, OPTIONAL, SHOWN_UNITS, TYPE_NAMES, UNBROKEN
from server.config import settings
from server.operations import resulttypes
from server.units import SUFFIXES

if TYPE_CHECKING:  # loaded where a table is printed, since it takes longer than all of JSON
    from rich.console import Console

# Shown otherwise, or repeated in words beside it.
NOT_IN_TABLES = {"warnings", "key_figures", "reported_in_words"}
_UTC = ("UTC", "Etc/UTC")
PIPED_WIDTH = 100  # columns of a table that is piped into a file
MOST_WARNINGS = 20
MOST_ROWS = 100  # of a table; a day of quarters of an hour is shown whole
PAGE_ROWS = 1000
Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column: the keys that lead to its values in the rows, and their declared type."""
    path: tuple[str, ...]
    kind: Any
    values: list[Any]

    @property
    def key(self) -> str:
        return self.path[-1]

    @property
    def unit(self) -> str:
        return resulttypes.unit(self.kind)

    @property
    def is_number(self) -> bool:
        numbers = all(type(value) in (int, float, type(None)) for value in self.values)
        return numbers and self.unit != "instant"


def show(result: Any, as_json: bool, declared: Any = Any, *, whole: bool = False) -> None:
    """Print a result of a declared type. Its warnings go to standard error, not into the table.

    Tables of more than MOST_ROWS rows are cut, unless `whole`; JSON never is.
    """
    if result is None:
        return
    if as_json:
        jsonoutput.write(result, sys.stdout)
        return
    from rich.console import Console

    # What people and devices say is not markup: brackets and colons in names are printed as they are.
    console = Console(markup=False, emoji=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)
    if isinstance(result, Mapping):
        _warn(result.get("warnings", ()))
        row = {key: value for key, value in result.items()
               if key not in NOT_IN_TABLES and not result.get(IN_WORDS.get(key, ""))}
        _print_record(console, row, resulttypes.fields(declared, result), whole)
    else:
        if isinstance(result, list):
            _warn(list(dict.fromkeys(warning for row in result for warning in row.get("warnings", ()))))
        _print_rows(console, result, resulttypes.item(declared, result), whole)


def _warn(warnings: Sequence[str]) -> None:
    """Print warnings to standard error; of many the first."""
    for warning in warnings[:MOST_WARNINGS]:
        click.secho(f"warning: {printable(warning)}", fg="yellow", err=True)
    if len(warnings) > MOST_WARNINGS:
        click.secho(f"… and {len(warnings) - MOST_WARNINGS} more warnings: --json has them.", err=True)


def _print_record(console: Console, row: Row, types: Mapping[str, Any], whole: bool) -> None:
    """Print a mapping: a line for each value, then texts of several lines, then nested rows."""
    from rich.table import Table
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    nested = {key: value for key, value in row.items() if _is_nested(value)}
    for key, value in row.items():
        if key not in nested and "\n" not in str(value) and value not in (None, "", [], {}):
            words = _element_words(key, value, types[key])
            table.add_row(key, "; ".join(words) or cell(value, types[key]))
    console.print(table)
    for key, value in row.items():
        if isinstance(value, str) and "\n" in value:
            console.print(f"\n{key}", style="bold", highlight=False)
            console.print(printable(value), highlight=False)
    for key, value in nested.items():
        console.print(f"\n{key}", style="bold", highlight=False)
        if words := _element_words(key, value, types[key]):
            console.print("\n".join(words), highlight=False)
        elif isinstance(value, Mapping):
            _print_record(console, value, resulttypes.fields(types[key], value), whole)
        else:
            _print_rows(console, value, resulttypes.item(types[key], value), whole)


def _element_words(key: str, value: Any, declared: Any) -> list[str]:
    """What elements of the standard say to people, an element each; none for other values."""
    if resulttypes.unit(declared) != "elements" or not isinstance(value, Mapping):
        return []
    from server.grid.controls import modewords
    try:
        return [printable(text) for text in modewords.in_words(TYPE_NAMES.get(key, key), value, iso)]
    except KeyError:  # no type of the schema has the name of the key
        return []


def _is_nested(value: Any) -> bool:
    """Whether a value is printed below the record: rows, or a mapping that is too long for a line."""
    if isinstance(value, Mapping):
        return len(value) > MAX_PAIRS
    return isinstance(value, list) and bool(value) and isinstance(value[0], Mapping)


def _print_rows(console: Console, rows: Iterable[Row], declared: Any, whole: bool) -> None:
    """Print rows as a table; columns that are least needed are left out where it is too wide.

    Of more than MOST_ROWS the first are printed, and how to see the rest. What is read as it is printed is
    laid out PAGE_ROWS at a time, each page under a heading of its own.
    """
    remaining = iter(rows)
    size = (None if isinstance(rows, list) else PAGE_ROWS) if whole else MOST_ROWS
    page = _page(remaining, size)
    if not page:
        console.print("none", style="dim")
    while page:
        _print_page(console, page, declared)
        page = _page(remaining, size if whole else 1)
        if page and not whole:
            count = len(rows) if isinstance(rows, Sized) else None
            more = f"{count - MOST_ROWS} more of {count}" if count else "more"
            console.print(f"… and {more}: --whole shows them, --json has them.", style="dim", highlight=False)
            return


def _page(rows: Iterator[Row], size: int | None) -> list[Row]:
    return [{key: value for key, value in row.items() if key not in NOT_IN_TABLES}
            for row in islice(rows, size)]


def _print_page(console: Console, rows: Sequence[Row], declared: Any) -> None:
    columns = [column for column in _columns(rows, declared)
               if any(value not in (None, "", [], {}) for value in column.values)
               and not all(row.get(IDENTIFIED_BY.get(column.key, "")) for row in rows)]
    indents = ["  " * int(row.get("depth") or 0) for row in rows]
    printed = {column.path: _printed(column, indents) for column in columns}
    for least_needed in OPTIONAL:
        if rowlayout.least_width(list(printed.values())) <= console.width:
            break
        printed = {path: column for path, column in printed.items() if path[0] != least_needed}
    rowlayout.show(console, list(printed.values()))


def _columns(rows: Sequence[Row], declared: Any) -> list[Column]:
    """The columns of rows in their order; a mapping of quantities, such as power by kind, has several."""
    types: dict[tuple[str, ...], Any] = {}
    for row in rows:
        for key, kind in resulttypes.fields(declared, row).items():
            value = row[key]
            inner = resulttypes.fields(kind, value) if isinstance(value, Mapping) else {}
            if inner and all(map(resulttypes.unit, inner.values())):
                types.update({(key, name): inner[name] for name in inner})
            elif key != "depth":
                types.setdefault((key,), kind)
    divided = {path[0] for path in types if len(path) > 1}
    return [
        Column(path=path, kind=kind, values=[_value(row, path) for row in rows])
        for path, kind in types.items()
        if path[0] not in divided or len(path) > 1
    ]


def _value(row: Row, path: tuple[str, ...]) -> Any:
    """What a path of keys leads to in a row; None where a key is missing."""
    value: Any = row
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _printed(column: Column, indents: list[str]) -> rowlayout.Printed:
    """A column as it is printed; names are indented."""
    texts = [cell(value, column.kind, brief=True) for value in column.values]
    if column.key == "name":
        texts = [indent + text for indent, text in zip(indents, texts, strict=True)]
    return rowlayout.Printed(
        _heading(column, max(map(len, texts))), texts, column.is_number,
        breakable=not column.is_number and column.unit != "instant" and column.key not in UNBROKEN)


def _heading(column: Column, width: int) -> str:
    """The heading of a column with its unit; above narrow values its words stand in lines of their own."""
    words = [word for key in reversed(column.path) for word in _words(key, column.unit)]
    if column.unit in SHOWN_UNITS:
        words.append(column.unit)
    return " ".join(words) if len(" ".join(words)) <= width else "\n".join(words)


def _words(key: str, unit: str) -> list[str]:
    """The words of a name; a unit that is shown beside it is none of them."""
    return (key.removesuffix(SUFFIXES[unit]) if unit in SHOWN_UNITS else key).replace("_", " ").split()


def cell(value: Any, declared: Any = Any, brief: bool = False) -> str:
    """A value as text: instants in ISO 8601 with their offset (see `iso`), mappings as `a=b`."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        types = resulttypes.fields(declared, value)
        return ", ".join(f"{name}={cell(part, types[name])}" for name, part in value.items())
    if isinstance(value, (list, tuple)):
        kind = resulttypes.item(declared, value)
        return ", ".join(cell(part, kind) for part in value)
    if resulttypes.unit(declared) == "instant" and isinstance(value, int):
        return iso(value, brief)
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return printable(str(value))


def printable(text: str) -> str:
    """A text whose control characters, which a terminal would obey, are written as escapes."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() or character == "\n" else
                   character.encode("unicode_escape").decode() for character in text)


def iso(instant: int, brief: bool = False) -> str:
    """2026-11-22T19:00:00+01:00 in local time (setting timezone), 2026-11-22T18:00:00Z where that is UTC.

    `brief` leaves out zero seconds. The number where no calendar has that instant.
    """
    try:
        local = datetime.fromtimestamp(instant, UTC).astimezone(ZoneInfo(settings.timezone))
    except (ValueError, OverflowError, OSError):
        return f"{instant} s"
    text = local.isoformat(timespec="minutes" if brief and not instant % 60 else "seconds")
    return text.replace("+00:00", "Z") if settings.timezone in _UTC else text
