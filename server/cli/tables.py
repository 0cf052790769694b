"""Print results of commands: tables for people, JSON for programs."""
from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

NOT_IN_TABLES = {"warnings", "key_figures"}  # shown otherwise, or repeated in words beside it
PIPED_WIDTH = 140  # columns of a table that is piped into a file
Row = Mapping[str, Any]


def show(result: Any, as_json: bool) -> None:
    """Print a result. Its warnings go to standard error, not into the table."""
    if result is None:
        return
    if as_json:
        click.echo(json.dumps(result, indent=2, ensure_ascii=False, default=str))
        return
    console = Console() if sys.stdout.isatty() else Console(width=PIPED_WIDTH)
    if isinstance(result, Mapping):
        for warning in result.get("warnings", ()):
            click.secho(f"warning: {warning}", fg="yellow", err=True)
        _print_record(console, {key: value for key, value in result.items() if key not in NOT_IN_TABLES})
    else:
        _print_rows(console, list(result))


def _print_record(console: Console, row: Row) -> None:
    """Print a mapping: a line for each value, then texts of several lines, then nested rows."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    nested = {key: value for key, value in row.items() if _is_rows(value)}
    for key, value in row.items():
        if key not in nested and "\n" not in str(value) and value not in (None, "", [], {}):
            table.add_row(key, cell(key, value))
    console.print(table)
    for key, value in row.items():
        if isinstance(value, str) and "\n" in value:
            console.print(f"\n[bold]{key}[/bold]")
            console.print(value, markup=False, highlight=False)
    for key, value in nested.items():
        console.print(f"\n[bold]{key}[/bold]")
        _print_rows(console, list(value))


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], Mapping)


def _print_rows(console: Console, rows: list[Row]) -> None:
    """Print rows as a table; columns that are least needed are left out where it is too wide."""
    if not rows:
        console.print("none", style="dim")
        return
    columns = list(dict.fromkeys(key for row in rows for key in row if key != "depth"))
    columns = [key for key in columns if any(row.get(key) not in (None, "", [], {}) for row in rows)
               and not all(row.get(_IDENTIFIED_BY.get(key, "")) for row in rows)]
    optional = iter(_OPTIONAL)
    while not (fits := _width(console, _table(rows, columns, shortest=True)) <= console.width) and (
        column := next(optional, None)
    ):
        columns = [key for key in columns if key != column]
    console.print(_table(rows, columns, folded=not fits))


def _table(rows: list[Row], columns: list[str], shortest: bool = False, folded: bool = False) -> Table:
    """Rows as a table.

    Only prose is broken into lines, or with `folded` everything; nothing is cut off. `shortest` measures with
    prose already broken.
    """
    table = Table(box=None, pad_edge=False, header_style="bold")
    for key in columns:
        number = all(type(row.get(key)) in (int, float, type(None)) for row in rows)
        cells = [cell(key, row.get(key), brief=True) for row in rows]
        width = max(map(len, cells))
        breakable = not number and key not in _UNBROKEN and not key.endswith(_INSTANTS)
        prose = breakable and width > _PROSE_WIDTH
        table.add_column(
            _heading(key, width),
            no_wrap=not prose and not folded,
            overflow="fold",
            max_width=_PROSE_WIDTH if prose and shortest else None,
            justify="right" if number and not key.endswith(_INSTANTS) else "left",
        )
    for row in rows:
        indent = "  " * int(row.get("depth") or 0)
        table.add_row(
            *(indent * (column == "name") + cell(column, row.get(column), brief=True) for column in columns)
        )
    return table


def _width(console: Console, table: Table) -> int:
    return Measurement.get(console, console.options.update(max_width=1000), table).maximum


def _heading(key: str, width: int) -> str:
    """The heading of a column; above narrow values its words stand in lines of their own."""
    words = [_UNIT_NAMES.get(word, word) if number else word for number, word in enumerate(key.split("_"))]
    return " ".join(words) if len(key) <= width else "\n".join(words)


# Long identifiers are left out where another column identifies the rows.
_IDENTIFIED_BY = {"lfdi": "name", "mrid": "href"}
_UNIT_NAMES = {"w": "W", "wh": "Wh", "kwh": "kWh"}
_UNBROKEN = ("name", "vder", "device", "status", "state", "quantity", "answer")
_PROSE_WIDTH = 17  # a wider text may be broken into lines; an instant in it stays whole
# Columns that are left out where a table is too wide for the terminal, the first goes first; --json has them.
_OPTIONAL = (
    "mrid",
    "issued_at",
    "grants",
    "created_at",
    "solver_s",
    "step",
    "step_s",
    "values",
    "gaps",
    "mean",
    "issue_interval_s",
    "priority",
    "tolerance_w",
    "granted_start",
    "granted_duration_s",
    "request",
    "grant",
    "requested_by",
    "addressing",
    "verified_up_w",
    "verified_down_w",
    "margin_s",
    "unrated",
    "rated_inject_w",
    "rated_absorb_w",
    "source",
    "potentially_superseded",
    "since",
    "forward",
    "mandatory",
    "override_duration_s",
    "sfdi",
    "lfdi",
    "meter",
    "control",
    "plan",
    "value",
    "duration_s",
    "least",
    "most",
)
_INSTANTS = ("_at", "start", "created", "received", "until", "since", "said", "end", "_from")


def cell(key: str, value: Any, brief: bool = False) -> str:
    """A value as text: instants as ISO 8601 in UTC (`brief`: without zero seconds), mappings as `a=b`."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and key.endswith(_INSTANTS) and value > 1_000_000_000:
        return iso(value).replace(":00Z", "Z") if brief else iso(value)
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={cell(name, item)}" for name, item in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(cell(key, item) for item in value)
    return str(value)


def iso(instant: int) -> str:
    """2026-11-22T18:00:00Z"""
    return datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
