"""Changes of state in the order in which they were committed, for streams and webhooks.

    statechanges.arrange()                      # gives what is new its place
    for change in statechanges.after(position, 100): …

A change that is read has its place for good: what is committed later has a greater position. Retention keeps
the newest.
"""
from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, NamedTuple

from server import scopes
from server.models import KeyValue, db, is_postgres
from server.models.changes import WHOLE
from server.resources import sql
from server.units import Instant

PLACED = "state changes"  # the KeyValue with the last position that was given
SLICE = 1000  # that are given their places in one transaction
_NEW = "SELECT id FROM state_change WHERE position IS NULL"


class ChangeRow(NamedTuple):
    """A change, as StateChange has it."""
    position: int
    at: Instant
    kind: str
    subject: str
    change: str
    audience: str
    data: dict[str, Any]


def arrange() -> int:
    """Give changes that were committed their places; return how many."""
    if sql.row(f"{_NEW} LIMIT 1") is None:
        return 0
    with db.atomic():
        KeyValue.insert(name=PLACED, value="0").on_conflict_ignore().execute()
        last = _last(lock=True)
        numbers = [number for number, in sql.rows(f"{_NEW} ORDER BY id LIMIT {SLICE}")]
        sql.many("UPDATE state_change SET position = ? WHERE id = ?",
                 ((last + place, number) for place, number in enumerate(numbers, 1)))
        KeyValue.update(value=str(last + len(numbers))).where(KeyValue.name == PLACED).execute()
    return len(numbers)


def newest() -> int:
    """Return the position of the last change; 0 where there has been none."""
    return _last()


def _last(lock: bool = False) -> int:
    query: Any = KeyValue.select().where(KeyValue.name == PLACED)
    row = (query.for_update() if lock and is_postgres() else query).first()
    return int(row.value) if row is not None else 0


def is_kept(position: int) -> bool:
    """Return whether everything after a position is still there, and it has been given."""
    first, = sql.row("SELECT min(position) FROM state_change")
    last = newest()
    return position <= last and position >= (last if first is None else first - 1)


def after(position: int, most: int) -> list[ChangeRow]:
    """Return the changes after a position, at most so many, in their order."""
    rows = sql.rows(f"SELECT {', '.join(ChangeRow._fields)} FROM state_change WHERE position > ? "
                    "ORDER BY position LIMIT ?", position, most)
    return [ChangeRow._make((*values, json.loads(data))) for *values, data in rows]


def document(row: ChangeRow) -> dict[str, Any]:
    """Return a change as programs are told it. Pure."""
    at = datetime.fromtimestamp(row.at, UTC).isoformat().replace("+00:00", "Z")
    return {"at": at, "kind": row.kind, "subject": row.subject, "change": row.change, **row.data}


def sees(audience: str) -> bool:
    """Return whether changes for an audience are visible (see scopes)."""
    return scopes.top() is None or audience != WHOLE and scopes.sees_audience(audience)
