"""The event schedule of one device (IEEE 2030.5-2018 10.2.3; CSIP 5.2.4): a pure function of values.

`advance(schedule, listed, now, supported)` takes what the device knew and what its programs list now, and
gives what it knows then, with the transitions to answer for. Control modes are contested one by one: among
the events in effect, the lowest primacy holds a mode, then the newest creationTime. What an event has lost it
does not get back (2018 has no "resumed"); an event that has lost every mode is superseded.
"""
from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from clients.events.events import CANCELLED, LOAD, SUPERSEDED, Event

# Response.status, IEEE 2030.5-2018 table 27
RECEIVED, STARTED, COMPLETED, OPTED_OUT, OPTED_IN, CALLED_OFF, REPLACED = 1, 2, 3, 4, 5, 6, 7
PARTLY_OUT, PARTLY_IN, NOT_TAKEN, NOT_APPLICABLE, INVALID, EXPIRED = 8, 9, 10, 252, 253, 254

# A server's clock may be this much ahead of ours: an event that leaves its list so shortly before its end has
# ended.
GRACE_S = 30

WAITING, RUNNING, OVER = "waiting", "running", "over"


class Followed(NamedTuple):
    """An event and how far it has come; `lost` are the modes that others have taken over; `out` says whether
    the customer has opted out (at the second `out_at`), `choices` how often they changed their mind,
    `overridden` for how many seconds of it they were out before."""
    event: Event
    phase: str = WAITING
    lost: frozenset[str] = frozenset()
    out: bool = False
    choices: int = 0
    started: bool = False
    out_at: int = 0
    overridden: int = 0

    def overridden_until(self, instant: int) -> int:
        """For how many seconds of the event the customer has been out, up to an instant."""
        begin, end = max(self.out_at, self.event.start), min(instant, self.event.end)
        return self.overridden + (max(0, end - begin) if self.out else 0)

    @property
    def held(self) -> frozenset[str]:
        """The modes this event governs at present."""
        if self.phase != RUNNING or self.out:
            return frozenset()
        return frozenset(self.event.modes) - self.lost


class Transition(NamedTuple):
    """Something to answer for: the event, the Response.status, and the server second at which it happened; at
    the end of a load control that was overridden, for how many seconds."""
    event: Event
    status: int
    at: int
    overridden: int = 0


class Schedule(NamedTuple):
    """What a device knows at server second `at`: the followed events by mRID."""
    at: int = 0
    followed: dict[str, Followed] = {}

    @property
    def next_change(self) -> int | None:
        """The next server second at which time alone changes something."""
        instants = [
            instant for one in self.followed.values() if one.phase != OVER for instant in _instants(one)
        ]
        return min((instant for instant in instants if instant > self.at), default=None)

    @property
    def running(self) -> list[Followed]:
        """The events in effect, best first."""
        return sorted(
            (one for one in self.followed.values() if one.phase == RUNNING), key=lambda one: _rank(one.event)
        )


def advance(schedule: Schedule, listed: Iterable[Event], now: int,
            supported: frozenset[str]) -> tuple[Schedule, list[Transition]]:
    """The schedule at `now`, and what happened on the way since it was last looked at.

    `listed` are the events of all programs as last read: known ones may have been cancelled or have changed
    their primacy; one that is gone before its end counts as cancelled. `supported` are the modes the device
    can follow.
    """
    seen = {event.mRID: event for event in listed}
    followed = {name: one._replace(event=_renewed(one.event, seen.get(name), now))
                for name, one in schedule.followed.items()}
    done: list[Transition] = []
    passed = {instant for one in followed.values() if one.phase != OVER for instant in _instants(one)}
    for instant in sorted(instant for instant in passed if schedule.at < instant < now):
        _apply_instant(followed, instant, done)
    for event in sorted(seen.values(), key=lambda event: (event.start, event.mRID)):
        if event.mRID not in followed:
            followed[event.mRID] = _received(event, now, supported, done)
    _apply_instant(followed, now, done)
    kept = {name: one for name, one in followed.items() if one.phase != OVER or name in seen}
    return Schedule(now, kept), done


