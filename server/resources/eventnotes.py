"""Changes of the status of events, collected by a transaction of the store and noted at its end."""
from __future__ import annotations

import threading
from collections import defaultdict
from typing import Any

from server.models import Document
from server.models.changes import EVENT, ChangedSubject, note_all
from server.resources.codes import EventStatus

OVER = "over"
_UNKNOWN = -1
_NAMES: dict[int, str] = {
    EventStatus.SCHEDULED: "scheduled", EventStatus.ACTIVE: "active", EventStatus.CANCELLED: "cancelled",
    EventStatus.CANCELLED_RANDOMIZED: "cancelled", EventStatus.SUPERSEDED: "superseded"}


class _CollectedEvents(threading.local):
    changed: dict[str, list[ChangedSubject]]


_collected = _CollectedEvents()


def begin() -> None:
    """Begin to collect what this thread's transaction changes."""
    _collected.changed = defaultdict(list)


def written(values: dict[str, Any], stored: Document | None) -> None:
    """Take note of a document that is written with these values of all columns, in place of the stored one
    (None where nobody has looked that up)."""
    if values["status"] is None:
        return
    change = _change(values["visibility"], values["status"])
    if stored is None or stored.status is None or change != _change(stored.visibility, stored.status):
        _collected.changed[change].append(ChangedSubject(
            values["href"], values["audience"], {"type": values["kind"], "mrid": values["mrid"]}))


def _change(visibility: int, status: dict[str, Any]) -> str:
    """Return in words what an event is, "" where a damaged status does not say. Pure."""
    number = int(status.get("currentStatus", _UNKNOWN))
    ended = visibility == Document.EXPIRED and number in (EventStatus.SCHEDULED, EventStatus.ACTIVE)
    return OVER if ended else _NAMES.get(number, "")


def flush() -> None:
    """Write the changes, at the end of the transaction."""
    for change, changed in _collected.changed.items():
        note_all(EVENT, change, changed)
