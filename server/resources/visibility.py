"""Whether a document is listed, active or expired, and until when that holds; statuses of the 2023 edition.
Pure."""
from __future__ import annotations

from typing import Any, NamedTuple

from server.models import Document
from server.resources import events
from server.resources.codes import EventStatus
from server.units import Instant

Data = dict[str, Any]
_CANCELLED = frozenset({EventStatus.CANCELLED, EventStatus.CANCELLED_RANDOMIZED})


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


def status_of_2023(
    event: events.Event, status: Data, now: Instant
) -> tuple[Data, Instant | None]:
    """Return an EventStatus as the 2023 edition has it, and the next instant at which it changes by time.

    Of the statuses of an event that is not cancelled it has Scheduled, Active and Completed, by time alone:
    that another event supersedes it is for the client to tell. `potentiallySuperseded` is always true.
    """
    current, since, until = status["currentStatus"], status["dateTime"], None
    if current not in _CANCELLED:
        if now >= event.latest_end:
            current, since = EventStatus.COMPLETED, event.latest_end
        elif now >= event.activation:
            current, since, until = EventStatus.ACTIVE, event.activation, event.latest_end
        else:
            current, since, until = EventStatus.SCHEDULED, event.known_at, event.activation
    changed = {**status, "currentStatus": int(current), "dateTime": since, "potentiallySuperseded": True}
    changed.pop("potentiallySupersededTime", None)
    return changed, until
