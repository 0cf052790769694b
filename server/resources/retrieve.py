"""How documents are read: keyed lookups that copy bytes.

`reader` is the LFDI of the caller, who sees the documents of its audiences as long as it is enrolled; None
reads as the operator, to whom everything is visible.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from server.models import Device, Document, is_postgres
from server.resources import documents, profiles, renderings, sql
from server.resources.variants import Variant
from server.units import Href

PAGE_BYTES = 1 << 20  # of the items of a page; small devices, and this server, have to hold it in memory
_AUDIENCES = ("SELECT of_device.audience AS of_reader FROM device CROSS JOIN audience AS of_device "
              "WHERE device.lfdi = ? "
              f"AND device.state = '{Device.ENROLLED}' AND of_device.lfdi = device.lfdi")
_VISIBLE = f"audience IN ({_AUDIENCES})"
_SERVED = f"visibility < {Document.WITHDRAWN}"
_ALL = ", ".join(documents.COLUMNS)
_KIND, _AUDIENCE, _HREF, _BODY, _SUBMITTED = map(
    documents.COLUMNS.index, ("kind", "audience", "href", "body", "submitted"))
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


def single(href: str, reader: str | None, variant: Variant | None = None) -> Single | None:
    """Return the document at an href in a variant, or as it is stored; None where there is none that the
    reader may see."""
    stored = _is_stored(variant)
    columns = "kind, body, audience" if stored else _ALL
    statement = f"SELECT {columns} FROM document WHERE href = ? AND {_SERVED}"
    found = sql.bodies(statement, href) if reader is None else sql.bodies(
        f"{statement} AND {_VISIBLE}", href, reader)
    if not found:
        return None
    if stored or variant is None:
        kind, body, audience = found[0]
        return Single(kind, bytes(body), audience)
    return Single(found[0][_KIND], renderings.bodies(found, variant)[0], found[0][_AUDIENCE])


def _is_stored(variant: Variant | None) -> bool:
    return variant is None or variant is profiles.default()


class Seen(NamedTuple):
    """An item of a list that a reader sees: its href, what was submitted, and the values of all columns."""
    href: Href
    submitted: dict[str, Any]
    row: renderings.Row


def seen(parent: Href, reader: str) -> list[Seen]:
    """Return all items of a list that the reader sees, in its order: for lists of which that is little."""
    condition = f"parent = ? AND {documents.LISTED}"
    rows = sql.bodies(f"SELECT {_ALL} FROM {_by_audience(condition)} ORDER BY sort", reader, parent)
    return [Seen(row[_HREF], Document.submitted.python_value(row[_SUBMITTED]), row) for row in rows]


def page_of(items: Sequence[Seen], total: int, variant: Variant) -> Page:
    """Return the page with these items, of a list with so many in all, in a variant."""
    rows = [item.row for item in items]
    bodies = [bytes(row[_BODY]) for row in rows] if _is_stored(variant) else renderings.bodies(rows, variant)
    return Page(total, [(row[_KIND], body) for row, body in zip(rows, bodies, strict=True)],
                [item.href for item in items])


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
    selection: Selection, reader: str | None, start: int, after: int | None, limit: int,
    variant: Variant | None = None
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
    columns = "kind, body, href" if _is_stored(variant) else _ALL
    part = f"{source_later} ORDER BY sort LIMIT ? OFFSET ?"
    if reader is not None and selection.mixed:  # sorts thousands for an aggregator: without their bodies
        part = (f"FROM (SELECT href AS on_page, sort AS place {part}) AS part CROSS JOIN document "
                "WHERE href = on_page ORDER BY place")
    rows = (
        sql.bodies(
            f"SELECT {columns} {part}",
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
    items, hrefs = _items(rows, variant)
    count_on_page = _count_within_bound(items)
    return Page(total, items[:count_on_page], hrefs[:count_on_page])


def _items(rows: list[Any], variant: Variant | None) -> tuple[list[tuple[str, bytes]], list[Href]]:
    """Return the kinds and bodies of documents, and their hrefs."""
    if variant is None or _is_stored(variant):
        return [(kind, bytes(body)) for kind, body, _ in rows], [href for _, _, href in rows]
    bodies = renderings.bodies(rows, variant)
    return [(row[_KIND], body) for row, body in zip(rows, bodies, strict=True)], [row[_HREF] for row in rows]


def _by_audience(condition: str) -> str:
    """Return the tables and conditions by which documents are looked for by each audience of a reader, who is
    the first parameter.

    Both databases would go through the whole list at times: SQLite with the statistics of ANALYZE, PostgreSQL
    where it plans for any reader. CROSS JOIN keeps the order in SQLite, OFFSET 0 in PostgreSQL.
    """
    if is_postgres():
        return (f"({_AUDIENCES} OFFSET 0) AS seen, LATERAL (SELECT * "
                f"FROM document WHERE {condition} AND audience = seen.of_reader OFFSET 0) AS visible")
    return (f"({_AUDIENCES}) AS seen CROSS JOIN document WHERE {condition} "
            "AND document.audience = seen.of_reader")


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
