"""The life of an event: windows, overlap, supersession, cancellation. Pure; the five Event types share it.

Sources: IEEE 2030.5-2018, 10.2 (common application functionality of events) and the schema's words on
Event, EventStatus and RandomizableEvent. Times are UTC epoch seconds, every interval is half open.

How to read the standard's words here:

* The scheduled period is [start, start + duration). Randomization moves what a client does, not what
  overlaps what: of two events of which one starts when the other ends, none supersedes the other however
  they are randomized.
* An event is active from its earliest effective start, or from its creation if that is later, and is listed
  until the latest effective end that randomization allows.
* Of two events of one list the later creationTime is the newer, and the greater mRID among equals.
* A newer event that overlaps in time and has exactly the same controls and categories supersedes the older
  one at the newer's earliest effective start, provided it lives to see that instant. Superseded is final:
  the older does not resume.
* An event that shares time, some controls and some categories with a newer one is potentially superseded
  for as long as the newer one stands.
"""
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from server.resources.codes import EventStatus

FINAL = frozenset({EventStatus.CANCELLED, EventStatus.CANCELLED_RANDOMIZED, EventStatus.SUPERSEDED})
EVERY_CATEGORY = 0xFFFFFFFF
_CANCELLATION = {False: EventStatus.CANCELLED, True: EventStatus.CANCELLED_RANDOMIZED}
_WHOLE = frozenset({"*"})


def _der_controls(data: Mapping[str, Any]) -> frozenset[str]:
    """The modes a DERControlBase sets; rampTms only says how they are reached."""
    return frozenset(name for name in data["DERControlBase"]
                     if ("opMod" in name or name.startswith("{")) and "@" not in name)


# What events of a kind compete for. A message competes with none; a load control with any other for the same
# categories; the answer to a flow reservation only with another answer to the same request.
_CONTROLS: dict[str, Callable[[Mapping[str, Any]], frozenset[str]]] = {
    "DERControl": _der_controls,
    "EndDeviceControl": lambda data: _WHOLE,
    "TimeTariffInterval": lambda data: _WHOLE,
    "FlowReservationResponse": lambda data: frozenset({data["subject"]}),
    "TextMessage": lambda data: frozenset(),
}
KINDS = frozenset(_CONTROLS)
RANDOMIZABLE = frozenset({"DERControl", "EndDeviceControl", "TimeTariffInterval"})


@dataclass(frozen=True)
class Event:
    """What the rules need to know of an event.

    Times in seconds; `randomize_*` signed, within an hour; `categories` the DeviceCategoryType bitmap;
    `controls` the names it competes for, ("*") being all. `cancelled` is the instant its cancellation takes
    effect, which may lie ahead. `superseded` and `flagged` are the instants at which it was found superseded
    and potentially superseded, as its document records them once its end is sealed: they outlast the newer
    event.
    """
    key: str
    mrid: str
    created: int
    start: int
    duration: int
    randomize_start: int = 0
    randomize_duration: int = 0
    controls: frozenset[str] = _WHOLE
    categories: int = EVERY_CATEGORY
    cancelled: int | None = None
    cancel_randomized: bool = False
    superseded: int | None = None
    flagged: int | None = None

    @property
    def age(self) -> tuple[int, int]:
        """Orders the events of a list: the greater is the newer."""
        return self.created, int(self.mrid, 16)

    @property
    def end(self) -> int:
        """End of the scheduled period."""
        return self.start + self.duration

    @property
    def earliest_start(self) -> int:
        """The first instant at which a client may start it."""
        return self.start + min(0, self.randomize_start)

    @property
    def latest_end(self) -> int:
        """The first instant at which no client may still run it."""
        return self.end + max(0, self.randomize_start) + max(0, self.randomize_duration)

    @property
    def activation(self) -> int:
        """From when on it is active, unless something came between."""
        return max(self.earliest_start, self.created)


