"""What time makes of a document: whether it is listed, active or expired, and until when that holds. Pure."""
from __future__ import annotations

from typing import Any, NamedTuple

from server.resources import events
from server.resources.codes import EventStatus

Data = dict[str, Any]


class TimedState(NamedTuple):
    """What time has made of a document: see models.Document.visibility and fresh_until; `status` is its
    EventStatus."""
    visibility: int
    fresh_until: int | None
    status: Data | None = None


def interval_state(at: int | None, until: int | None, now: int) -> TimedState:
    """Of something with an interval that is no event: active while it lasts, listed for good."""
    if at is None or until is None:
        return TimedState(0, None)
    if now < at:
        return TimedState(0, at)
    return TimedState(1, until) if now < until else TimedState(0, None)


def event_state(verdict: events.EventState, reason: str | None) -> TimedState:
    """Of an event, from the verdict on it."""
    standing = 2 if not verdict.listed else 1 if verdict.status == EventStatus.ACTIVE else 0
    return TimedState(standing, verdict.next_change, events.event_status(verdict, reason))