def opt(schedule: Schedule, name: str, out: bool) -> tuple[Schedule, list[Transition]]:
    """The customer opts out of an event (or in again); nothing happens where that is no change or it is
    over."""
    one = schedule.followed.get(name)
    if one is None or one.phase == OVER or one.out == out:
        return schedule, []
    changed = one._replace(out=out, choices=one.choices + 1, out_at=schedule.at,
                           overridden=one.overridden_until(schedule.at))
    return (schedule._replace(followed=schedule.followed | {name: changed}),
            [Transition(one.event, OPTED_OUT if out else OPTED_IN, schedule.at)])


def _rank(event: Event) -> tuple[int, int, str]:
    """Lower wins: the primacy; then the newer event; then any order, but always the same."""
    return event.primacy, -event.created, event.mRID


def _instants(one: Followed) -> list[int]:
    event = one.event
    ahead = [event.start] if one.phase == WAITING else []
    return [*ahead, event.end, *([event.ends_early] if event.ends_early is not None else [])]


def _renewed(known: Event, seen: Event | None, now: int) -> Event:
    """What is known of an event after its list was read again. Its times were drawn when it was received and
    its content is never edited, but it may be called off and its program may change its primacy."""
    if seen is None:
        gone = known.ends_early is None and now < known.end - GRACE_S
        return known._replace(status=CANCELLED, ends_early=now) if gone else known
    early = known.ends_early
    if early is None and seen.ends_early is not None:
        early = max(seen.ends_early, now)
    return seen._replace(start=known.start, end=known.end, ends_early=early)


def _received(event: Event, now: int, supported: frozenset[str], done: list[Transition]) -> Followed:
    """A new event: followed from now on, or refused."""
    verdict = None
    if event.ends_early is not None and event.ends_early <= now:
        verdict = REPLACED if event.status == SUPERSEDED else CALLED_OFF
    elif event.end == event.start or not event.modes:
        verdict = INVALID
    elif event.end <= now:
        verdict = EXPIRED
    elif not supported & event.modes.keys():
        verdict = NOT_APPLICABLE
    if verdict is None:
        done.append(Transition(event, RECEIVED, now))
        return Followed(event)
    done.append(Transition(event, verdict, now))
    return Followed(event, OVER)


def _apply_instant(followed: dict[str, Followed], now: int, done: list[Transition]) -> None:
    """Everything that happens at one instant, in this order: what ends, what begins, who holds what."""
    for name, one in followed.items():
        if one.phase != OVER:
            followed[name] = _ended(one, now, done)
    starting = {name for name, one in followed.items() if one.phase == WAITING and one.event.start <= now}
    for name in starting:
        followed[name] = followed[name]._replace(phase=RUNNING)
    contest = sorted((one for one in followed.values() if one.phase == RUNNING and not one.out),
                     key=lambda one: _rank(one.event))
    taken: set[str] = set()
    for one in contest:
        name, modes = one.event.mRID, frozenset(one.event.modes)
        lost = one.lost | (modes & taken)
        if lost >= modes:
            followed[name] = one._replace(phase=OVER, lost=lost)
            done.append(Transition(one.event, REPLACED, now))
            continue
        taken |= one.event.claims - lost
        followed[name] = one._replace(lost=lost, started=True)
        if not one.started:
            done.append(Transition(one.event, STARTED, now))


def _ended(one: Followed, now: int, done: list[Transition]) -> Followed:
    event = one.event
    if event.ends_early is not None and event.ends_early <= now and event.ends_early < event.end:
        done.append(Transition(event, REPLACED if event.status == SUPERSEDED else CALLED_OFF, now))
        return one._replace(phase=OVER)
    if event.end > now:
        return one
    if one.phase == RUNNING and (one.started or one.choices and event.kind == LOAD):
        done.append(_final_transition(one))
    return one._replace(phase=OVER)


def _final_transition(one: Followed) -> Transition:
    """What became of an event that has run its course. A load control that was overridden for no longer than
    it allows is completed in part; for longer, it was not taken part in."""
    event = one.event
    if not one.choices:
        return Transition(event, COMPLETED, event.end)
    if event.kind != LOAD:
        return Transition(event, PARTLY_OUT if one.out else PARTLY_IN, event.end)
    seconds = one.overridden_until(event.end)
    return Transition(event, PARTLY_OUT if seconds <= event.override else NOT_TAKEN, event.end, seconds)