@dataclass(frozen=True)
class EventState:
    """What is true of an event at an instant.

    `since` is the instant at which `status` came true, `superseded_by` the key of the newer event if it is
    still known. `next_change` is the first later instant at which any other field changes, None if there is
    none.
    """
    status: int
    since: int
    listed: bool
    superseded_by: str | None = None
    potentially_superseded_at: int | None = None
    next_change: int | None = None

    @property
    def potentially_superseded(self) -> bool:
        return self.potentially_superseded_at is not None


@dataclass(frozen=True)
class _Outcome:
    """How an event ends: `end` the first instant at which it is no longer in force, `status` what it becomes
    then if it is not simply over, `taker` the newer event that takes its place, `rivals` the newer ones in
    its way."""
    event: Event
    end: int
    status: int | None
    taker: str | None
    rivals: tuple["_Outcome", ...]

    def stands(self) -> bool:
        return self.event.activation < self.end


def from_data(kind: str, href: str, data: Mapping[str, Any]) -> Event:
    """The Event in a document of the named kind, with its EventStatus taken as stated: 2 or 3 with a dateTime
    ahead is a cancellation given for later, 4 stands for good, 0 and 1 say nothing that is not derived
    here."""
    interval, status = data["interval"], data.get("EventStatus", {})
    stated = status.get("currentStatus")
    cancelled = stated in (EventStatus.CANCELLED, EventStatus.CANCELLED_RANDOMIZED)
    superseded = stated == EventStatus.SUPERSEDED
    category = data.get("deviceCategory")
    return Event(
        key=href, mrid=data["mRID"], created=data["creationTime"],
        start=interval["start"], duration=interval["duration"],
        randomize_start=data.get("randomizeStart", 0), randomize_duration=data.get("randomizeDuration", 0),
        controls=_CONTROLS[kind](data), categories=EVERY_CATEGORY if category is None else int(category, 16),
        cancelled=status["dateTime"] if cancelled else None,
        cancel_randomized=stated == EventStatus.CANCELLED_RANDOMIZED and kind in RANDOMIZABLE,
        superseded=status["dateTime"] if superseded else None,
        flagged=status.get("potentiallySupersededTime") if cancelled or superseded else None)


def overlap(one: Event, other: Event) -> bool:
    """Do they share time, a control and a category?"""
    return (max(one.start, other.start) < min(one.end, other.end)
            and not one.controls.isdisjoint(other.controls) and bool(one.categories & other.categories))


def supersedes(newer: Event, older: Event) -> bool:
    """Would the newer, once in force, take the older's place? (Not whether it comes to that.)"""
    return (
        newer.age > older.age
        and newer.controls == older.controls
        and newer.categories == older.categories
        and overlap(newer, older)
    )


def neighbours(event: Event, others: Iterable[Event]) -> list[Event]:
    """The others whose status may depend on this event, or this event's on theirs, directly or through each
    other."""
    reached, frontier, rest = [], [event], [other for other in others if other.key != event.key]
    while frontier:
        near = frontier.pop()
        found = [other for other in rest if overlap(near, other)]
        rest = [other for other in rest if not overlap(near, other)]
        reached += found
        frontier += found
    return reached


def listed_until(event: Event) -> int:
    """When it leaves its list: cancelled and superseded events stay until the end of their period as well."""
    return event.latest_end


def _outcome(event: Event, newer: Iterable[_Outcome]) -> _Outcome:
    """`newer`: the fates of all newer events of the list, newest first."""
    rivals = tuple(rival for rival in newer if overlap(event, rival.event))
    takers = [rival.event for rival in rivals if rival.stands() and supersedes(rival.event, event)]
    taker = min(takers, key=lambda rival: rival.activation, default=None)
    end, status = event.latest_end, None
    if event.cancelled is not None and max(event.cancelled, event.created) < end:
        end, status = max(event.cancelled, event.created), _CANCELLATION[event.cancel_randomized]
    if event.superseded is not None:
        end, status = event.superseded, EventStatus.SUPERSEDED
    elif taker is not None and taker.activation < end:
        end, status = taker.activation, EventStatus.SUPERSEDED
    return _Outcome(event, end, status, taker.key if taker is not None else None, rivals)


