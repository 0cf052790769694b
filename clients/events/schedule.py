"""The event schedule of one device (IEEE 2030.5-2018 10.2.3; CSIP 5.2.4): a pure function of values.

`advance(schedule, listed, now, supported)` takes the schedule as it was and the events that the programs list
now, and returns the schedule as it is, with the transitions to respond to. Control modes are contested
separately: among the events in effect, the one with the lowest primacy governs a mode, then the one with the
newest creationTime. An event does not regain a mode that it lost (the 2018 edition has no "resumed"); an
event that has lost every mode is superseded, or aborted where only events of other programs have taken them.
"""
from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from clients.events.events import END_DEVICE_CONTROL, Event
from server.resources.codes import EventStatus, ResponseStatus

# A server's clock may be this much ahead of the device's: an event that leaves its list so shortly before its
# end has ended.
GRACE_S = 30

WAITING, RUNNING, OVER = "waiting", "running", "over"


class FollowedEvent(NamedTuple):
    """An event and its progress.

    `lost_modes` are those that other events have taken over. `opted_out` says whether the customer has opted
    out (since the second `opted_out_at`), `opt_changes` how often they opted out or in, `overridden_s` for
    how many seconds of the event they had opted out before.
    """
    event: Event
    phase: str = WAITING
    lost_modes: frozenset[str] = frozenset()
    opted_out: bool = False
    opt_changes: int = 0
    started: bool = False
    opted_out_at: int = 0
    overridden_s: int = 0

    def overridden_s_until(self, instant: int) -> int:
        """Return for how many seconds of the event the customer has opted out, up to an instant."""
        start, end = max(self.opted_out_at, self.event.start), min(instant, self.event.end)
        return self.overridden_s + (max(0, end - start) if self.opted_out else 0)

    @property
    def governed_modes(self) -> frozenset[str]:
        """The modes that this event governs at present."""
        if self.phase != RUNNING or self.opted_out:
            return frozenset()
        return frozenset(self.event.modes) - self.lost_modes


class Transition(NamedTuple):
    """A change of an event that may need a Response: its status, and the server second of the change.

    `overridden_s` is set at the end of a load control that was overridden, and says for how long.
    """
    event: Event
    status: ResponseStatus
    at: int
    overridden_s: int = 0


class Schedule(NamedTuple):
    """The events that a device knows at server second `at`, by mRID."""
    at: int = 0
    followed: dict[str, FollowedEvent] = {}

    @property
    def next_change(self) -> int | None:
        """The next server second at which time alone changes something."""
        instants = [
            instant
            for followed in self.followed.values()
            if followed.phase != OVER
            for instant in _instants(followed)
        ]
        return min((instant for instant in instants if instant > self.at), default=None)

    def next_start(self, modes: frozenset[str]) -> float:
        """Return the server second at which the next event with one of these modes begins; infinite for none
        that is known."""
        return min((followed.event.start for followed in self.followed.values()
                    if followed.phase == WAITING and modes & followed.event.modes.keys()), default=math.inf)

    @property
    def running(self) -> list[FollowedEvent]:
        """The events in effect, the highest rank first."""
        return sorted(
            (followed for followed in self.followed.values() if followed.phase == RUNNING),
            key=lambda followed: _rank(followed.event),
        )


def advance(schedule: Schedule, listed: Iterable[Event], now: int,
            supported: frozenset[str]) -> tuple[Schedule, list[Transition]]:
    """Return the schedule at `now`, and the transitions since it was advanced last.

    `listed` are the events of all programs as last read. A known event may have been cancelled, and its
    program may have changed its primacy; an event that has left its list before its end counts as cancelled.
    `supported` are the modes that the device supports.
    """
    by_mrid = {event.mRID: event for event in listed}
    followed = {
        mrid: known._replace(event=_updated(known.event, by_mrid.get(mrid), now))
        for mrid, known in schedule.followed.items()
    }
    transitions: list[Transition] = []
    instants = {
        instant for known in followed.values() if known.phase != OVER for instant in _instants(known)
    }
    for instant in sorted(instant for instant in instants if schedule.at < instant < now):
        _apply_instant(followed, instant, transitions)
    for event in sorted(by_mrid.values(), key=lambda event: (event.start, event.mRID)):
        if event.mRID not in followed:
            followed[event.mRID] = _receive(event, now, supported, transitions)
    _apply_instant(followed, now, transitions)
    remaining = {
        mrid: known for mrid, known in followed.items() if known.phase != OVER or mrid in by_mrid
    }
    return Schedule(now, remaining), transitions


def opt(schedule: Schedule, mrid: str, out: bool) -> tuple[Schedule, list[Transition]]:
    """Opt the customer out of an event, or in again.

    Nothing changes where they have done so already, or the event is over or unknown.
    """
    followed = schedule.followed.get(mrid)
    if followed is None or followed.phase == OVER or followed.opted_out == out:
        return schedule, []
    changed = followed._replace(
        opted_out=out,
        opt_changes=followed.opt_changes + 1,
        opted_out_at=schedule.at,
        overridden_s=followed.overridden_s_until(schedule.at),
    )
    status = ResponseStatus.OPTED_OUT if out else ResponseStatus.OPTED_IN
    return (schedule._replace(followed=schedule.followed | {mrid: changed}),
            [Transition(followed.event, status, schedule.at)])


