"""Tables of pages: a page of what an operation lists, sorted and filtered here, with links.

Several tables of a page have names; the query of the address has `NAME-cursor`, `NAME-sort` and the arguments
of the operation as `NAME-argument`.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from flask import request
from werkzeug.datastructures import MultiDict

from server.console import cells, fieldvalues, forms, running
from server.console.cells import Cell, ListColumn
from server.errors import Refused

ROWS = 50
Link = Callable[[Mapping[str, Any]], str]


@dataclass(kw_only=True)
class ListTable:
    """A page of a list as a template shows it."""
    name: str
    caption: str
    columns: list[ListColumn]
    rows: list[list[Cell]]
    raw: Sequence[Mapping[str, Any]]
    next: str = ""
    first: str = ""
    sorted_by: str = ""
    sort_links: Mapping[str, str] = field(default_factory=dict)
    filters: forms.OperationForm | None = None
    filtered: bool = False
    refusal: str = ""
    teaches: str = ""


def of_operation(name: str, given: Mapping[str, Any] | None = None, *, caption: str, id: str = "",
                 columns: Sequence[str] = (), links: Mapping[str, Link] | None = None, rows: int = ROWS,
                 filters: bool = True, teaches: str = "") -> ListTable:
    """Return a page of what an operation lists. `links` are where the values of columns lead; `given` are
    values of arguments that people cannot change. What is refused is said in the table's place."""
    id, fixed, operation = id or name.replace(" ", "-"), dict(given or {}), running.find(name)
    asked = MultiDict([(key.removeprefix(f"{id}-"), text) for key, text in request.args.items(multi=True)
                       if key.startswith(f"{id}-") and key.removeprefix(f"{id}-") not in fixed])
    cursor, sort = asked.pop("cursor", ""), asked.pop("sort", "")
    table = ListTable(name=id, caption=caption, columns=[], rows=[], raw=[], sorted_by=sort, teaches=teaches)
    table.filtered = any(asked.values())
    if filters:
        form = forms.of_operation(operation, asked, leaving_out=tuple(fixed))
        table.filters = form if list(form) else None
    try:
        page = running.page(name, {**fieldvalues.read(operation, asked), **fixed}, limit=rows, cursor=cursor,
                            sort=sort)
    except Refused as refused:
        if table.filters is not None:
            table.filters.refuse(refused)
        table.refusal = forms.named(refused.why, operation)
        return table
    table.columns = cells.columns_of(page.rows, page.declared, columns)
    table.rows = [_row(item, table.columns, page.declared, links or {}) for item in page.rows]
    table.raw = page.rows
    table.next = _href(id, cursor=page.following) if page.following else ""
    table.first = _href(id, cursor="") if cursor else ""
    table.sort_links = {
        column.key: _href(id, sort=f"-{column.key}" if sort == column.key else column.key, cursor="")
        for column in table.columns if page.sorts is None or column.key in page.sorts}
    return table


def _row(item: Mapping[str, Any], columns: Sequence[ListColumn], declared: Any,
         links: Mapping[str, Link]) -> list[Cell]:
    found = cells.row(item, columns, declared)
    return [Cell(text=cell.text, numeric=cell.numeric, href=links[column.key](item))
            if column.key in links and item.get(column.key) not in (None, "") else cell
            for cell, column in zip(found, columns, strict=True)]


def _href(id: str, **changed: str) -> str:
    """The present address with other parameters of a table."""
    new = {f"{id}-{name}": text for name, text in changed.items()}
    pairs = [(key, text) for key, text in request.args.items(multi=True) if key not in new]
    return f"{request.path}?{urlencode([*pairs, *((key, text) for key, text in new.items() if text)])}#{id}"
