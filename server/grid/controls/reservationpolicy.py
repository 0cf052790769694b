"""What a flow reservation is granted, as far as limits leave room for it. Pure.

Power in W and energy in Wh, both positive for charging, as FlowReservation has it. Where only one direction
is spoken of, power is a magnitude. Room is a step function: `[(instant, watts), …]`, watts from that instant
on, in order.
"""
from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import NamedTuple

from server.grid.fleet.reservationoffer import ReservationOffer

RoomSteps = Sequence[tuple[int, float]]
UNLIMITED: RoomSteps = ((0, math.inf),)
# If not at full power, then at one of these parts of it: less would keep a charger from starting at all.
POWER_FRACTIONS = (1.0, 0.75, 0.5, 0.25)
_FOREVER = 1 << 62


@dataclass(frozen=True)
class ReservationRequest:
    """What is asked for: `energy` (signed) at up to `power` (a magnitude), between `start` and `end`, and
    never in less than `least` seconds."""
    start: int
    end: int
    energy: float
    power: float
    least: int = 0

    def seconds(self, power: float) -> int:
        """How long it takes at this power."""
        return max(math.ceil(round(abs(self.energy) * 3600 / power, 6)), self.least)


class Reserved(NamedTuple):
    """Power (a magnitude) that others have been granted from `start` to `end`."""
    start: int
    end: int
    power: float


def room(limit: float, taken: Iterable[Reserved]) -> RoomSteps:
    """What a limit leaves to others beside what is taken."""
    changes = sorted(change for one in taken for change in ((one.start, one.power), (one.end, -one.power)))
    sums = accumulate((watts for _, watts in changes), initial=0.0)
    levels = {
        instant: limit - total for instant, total in zip((0, *(at for at, _ in changes)), sums, strict=True)
    }
    return sorted(levels.items())


def tightest(several: Sequence[RoomSteps]) -> RoomSteps:
    """The least of several rooms, at each instant."""
    instants = sorted({instant for steps in several for instant, _ in steps} | {0})
    return [
        (instant, min((_room_at(steps, instant) for steps in several), default=math.inf))
        for instant in instants
    ]


def least_room_w(steps: RoomSteps, start: int, end: int) -> float:
    """The least room within [start, end)."""
    return min(
        _room_at(steps, start), *(watts for instant, watts in steps if start < instant < end), math.inf
    )


def _room_at(steps: RoomSteps, instant: int) -> float:
    place = bisect_right(steps, (instant, math.inf)) - 1
    return steps[place][1] if place >= 0 else math.inf


def _intervals_with_room(steps: RoomSteps, power: float, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The longest stretches of [start, end) throughout which there is room for so much power, in order."""
    began: int | None = None
    for (instant, watts), (after, _) in pairwise([*steps, (_FOREVER, 0.0)]):
        since, until = max(instant, start), min(after, end)
        if since >= until:
            continue
        if watts < power:
            if began is not None:
                yield began, since
            began = None
        elif began is None:
            began = since
    if began is not None:
        yield began, end


def earliest(wish: ReservationRequest, steps: RoomSteps, now: int, lead: int = 0) -> ReservationOffer:
    """The grant by which the wish is fulfilled soonest.

    It begins `lead` seconds from now at the earliest, so that the device has heard of it, unless that would
    cost it energy. Where there is no room for all of it, it is the grant of most energy; of none at all, 0 W
    for the window.
    """
    if now >= wish.end:
        return defer(wish, steps, now)
    whole = _full_energy(wish, steps, max(wish.start, now + lead)) or _full_energy(
        wish, steps, max(wish.start, now)
    )
    return whole or _greatest_energy(wish, steps, max(wish.start, now))


def latest(wish: ReservationRequest, steps: RoomSteps, now: int, lead: int = 0) -> ReservationOffer:
    """The grant that begins as late as the wish can still be fulfilled at full power; where there is no room
    for that, the earliest one."""
    seconds = wish.seconds(wish.power)
    start = max(wish.start, now + lead)
    ends = [
        until
        for since, until in _intervals_with_room(steps, wish.power, start, wish.end)
        if until - since >= seconds
    ]
    if not ends:
        return earliest(wish, steps, now, lead)
    return ReservationOffer(ends[-1] - seconds, seconds, math.copysign(wish.power, wish.energy), wish.energy)


def defer(wish: ReservationRequest, steps: RoomSteps, now: int, lead: int = 0) -> ReservationOffer:
    """0 W for what is left of the window, or for all of it when it is over."""
    start = max(wish.start, now) if now < wish.end else wish.start
    return ReservationOffer(start, wish.end - start, 0.0, 0.0)


def reserve_at(wish: ReservationRequest, power: float, start: int, duration: int) -> list[ReservationOffer]:
    """`power` from `start` on for `duration` seconds, or until the end of the window, and after that all that
    is still wanted, at full power."""
    length = max(min(duration, wish.end - start), 1)
    first = ReservationOffer(start, length, power, min(wish.energy, power * length / 3600))
    then = replace(wish, energy=wish.energy - first.energy)
    end = start + length
    seconds = min(then.seconds(wish.power), wish.end - end) if then.energy >= 1 else 0
    return [
        first,
        *(
            [ReservationOffer(end, seconds, wish.power, min(then.energy, wish.power * seconds / 3600))]
            if seconds > 0
            else []
        ),
    ]


def _full_energy(wish: ReservationRequest, steps: RoomSteps, start: int) -> ReservationOffer | None:
    found = []
    for part in POWER_FRACTIONS:
        power = part * wish.power
        seconds = wish.seconds(power)
        begin = next(
            (
                since
                for since, until in _intervals_with_room(steps, power, start, wish.end)
                if until - since >= seconds
            ),
            None,
        )
        if begin is not None:
            found.append(ReservationOffer(begin, seconds, math.copysign(power, wish.energy), wish.energy))
    return min(found, key=lambda grant: (grant.start + grant.duration, grant.start), default=None)


def _greatest_energy(wish: ReservationRequest, steps: RoomSteps, start: int) -> ReservationOffer:
    found = [
        ReservationOffer(
            since,
            until - since,
            math.copysign(part * wish.power, wish.energy),
            math.copysign(min(part * wish.power * (until - since) / 3600, abs(wish.energy)), wish.energy),
        )
        for part in POWER_FRACTIONS
        for since, until in _intervals_with_room(steps, part * wish.power, start, wish.end)
    ]
    return max(
        found, key=lambda grant: (abs(grant.energy), -grant.start), default=defer(wish, steps, start)
    )
