"""How documents are read: keyed lookups that copy bytes.

`reader` is the LFDI of the caller, who sees the documents of its audiences as long as it is enrolled; None
reads as the operator, to whom everything is visible.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from server.models import Device, Document, is_postgres
from server.resources import documents, sql
from server.units import Href

PAGE_BYTES = 1 << 20  # of the items of a page; small devices, and this server, have to hold it in memory
_AUDIENCES = ("SELECT of_device.audience FROM device CROSS JOIN audience AS of_device WHERE device.lfdi = ? "
              f"AND device.state = '{Device.ENROLLED}' AND of_device.lfdi = device.lfdi")
_VISIBLE = f"audience IN ({_AUDIENCES})"
_SERVED = f"visibility < {Document.WITHDRAWN}"
# As an expression, which keeps the database from looking documents up by audience and sorting them.
_VISIBLE_IN_ORDER = f"coalesce(audience, '') {_VISIBLE.removeprefix('audience ')}"


class Single(NamedTuple):
    """A document as it is served: its kind, fragment and audience."""
    kind: str
    body: bytes
    audience: str


class Page(NamedTuple):
    """A part of a list: how many items there are in all, and (kind, fragment) of those on the page. Of
    documents the hrefs are there, too."""
    all: int
    items: list[tuple[str, bytes]]
    hrefs: Sequence[Href] = ()


def _body(edition: int) -> str:
    return "body" if edition == 2018 else "coalesce(body_2023, body)"


def single(href: str, reader: str | None, edition: int = 2018) -> Single | None:
    """Return the document at an href; None where there is none that the reader may see."""
    statement = f"SELECT kind, {_body(edition)}, audience FROM document WHERE href = ? AND {_SERVED}"
    found = sql.bodies(statement, href) if reader is None else sql.bodies(
        f"{statement} AND {_VISIBLE}", href, reader)
    return Single(found[0][0], bytes(found[0][1]), found[0][2]) if found else None


class Seen(NamedTuple):
    """An item of a list that a reader sees: what was submitted, and its fragments (`body_2023` where that is
    another)."""
    href: Href
    submitted: dict[str, Any]
    body: bytes
    body_2023: bytes | None

    def fragment(self, edition: int) -> bytes:
        """Return the fragment for an edition."""
        return self.body if edition == 2018 else self.body_2023 or self.body


def seen(parent: Href, reader: str) -> list[Seen]:
    """Return all items of a list that the reader sees, in its order: for lists of which that is little."""
    condition = f"parent = ? AND {documents.LISTED}"
    rows = sql.bodies(f"SELECT href, submitted, body, body_2023 FROM {_by_audience(condition)} ORDER BY sort",
                      reader, parent)
    return [Seen(href, Document.submitted.python_value(submitted), bytes(body), newer and bytes(newer))
            for href, submitted, body, newer in rows]


def visible(href: str, reader: str) -> bool:
    """Return whether there is a document at an href that the reader may see."""
    statement = f"SELECT 1 FROM document WHERE href = ? AND {_SERVED} AND {_VISIBLE}"
    return sql.row(statement, href, reader) is not None


class Selection(NamedTuple):
    """Which documents of a list: all that are listed, only the active ones, or only those of some audiences.

    `mixed` is set where a reader usually sees few of many items. It changes the query, not its result.
    """
    parent: str
    active: bool = False
    audiences: tuple[str, ...] | None = None
    mixed: bool = False


def page(
    selection: Selection, reader: str | None, start: int, after: int | None, limit: int, edition: int = 2018
) -> Page:
    """Return a page of a list, in its order: from item `start` of those later than `after`, at most `limit`
    items, and fewer where they are long (PAGE_BYTES)."""
    condition = f"parent = ? AND {documents.ACTIVE if selection.active else documents.LISTED}"
    parameters: list[object] = [selection.parent]
    if selection.audiences is not None:
        condition += f" AND document.audience IN ({sql.marks(len(selection.audiences))})"
        parameters += selection.audiences
    later = "" if after is None else " AND at > ?"
    if reader is not None and selection.mixed:
        source, parameters = f"FROM {_by_audience(condition)}", [reader, *parameters]
        source_later = f"FROM {_by_audience(condition + later)}"
    else:
        if reader is not None:
            condition, parameters = f"{condition} AND {_VISIBLE_IN_ORDER}", [*parameters, reader]
        source = f"FROM document WHERE {condition}"
        source_later = source + later
    rows = (
        sql.bodies(
            f"SELECT kind, {_body(edition)}, href {source_later} ORDER BY sort LIMIT ? OFFSET ?",
            *parameters,
            *([] if after is None else [after]),
            limit,
            start,
        )
        if limit
        else []
    )
    complete = start == 0 and after is None and len(rows) < limit
    total = len(rows) if complete else int(sql.row(f"SELECT count(*) {source}", *parameters)[0])
    items = [(kind, bytes(body)) for kind, body, _ in rows]
    count_on_page = _count_within_bound(items)
    return Page(total, items[:count_on_page], [href for _, _, href in rows[:count_on_page]])


def _by_audience(condition: str) -> str:
    """Return the tables and conditions by which documents are looked for by each audience of a reader, who is
    the first parameter.

    Both databases would go through the whole list at times: SQLite with the statistics of ANALYZE, PostgreSQL
    where it plans for any reader. CROSS JOIN keeps the order in SQLite, OFFSET 0 in PostgreSQL.
    """
    if is_postgres():
        return (f"({_AUDIENCES} OFFSET 0) AS seen, LATERAL (SELECT * "
                f"FROM document WHERE {condition} AND audience = seen.audience OFFSET 0) AS of_reader")
    return (f"({_AUDIENCES}) AS seen CROSS JOIN document WHERE {condition} "
            "AND document.audience = seen.audience")


def _count_within_bound(items: list[tuple[str, bytes]]) -> int:
    """Return how many of the first items together have at most PAGE_BYTES; at least one, where there is
    one."""
    size = 0
    for count, (_, body) in enumerate(items):
        size += len(body)
        if size > PAGE_BYTES and count:
            return count
    return len(items)


def counts(parents: list[str], reader: str) -> dict[str, int]:
    """Return how many items of each of these lists the reader sees; lists without any are left out."""
    condition = f"parent IN ({sql.marks(len(parents))}) AND {documents.LISTED}"
    return dict(sql.rows(
        f"SELECT parent, count(*) FROM {_by_audience(condition)} GROUP BY parent", reader, *parents))
