"""Rows of the table Document, by statements written by hand, since every write asks for some."""
from __future__ import annotations

from typing import Any

from server.models import Document
from server.resources import events, sql

COLUMNS = tuple(Document._meta.sorted_field_names)
LISTED, ACTIVE = f"visibility < {Document.EXPIRED}", f"visibility = {Document.ACTIVE}"
EVENT = "kind IN ({})".format(", ".join(f"'{kind}'" for kind in sorted(events.KINDS)))
_SELECT = f'SELECT {", ".join(COLUMNS)} FROM document WHERE '
_UPSERT = (
    f"INSERT INTO document ({', '.join(COLUMNS)}) VALUES ({sql.marks(len(COLUMNS))}) ON CONFLICT (href) "
    f"DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in COLUMNS[1:])}"
)
_JSON = tuple((name, getattr(Document, name).python_value) for name in ("submitted", "status"))


def select(condition: str, *parameters: Any) -> list[Document]:
    """The documents that an SQL condition (and order) finds."""
    return [_document(row) for row in sql.rows(_SELECT + condition, *parameters)]


def one(condition: str, *parameters: Any) -> Document | None:
    """The first of them."""
    row = sql.row(_SELECT + condition, *parameters)
    return _document(row) if row else None


def _document(row: tuple[Any, ...]) -> Document:
    values = dict(zip(COLUMNS, row, strict=True))
    for name, read in _JSON:
        values[name] = read(values[name])
    return Document(**values)


def write(values: dict[str, Any]) -> None:
    """Write a row whole, new or not; JSON is text already."""
    sql.execute(_UPSERT, *map(values.__getitem__, COLUMNS))


def same(values: dict[str, Any]) -> bool:
    """Whether just this row is there."""
    return sql.row(f"{_SELECT}href = ?", values["href"]) == tuple(map(values.__getitem__, COLUMNS))