def _overlap_groups(events: Iterable[Event]) -> Iterator[list[Event]]:
    """The events in groups of which no two share any time."""
    spell: list[Event] = []
    end = 0
    for event in sorted(events, key=lambda event: event.start):
        if spell and event.start >= end:
            yield spell
            spell = []
        end = max(end, event.end) if spell else event.end
        spell.append(event)
    if spell:
        yield spell


def _outcomes(events: Iterable[Event]) -> dict[str, _Outcome]:
    """Newest first, because only newer events decide what becomes of one."""
    found: dict[str, _Outcome] = {}
    for spell in _overlap_groups(events):
        fates: dict[str, _Outcome] = {}
        for event in sorted(spell, key=lambda event: event.age, reverse=True):
            fates[event.key] = _outcome(event, fates.values())
        found |= fates
    return found


def _flagged_at(fate: _Outcome, now: int) -> int | None:
    """Since when newer events have stood in its way without a break, if one does at that instant."""
    began, until = 0, None
    for rival in sorted(fate.rivals, key=lambda rival: rival.event.created):
        if rival.event.created > now:
            break
        if until is None or rival.event.created > until:
            began, until = rival.event.created, rival.end
        until = max(until, rival.end)
    return began if until is not None and now < until else None


def _at(fate: _Outcome, now: int) -> EventState:
    """The verdict at an instant, without its next change."""
    event, over = fate.event, now >= fate.end
    # what is created at its end, or later, is no longer in its way, unless it is just what ends it
    then = min(now, fate.end if fate.status == EventStatus.SUPERSEDED else fate.end - 1)
    flagged = event.flagged if over and event.flagged is not None else _flagged_at(fate, then)
    if over and fate.status is not None:
        status, since = fate.status, fate.end
    elif now >= event.activation:
        status, since = EventStatus.ACTIVE, event.activation
    else:
        status, since = EventStatus.SCHEDULED, event.created
    return EventState(
        status,
        since,
        now < listed_until(event),
        fate.taker if status == EventStatus.SUPERSEDED else None,
        flagged,
    )


def _state(fate: _Outcome, now: int) -> EventState:
    verdict = _at(fate, now)
    instants = {fate.event.activation, fate.end, listed_until(fate.event)}
    for rival in fate.rivals:
        instants |= {rival.event.created, rival.end}
    later = sorted(instant for instant in instants if instant > now)
    return replace(verdict, next_change=next((each for each in later if _at(fate, each) != verdict), None))


def evaluate_all(events: Iterable[Event], now: int) -> dict[str, EventState]:
    """The verdict on each event of one list, by key, at `now` (not before their creation)."""
    return {key: _state(fate, now) for key, fate in _outcomes(events).items()}


def evaluate(event: Event, rivals: Iterable[Event], now: int) -> EventState:
    """The verdict on one event. `rivals`: the others of its list, or at least its `neighbours`."""
    return evaluate_all([event, *(rival for rival in rivals if rival.key != event.key)], now)[event.key]


def event_status(verdict: EventState, reason: str | None = None) -> dict[str, Any]:
    """The EventStatus that says a verdict. Once it is final (2, 3, 4) it belongs into the document, where
    `from_data` finds it again after the newer event is gone."""
    status: dict[str, Any] = {"currentStatus": verdict.status, "dateTime": verdict.since,
                              "potentiallySuperseded": verdict.potentially_superseded}
    if verdict.potentially_superseded:
        status["potentiallySupersededTime"] = verdict.potentially_superseded_at
    if reason is not None:
        status["reason"] = reason
    return status
