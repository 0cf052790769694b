"""Whether a document is listed, active or expired, and until when that holds. Pure."""
from __future__ import annotations

from typing import Any, NamedTuple

from server.models import Document
from server.resources import events
from server.resources.codes import EventStatus
from server.units import Instant

Data = dict[str, Any]


class TimedState(NamedTuple):
    """What depends on time: `visibility` and `fresh_until` as in models.Document, and the EventStatus."""
    visibility: int
    fresh_until: Instant | None
    status: Data | None = None


def interval_state(start: Instant | None, end: Instant | None, now: Instant) -> TimedState:
    """Return the state of something with an interval that is not an event: active in it, always listed."""
    if start is None or end is None:
        return TimedState(Document.LISTED, None)
    if now < start:
        return TimedState(Document.LISTED, start)
    return TimedState(Document.ACTIVE, end) if now < end else TimedState(Document.LISTED, None)


def event_state(state: events.EventState, reason: str | None) -> TimedState:
    """Return the state of an event as its document has it."""
    if not state.listed:
        visibility = Document.EXPIRED
    else:
        visibility = Document.ACTIVE if state.status == EventStatus.ACTIVE else Document.LISTED
    return TimedState(visibility, state.next_change, events.event_status(state, reason))
