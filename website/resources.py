"""The page of the standard's resources: where each is and what may be done with it, from schemas/*.toml."""
from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

from server.resources import table

SCHEMAS = Path(__file__).parents[1] / "schemas"
PATH = "reference/resources.md"
_PREFACE = """# Resources of the standard

Made from [the tables](../schemas/README.md). Each resource has a letter for each method, as the interface
description of IEEE 2030.5 has it: **M** mandatory, **O** optional, **D** discouraged, **E** an error (405). A
list says which parameters of its query it takes (`s` start, `a` after, `l` limit) and by what it is ordered,
`-` for descending. Where operators alone write, devices that try get 403.
"""
_HEADING = """
| resource | path | GET | HEAD | PUT | POST | DELETE | list | notes |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
"""


def page() -> str:
    """The page, with a table for each function set."""
    parts = [_PREFACE]
    for file in sorted(SCHEMAS.glob("*.toml")):
        parts.append(f"\n## {file.stem}\n{_HEADING}")
        parts += [_line(table.rows[name]) for name in tomllib.loads(file.read_text())]
    return "".join(parts)


def _line(row: table.Row) -> str:
    path = row.path.replace("<int:", "{").replace(">", "}")
    order = ", ".join(row.order)
    lists = f"`{row.query}`{f'; {order}' if order else ''}" if row.query else ""
    return f"| {row.name} | `{path}` | {' | '.join(row.modes)} | {lists} | {'; '.join(_notes(row))} |\n"


def _notes(row: table.Row) -> Iterator[str]:
    if row.element != row.name:
        yield row.element
    if row.of and row.of != row.element:
        yield f"selects from {row.of}"
    if row.writer == table.OPERATOR:
        yield "operators write"
    if row.response:
        yield f"answered by {row.response}"
    if row.edition:
        yield f"of the {row.edition} edition alone"
    if row.quota:
        yield f"limit: `{row.quota}`"
