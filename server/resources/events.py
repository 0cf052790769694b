"""The life of an event: windows, overlap, supersession, cancellation. Pure; the five Event types share it.

Sources: IEEE 2030.5-2018, 10.2 (common application functionality of events) and the schema's definitions of
Event, EventStatus and RandomizableEvent. Times are UTC seconds; every interval is half open.

How to read the standard here:

* The scheduled period is [start, start + duration). Randomization moves what a client does, not what
  overlaps: of two events of which one starts when the other ends, none supersedes the other, however they
  are randomized.
* An event is active from its earliest effective start, or from its creation if that is later, and is listed
  until the latest effective end that randomization allows.
* Of two events of one list the later creationTime is the newer, and the greater mRID among equals.
* A newer event that overlaps in time and has exactly the same controls and categories supersedes the older
  one at the newer's earliest effective start, provided that the newer one is still in force then. Superseded
  is final: the older event does not resume.
* An event that shares time, and some but not all controls or categories, with a newer one is potentially
  superseded as long as the newer one is in force.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from server.resources.codes import EventStatus
from server.resources.schema import PUBLISHED
from server.units import Instant, Seconds

FINAL = frozenset({EventStatus.CANCELLED, EventStatus.CANCELLED_RANDOMIZED, EventStatus.SUPERSEDED})
EVERY_CATEGORY = 0xFFFFFFFF
_CANCELLATION = {False: EventStatus.CANCELLED, True: EventStatus.CANCELLED_RANDOMIZED}
_ALL_CONTROLS = frozenset({"*"})


def _der_controls(data: Mapping[str, Any]) -> frozenset[str]:
    """Return the modes of a DERControlBase; rampTms is not a mode, it says how modes are reached."""
    return frozenset(name for name in data["DERControlBase"]
                     if ("opMod" in name or name.startswith("{")) and "@" not in name)


# The controls that events of a kind compete for. Messages compete with none, a load control with any other
# for the same categories, and a FlowReservationResponse only with another one to the same request.
_CONTROLS: dict[str, Callable[[Mapping[str, Any]], frozenset[str]]] = {
    "DERControl": _der_controls,
    "EndDeviceControl": lambda data: _ALL_CONTROLS,
    "TimeTariffInterval": lambda data: _ALL_CONTROLS,
    "FlowReservationResponse": lambda data: frozenset({data["subject"]}),
    "TextMessage": lambda data: frozenset(),
}
KINDS = frozenset(_CONTROLS)
RANDOMIZABLE = frozenset({"DERControl", "EndDeviceControl", "TimeTariffInterval"})


@dataclass(frozen=True)
class Event:
    """The part of an event that the rules need.

    Durations are in seconds, `randomize_*` are signed and within an hour. `categories` is the
    DeviceCategoryType bitmap, `controls` has the names that the event competes for; ("*") means all.
    `cancelled` is the instant at which a cancellation takes effect, which may be in the future. `superseded`
    and `flagged` are the instants since when it has been superseded and potentially superseded, as its
    document has them once it has ended: they outlast the newer event. `published` is when it was created,
    where `created` is later, so that it differs from that of another (see creation.py).
    """
    key: str
    mrid: str
    created: Instant
    start: Instant
    duration: Seconds
    randomize_start: Seconds = 0
    randomize_duration: Seconds = 0
    controls: frozenset[str] = _ALL_CONTROLS
    categories: int = EVERY_CATEGORY
    cancelled: Instant | None = None
    cancel_randomized: bool = False
    superseded: Instant | None = None
    flagged: Instant | None = None
    published: Instant | None = None

    @property
    def known_at(self) -> Instant:
        """The instant from which clients can know the event."""
        return self.created if self.published is None else self.published

    @property
    def age(self) -> tuple[Instant, int]:
        """What orders the events of a list; the greater is the newer."""
        return self.created, int(self.mrid, 16)

    @property
    def end(self) -> Instant:
        """The end of the scheduled period."""
        return self.start + self.duration

    @property
    def earliest_start(self) -> Instant:
        """The first instant at which a client may start the event."""
        return self.start + min(0, self.randomize_start)

    @property
    def latest_end(self) -> Instant:
        """The first instant at which no client may still follow the event."""
        return self.end + max(0, self.randomize_start) + max(0, self.randomize_duration)

    @property
    def activation(self) -> Instant:
        """The instant from which the event is active, unless it ends before."""
        return max(self.earliest_start, self.known_at)


@dataclass(frozen=True)
class EventState:
    """The state of an event at an instant.

    `since` is the instant from which it has had its `status`. `superseded_by` is the key of the newer event,
    where that is still there. `next_change` is the first later instant at which another field changes; None
    if there is none.
    """
    status: int
    since: Instant
    listed: bool
    superseded_by: str | None = None
    potentially_superseded_at: Instant | None = None
    next_change: Instant | None = None

    @property
    def potentially_superseded(self) -> bool:
        return self.potentially_superseded_at is not None


@dataclass(frozen=True)
class _Outcome:
    """How an event ends: `end` is the first instant at which it is no longer in force, `status` its status
    from then on (None: it is simply over), `superseded_by` the key of the newer event that replaces it.
    `rivals` has the outcomes of the newer events that overlap with it."""
    event: Event
    end: Instant
    status: int | None
    superseded_by: str | None
    rivals: tuple[_Outcome, ...]

    def becomes_active(self) -> bool:
        """Return whether the event is in force at all."""
        return self.event.activation < self.end


def from_data(kind: str, href: str, data: Mapping[str, Any]) -> Event:
    """Return the Event of a document.

    Of its submitted EventStatus, 2 and 3 with a dateTime in the future are a cancellation that takes effect
    then, 4 is final, and 0 and 1 are ignored, since they are computed here.
    """
    interval, status = data["interval"], data.get("EventStatus", {})
    submitted_status = status.get("currentStatus")
    cancelled = submitted_status in (EventStatus.CANCELLED, EventStatus.CANCELLED_RANDOMIZED)
    superseded = submitted_status == EventStatus.SUPERSEDED
    category = data.get("deviceCategory")
    return Event(
        key=href, mrid=data["mRID"], created=data["creationTime"],
        start=interval["start"], duration=interval["duration"],
        randomize_start=data.get("randomizeStart", 0), randomize_duration=data.get("randomizeDuration", 0),
        controls=_CONTROLS[kind](data),
        categories=EVERY_CATEGORY if category is None else int(category, 16),
        cancelled=status["dateTime"] if cancelled else None,
        cancel_randomized=submitted_status == EventStatus.CANCELLED_RANDOMIZED and kind in RANDOMIZABLE,
        superseded=status["dateTime"] if superseded else None,
        flagged=status.get("potentiallySupersededTime") if cancelled or superseded else None,
        published=data.get(PUBLISHED),
    )


def overlap(event: Event, other: Event) -> bool:
    """Return whether two events share time, a control and a category."""
    return (max(event.start, other.start) < min(event.end, other.end)
            and not event.controls.isdisjoint(other.controls) and bool(event.categories & other.categories))


def supersedes(newer: Event, older: Event) -> bool:
    """Return whether the newer event, once in force, supersedes the older one."""
    return (newer.age > older.age and newer.controls == older.controls
            and newer.categories == older.categories and overlap(newer, older))


def listed_until(event: Event) -> Instant:
    """Return when an event leaves its list; cancelled and superseded events stay until then as well."""
    return event.latest_end


def _outcome(event: Event, newer: Iterable[_Outcome]) -> _Outcome:
    """Return how an event ends; `newer` are the outcomes of all newer events of the list, newest first."""
    rivals = tuple(rival for rival in newer if overlap(event, rival.event))
    superseding = (rival.event for rival in rivals
                   if rival.becomes_active() and supersedes(rival.event, event))
    first = min(superseding, key=lambda newer: newer.activation, default=None)
    end, status = event.latest_end, None
    if event.cancelled is not None and max(event.cancelled, event.known_at) < end:
        end, status = max(event.cancelled, event.known_at), _CANCELLATION[event.cancel_randomized]
    if event.superseded is not None:
        end, status = event.superseded, EventStatus.SUPERSEDED
    elif first is not None and first.activation < end:
        end, status = first.activation, EventStatus.SUPERSEDED
    return _Outcome(event, end, status, first.key if first is not None else None, rivals)


def _overlap_groups(events: Iterable[Event]) -> Iterator[list[Event]]:
    """Yield the events in groups, of which no two share any time."""
    group: list[Event] = []
    end = 0
    for event in sorted(events, key=lambda event: event.start):
        if group and event.start >= end:
            yield group
            group = []
        end = max(end, event.end) if group else event.end
        group.append(event)
    if group:
        yield group


def _outcomes(events: Iterable[Event]) -> dict[str, _Outcome]:
    """Return how each event ends, by key: newest first, since an event depends on newer ones only."""
    outcomes: dict[str, _Outcome] = {}
    for group in _overlap_groups(events):
        of_group: dict[str, _Outcome] = {}
        for event in sorted(group, key=lambda event: event.age, reverse=True):
            of_group[event.key] = _outcome(event, of_group.values())
        outcomes |= of_group
    return outcomes


def _flagged_at(outcome: _Outcome, now: Instant) -> Instant | None:
    """Return since when newer events have been in part of its way without a break; None if none is at `now`.

    One that is in all of its way supersedes it, and does not count.
    """
    since, until = 0, None
    partial = (rival for rival in outcome.rivals if not supersedes(rival.event, outcome.event))
    for rival in sorted(partial, key=lambda rival: rival.event.known_at):
        if rival.event.known_at > now:
            break
        if until is None or rival.event.known_at > until:
            since, until = rival.event.known_at, rival.end
        until = max(until, rival.end)
    return since if until is not None and now < until else None


def _state_at(outcome: _Outcome, now: Instant) -> EventState:
    """Return the state at an instant, without its next change."""
    event, over = outcome.event, now >= outcome.end
    # what is created at its end, or later, is no longer in its way, unless that is what ends it
    last = outcome.end if outcome.status == EventStatus.SUPERSEDED else outcome.end - 1
    flagged = event.flagged if over and event.flagged is not None else _flagged_at(outcome, min(now, last))
    if over and outcome.status is not None:
        status, since = outcome.status, outcome.end
    elif now >= event.activation:
        status, since = EventStatus.ACTIVE, event.activation
    else:
        status, since = EventStatus.SCHEDULED, event.known_at
    superseded_by = outcome.superseded_by if status == EventStatus.SUPERSEDED else None
    return EventState(status, since, now < listed_until(event), superseded_by, flagged)


def _state(outcome: _Outcome, now: Instant) -> EventState:
    state = _state_at(outcome, now)
    instants = {outcome.event.activation, outcome.end, listed_until(outcome.event)}
    for rival in outcome.rivals:
        instants |= {rival.event.known_at, rival.end}
    for instant in sorted(instants):
        if instant > now and _state_at(outcome, instant) != state:
            return replace(state, next_change=instant)
    return state


def evaluate_all(events: Iterable[Event], now: Instant) -> dict[str, EventState]:
    """Return the state of each event of one list at `now` (not before their creation), by key."""
    return {key: _state(outcome, now) for key, outcome in _outcomes(events).items()}


def event_status(state: EventState, reason: str | None = None) -> dict[str, Any]:
    """Return the EventStatus of a state.

    A final one (2, 3, 4) becomes part of the document, where `from_data` finds it after the newer event has
    been removed.
    """
    status: dict[str, Any] = {"currentStatus": state.status, "dateTime": state.since,
                              "potentiallySuperseded": state.potentially_superseded}
    if state.potentially_superseded:
        status["potentiallySupersededTime"] = state.potentially_superseded_at
    if reason is not None:
        status["reason"] = reason
    return status
