"""How documents are read: keyed lookups that copy bytes.

`reader` is the LFDI of the caller, who sees the documents of its audiences as long as it is enrolled; None
reads as the operator, to whom everything is visible.
"""
from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from server.models import Device, Document, is_postgres
from server.resources import documents, ordering, profiles, renderings, sql
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
    """Which documents of a list: all that are listed, only the active ones, or only those of some audiences;
    not the one at the href `without`.

    `mixed` is set where a reader usually sees few of many items. It changes the query, not its result.
    """
    parent: str
    active: bool = False
    audiences: tuple[str, ...] | None = None
    mixed: bool = False
    without: Href = ""


def page(
    selection: Selection, reader: str | None, start: int, after: int | None, limit: int,
    variant: Variant | None = None
) -> Page:
    """Return a page of a list, in its order: from item `start` of those later than `after`, at most `limit`
    items, and fewer where they are long (PAGE_BYTES)."""
    audiences = selection.audiences
    later = None if after is None else ordering.later(selection.parent)
    of_items, of_count = _statements(_Form(
        selection.active, selection.mixed, None if audiences is None else len(audiences), reader is not None,
        selection.without != "", later.condition if later else "", _is_stored(variant), is_postgres()))
    readers = [] if reader is None else [reader]
    in_list = [selection.parent, *(audiences or ()), *([selection.without] if selection.without else ())]
    parameters: list[object] = [*readers, *in_list] if selection.mixed else [*in_list, *readers]
    rows = []
    if limit:
        rows = sql.bodies(of_items, *parameters, *(
            () if after is None or later is None else (later.value(after),)), limit, start)
    complete = start == 0 and after is None and len(rows) < limit
    total = len(rows) if complete else int(sql.row(of_count, *parameters)[0])
    items, hrefs = _items(rows, variant)
    count_on_page = _count_within_bound(items)
    return Page(total, items[:count_on_page], hrefs[:count_on_page])


class _Form(NamedTuple):
    """On what the statements for a page depend, beside their parameters. `audiences` is how many are
    selected, None for all; `later` is the condition for items after an instant (`ordering`), "" for none."""
    active: bool
    mixed: bool
    audiences: int | None
    has_reader: bool
    has_without: bool
    later: str
    is_stored: bool
    is_postgres: bool  # which `_by_audience` asks for itself


@lru_cache(maxsize=256)
def _statements(form: _Form) -> tuple[str, str]:
    """Return the statements for the items on a page and for the count of the whole list.

    Their parameters are the reader where the list is mixed, the parent, the audiences, the document to leave
    out, the reader where it is not; for the items also the value of `later`, the limit and the start.
    """
    condition = f"parent = ? AND {documents.ACTIVE if form.active else documents.LISTED}"
    if form.audiences is not None:
        condition += f" AND document.audience IN ({sql.marks(form.audiences)})"
    if form.has_without:
        condition += " AND document.href <> ?"
    later = form.later and f" AND {form.later}"
    by_audience = form.has_reader and form.mixed
    if by_audience:
        source, source_later = f"FROM {_by_audience(condition)}", f"FROM {_by_audience(condition + later)}"
    else:
        source = f"FROM document WHERE {condition}" + (f" AND {_VISIBLE_IN_ORDER}" if form.has_reader else "")
        source_later = source + later
    part = f"{source_later} ORDER BY sort LIMIT ? OFFSET ?"
    if by_audience:  # sorts thousands for an aggregator: without their bodies
        part = (f"FROM (SELECT href AS on_page, sort AS place {part}) AS part CROSS JOIN document "
                "WHERE href = on_page ORDER BY place")
    return f"SELECT {'kind, body, href' if form.is_stored else _ALL} {part}", f"SELECT count(*) {source}"


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


class Identified(NamedTuple):
    """A document that a reader sees, its mRID at full width, and what was submitted."""
    href: Href
    mrid: str
    submitted: dict[str, Any]


def identified(hrefs: Sequence[Href], reader: str) -> list[Identified]:
    """Return those of documents that the reader sees."""
    return _identified(f"href IN ({sql.marks(len(hrefs))}) AND {_SERVED}", [reader, *hrefs], "")


def by_mrid(parents: Sequence[Href], reader: str, start: int, limit: int) -> list[Identified]:
    """Return what the reader sees of several lists as one, by mRID descending."""
    condition = f"parent IN ({sql.marks(len(parents))}) AND {documents.LISTED}"
    part = " ORDER BY mrid DESC LIMIT ? OFFSET ?"
    return _identified(condition, [reader, *parents, limit, start], part)


def _identified(condition: str, parameters: Sequence[object], part: str) -> list[Identified]:
    statement = f"SELECT href, mrid, submitted FROM {_by_audience(condition)}{part}"
    return [Identified(href, mrid or "", Document.submitted.python_value(submitted) or {})
            for href, mrid, submitted in sql.bodies(statement, *parameters)]


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