def _rank(event: Event) -> tuple[int, int, str]:
    """Return the sort key of precedence: primacy, then the newer event; the mRID makes it unambiguous."""
    return event.primacy, -event.creation_time, event.mRID


def _instants(followed: FollowedEvent) -> list[int]:
    event = followed.event
    start = [event.start] if followed.phase == WAITING else []
    return [*start, event.end, *([event.ends_early_at] if event.ends_early_at is not None else [])]


def _updated(known: Event, listed: Event | None, now: int) -> Event:
    """Return an event after its list was read again.

    Its times were drawn when it was received and its content is never edited, but it may be cancelled and
    its program may change its primacy.
    """
    if listed is None:
        withdrawn = known.ends_early_at is None and now < known.end - GRACE_S
        return known._replace(status=EventStatus.CANCELLED, ends_early_at=now) if withdrawn else known
    early = known.ends_early_at
    if early is None and listed.ends_early_at is not None:
        early = max(listed.ends_early_at, now)
    return listed._replace(start=known.start, end=known.end, ends_early_at=early)


def _receive(
    event: Event, now: int, supported: frozenset[str], transitions: list[Transition]
) -> FollowedEvent:
    """Return a new event, which is followed from now on, or rejected."""
    rejection = _rejection(event, now, supported)
    if rejection is None:
        transitions.append(Transition(event, ResponseStatus.RECEIVED, now))
        return FollowedEvent(event)
    transitions.append(Transition(event, rejection, now))
    return FollowedEvent(event, OVER)


def _rejection(event: Event, now: int, supported: frozenset[str]) -> ResponseStatus | None:
    """Return the status that rejects a new event; None where it is to be followed."""
    if event.ends_early_at is not None and event.ends_early_at <= now:
        return _early_status(event)
    if event.end == event.start or not event.modes:
        return ResponseStatus.INVALID
    if event.end <= now:
        return ResponseStatus.EXPIRED
    if not supported & event.modes.keys():
        return ResponseStatus.NOT_APPLICABLE
    return None


def _early_status(event: Event) -> ResponseStatus:
    superseded = event.status == EventStatus.SUPERSEDED
    return ResponseStatus.SUPERSEDED if superseded else ResponseStatus.CANCELLED


def _apply_instant(
    followed: dict[str, FollowedEvent], now: int, transitions: list[Transition]
) -> None:
    """Apply what happens at one instant, in this order: ends, starts, the contest for the modes."""
    for mrid, known in followed.items():
        if known.phase != OVER:
            followed[mrid] = _end(known, now, transitions)
    starting = {
        mrid for mrid, known in followed.items() if known.phase == WAITING and known.event.start <= now
    }
    for mrid in starting:
        followed[mrid] = followed[mrid]._replace(phase=RUNNING)
    contestants = sorted(
        (known for known in followed.values() if known.phase == RUNNING and not known.opted_out),
        key=lambda known: _rank(known.event),
    )
    taken: dict[str, str] = {}  # the program that a mode is taken by
    started = []
    for known in contestants:
        mrid, modes = known.event.mRID, frozenset(known.event.modes)
        lost_modes = known.lost_modes | (modes & taken.keys())
        if lost_modes >= modes:
            followed[mrid] = known._replace(phase=OVER, lost_modes=lost_modes)
            winners = {taken[mode] for mode in modes & taken.keys()}
            status = (ResponseStatus.SUPERSEDED if known.event.program in winners or not winners
                      else ResponseStatus.ABORTED_OTHER_PROGRAM)
            transitions.append(Transition(known.event, status, now))
            continue
        taken |= dict.fromkeys(known.event.claimed_modes - lost_modes, known.event.program)
        followed[mrid] = known._replace(lost_modes=lost_modes, started=True)
        if not known.started:
            started.append(Transition(known.event, ResponseStatus.STARTED, now))
    transitions += started  # after what they end (10.2.3.3 n)


def _end(followed: FollowedEvent, now: int, transitions: list[Transition]) -> FollowedEvent:
    """Return the event, which is over if it ends at `now` or has ended before."""
    event = followed.event
    if event.ends_early_at is not None and event.ends_early_at <= now and event.ends_early_at < event.end:
        transitions.append(Transition(event, _early_status(event), now))
        return followed._replace(phase=OVER)
    if event.end > now:
        return followed
    overridden = followed.opt_changes and event.kind == END_DEVICE_CONTROL
    if followed.phase == RUNNING and (followed.started or overridden):
        transitions.append(_final_transition(followed))
    return followed._replace(phase=OVER)


def _final_transition(followed: FollowedEvent) -> Transition:
    """Return the transition of an event that has reached its end.

    A load control that was overridden for no longer than it allows is completed in part; one that was
    overridden for longer counts as no participation.
    """
    event = followed.event
    if not followed.opt_changes:
        return Transition(event, ResponseStatus.COMPLETED, event.end)
    if event.kind != END_DEVICE_CONTROL:
        status = ResponseStatus.PARTIAL_OPT_OUT if followed.opted_out else ResponseStatus.PARTIAL_OPT_IN
        return Transition(event, status, event.end)
    seconds = followed.overridden_s_until(event.end)
    within = seconds <= event.max_override_s
    status = ResponseStatus.PARTIAL_OPT_OUT if within else ResponseStatus.NO_PARTICIPATION
    return Transition(event, status, event.end, seconds)
