"""Rows of the table Document, by SQL written by hand, since every write needs several."""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from operator import itemgetter
from typing import Any

from server.models import Document, is_postgres
from server.resources import events, sql
from server.units import Href

Data = dict[str, Any]

COLUMNS = tuple(Document._meta.sorted_field_names)
LISTED, ACTIVE = f"visibility < {Document.EXPIRED}", f"visibility = {Document.ACTIVE}"
OWN = f"parent = ? AND audience = ? AND {LISTED}"  # all of it, for the partial index by audience
EVENT = "kind IN ({})".format(", ".join(f"'{kind}'" for kind in sorted(events.KINDS)))
_SELECT = f'SELECT {", ".join(COLUMNS)} FROM document WHERE '
_REPLACE = "ON CONFLICT {} DO UPDATE SET " + ", ".join(f"{name} = excluded.{name}" for name in COLUMNS[1:])
_PRIMARY_KEY = "ON CONSTRAINT document_pkey"  # by its name, since it has more columns where it is partitioned
_JSON = tuple((name, getattr(Document, name).python_value) for name in ("submitted", "status"))
_TO_TEXT = tuple((COLUMNS.index(name), getattr(Document, name).db_value) for name, _ in _JSON)
_in_order = itemgetter(*COLUMNS)


def select(condition: str, *parameters: Any) -> list[Document]:
    """Return the documents that meet an SQL condition, which may end with an ORDER BY."""
    return [of_row(row) for row in sql.bodies(_SELECT + condition, *parameters)]


def first(condition: str, *parameters: Any) -> Document | None:
    """Return the first document that meets an SQL condition; None where there is none."""
    row = sql.row(_SELECT + condition, *parameters)
    return of_row(row) if row else None


def own(list_href: Href, audience: str) -> list[Document]:
    """Return the items of a list that are of one audience, such as a device, in the list's order."""
    return select(f"{OWN} ORDER BY sort", list_href, audience)


def pages(list_href: Href, size: int = 1000) -> Iterator[list[Document]]:
    """Yield all items of a list, of whatever audience, in the list's order, so many at a time."""
    last = b""
    condition = f"parent = ? AND sort > ? AND {LISTED} ORDER BY sort LIMIT ?"
    while page := select(condition, list_href, last, size):
        yield page
        last = bytes(page[-1].sort)


def ever(list_href: Href, audience: str) -> list[Document]:
    """Return the items of a list of one audience as `own` does, and those that were withdrawn."""
    withdrawn = f"parent = ? AND audience = ? AND visibility = {Document.WITHDRAWN}"
    # Sorted here: to have them in order, SQLite would read the whole list instead of their own index.
    return [*own(list_href, audience),
            *sorted(select(withdrawn, list_href, audience), key=lambda document: bytes(document.sort))]


def among(column: str, values: Iterable[Any], condition: str = "", *parameters: Any) -> Iterator[Document]:
    """Yield the documents with one of these values, which may be any number, in a column, and which meet a
    condition (such as `AND visibility = ?`)."""
    yield from map(of_row, sql.among(f"{_SELECT}{column} IN ({{}}) {condition}", values, *parameters))


def of_row(row: tuple[Any, ...]) -> Document:
    """Return a document from the values of all columns."""
    values = dict(zip(COLUMNS, row, strict=True))
    for name, read in _JSON:
        values[name] = read(values[name])
    document = Document(__no_default__=True)
    document.__data__.update(values)  # as its attributes would, one by one, in five times the time
    return document


def write(rows: Iterable[Data]) -> None:
    """Insert or replace the rows with these values of all columns, each href once."""
    replace = _REPLACE.format(_PRIMARY_KEY if is_postgres() else "(href)")
    sql.insert("document", COLUMNS, map(_stored, rows), replace)


def write_bodies(bodies: Mapping[Href, bytes]) -> None:
    """Write these bodies, by the href, of documents of which nothing else has changed."""
    sql.update("document", ("href",), ("body",), bodies.items())


def _stored(values: Data) -> tuple[Any, ...]:
    row = list(_in_order(values))
    for index, to_text in _TO_TEXT:
        row[index] = to_text(row[index])
    return tuple(row)


def differs(document: Document, values: Data) -> bool:
    """Return whether a document has other values than these of all columns."""
    return any(getattr(document, name) != value for name, value in values.items())
