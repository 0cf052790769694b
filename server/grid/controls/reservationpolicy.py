"""How a flow reservation request is granted within the headroom that limits leave. Pure.

Power in W and energy in Wh are positive for charging, as in FlowReservation. Where only one direction is
concerned, power is a magnitude. Headroom is a step function: `[(instant, watts), …]` in the order of the
instants, the watts being those from that instant on.
"""
from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import NamedTuple

from server.grid.fleet.reservationoffer import ReservationOffer

Headroom = Sequence[tuple[int, float]]
# Where full power does not fit, what the limits leave, or one of these fractions of it, and never less than
# the last: with less a charger would not start at all.
POWER_FRACTIONS = (1.0, 0.75, 0.5, 0.25)
_FOREVER = 1 << 62


@dataclass(frozen=True)
class ReservationRequest:
    """`energy_wh` (signed) at up to `power_w` (a magnitude) between the instants `start` and `end`.

    `min_duration_s` is the shortest time in which the device can take the energy.
    """
    start: int
    end: int
    energy_wh: float
    power_w: float
    min_duration_s: int = 0

    def duration_s(self, power_w: float) -> int:
        """How long the energy takes at this power, in seconds."""
        return max(math.ceil(round(abs(self.energy_wh) * 3600 / power_w, 6)), self.min_duration_s)


class Reserved(NamedTuple):
    """Power (a magnitude) that is granted to other requests from `start` to `end`."""
    start: int
    end: int
    power_w: float


def headroom(limit_w: float, reserved: Iterable[Reserved]) -> Headroom:
    """Return what a limit leaves beside the power that is reserved."""
    changes = sorted(
        change
        for other in reserved
        for change in ((other.start, other.power_w), (other.end, -other.power_w))
    )
    totals = accumulate((watts for _, watts in changes), initial=0.0)
    instants = (0, *(instant for instant, _ in changes))
    levels = {instant: limit_w - total for instant, total in zip(instants, totals, strict=True)}
    return sorted(levels.items())


def limited(limit: Headroom, reserved: Iterable[Reserved]) -> Headroom:
    """Return what a limit that changes with time leaves beside the power that is reserved."""
    beside = headroom(0.0, reserved)
    instants = sorted({instant for steps in (limit, beside) for instant, _ in steps} | {0})
    return [(instant, _headroom_at(limit, instant) + _headroom_at(beside, instant)) for instant in instants]


def tightest(headrooms: Sequence[Headroom]) -> Headroom:
    """Return the least of several headrooms at each instant."""
    if len(headrooms) == 1:
        return headrooms[0]
    instants = sorted({instant for steps in headrooms for instant, _ in steps} | {0})
    return [
        (instant, min((_headroom_at(steps, instant) for steps in headrooms), default=math.inf))
        for instant in instants
    ]


def least_headroom_w(steps: Headroom, start: int, end: int) -> float:
    """Return the least headroom within [start, end), in W."""
    return min(
        _headroom_at(steps, start), *(watts for instant, watts in steps if start < instant < end), math.inf
    )


def _headroom_at(steps: Headroom, instant: int) -> float:
    index = bisect_right(steps, (instant, math.inf)) - 1
    return steps[index][1] if index >= 0 else math.inf


def _intervals_with_headroom(
    steps: Headroom, power_w: float, start: int, end: int
) -> Iterator[tuple[int, int]]:
    """Yield the longest intervals of [start, end) that have headroom for this power throughout, in order."""
    opened_at: int | None = None
    for (instant, watts), (next_instant, _) in pairwise([*steps, (_FOREVER, 0.0)]):
        since, until = max(instant, start), min(next_instant, end)
        if since >= until:
            continue
        if watts < power_w:
            if opened_at is not None:
                yield opened_at, since
            opened_at = None
        elif opened_at is None:
            opened_at = since
    if opened_at is not None:
        yield opened_at, end


def earliest(request: ReservationRequest, steps: Headroom, now: int, lead_s: int = 0) -> ReservationOffer:
    """Return the offer by which the request is fulfilled soonest.

    It begins `lead_s` from now at the earliest, so that the device has read it by then, unless that would
    cost energy. Where there is no headroom for all the energy, it is the offer of most energy; where there is
    none for any, 0 W for the window.
    """
    if now >= request.end:
        return defer(request, steps, now)
    start = max(request.start, now)
    full = _full_energy(request, steps, max(request.start, now + lead_s)) or _full_energy(
        request, steps, start
    )
    return full or _greatest_energy(request, steps, start)


def latest(request: ReservationRequest, steps: Headroom, now: int, lead_s: int = 0) -> ReservationOffer:
    """Return the offer that begins as late as the request can still be fulfilled at full power.

    Where there is no headroom for that, it is the earliest one.
    """
    duration_s = request.duration_s(request.power_w)
    start = max(request.start, now + lead_s)
    ends = [
        until
        for since, until in _intervals_with_headroom(steps, request.power_w, start, request.end)
        if until - since >= duration_s
    ]
    if not ends:
        return earliest(request, steps, now, lead_s)
    power_w = math.copysign(request.power_w, request.energy_wh)
    return ReservationOffer(ends[-1] - duration_s, duration_s, power_w, request.energy_wh)


def defer(request: ReservationRequest, steps: Headroom, now: int, lead_s: int = 0) -> ReservationOffer:
    """Return 0 W for the remainder of the window, or for all of it where it is over."""
    start = max(request.start, now) if now < request.end else request.start
    return ReservationOffer(start, request.end - start, 0.0, 0.0)


def reserve_at(
    request: ReservationRequest, power_w: float, start: int, duration_s: int
) -> list[ReservationOffer]:
    """Return the offers of `power_w` from `start` on, and after that of the remaining energy at full power.

    The first lasts `duration_s`, or until the end of the window.
    """
    first_s = max(min(duration_s, request.end - start), 1)
    first = ReservationOffer(start, first_s, power_w, min(request.energy_wh, power_w * first_s / 3600))
    remainder = replace(request, energy_wh=request.energy_wh - first.energy_wh)
    end = start + first_s
    if remainder.energy_wh < 1:
        return [first]
    second_s = min(remainder.duration_s(request.power_w), request.end - end)
    if second_s <= 0:
        return [first]
    energy_wh = min(remainder.energy_wh, request.power_w * second_s / 3600)
    return [first, ReservationOffer(end, second_s, request.power_w, energy_wh)]


def _powers(request: ReservationRequest, steps: Headroom, start: int) -> list[float]:
    """Return the powers (magnitudes) that may be offered: fractions of full power, and what the limits leave
    at some time of the window, where that is in between."""
    least_w = POWER_FRACTIONS[-1] * request.power_w
    levels_w = {_headroom_at(steps, start), *(watts for instant, watts in steps
                                              if start < instant < request.end)}
    between_w = {watts for watts in levels_w if least_w < watts < request.power_w}
    return sorted({fraction * request.power_w for fraction in POWER_FRACTIONS} | between_w, reverse=True)


def _full_energy(request: ReservationRequest, steps: Headroom, start: int) -> ReservationOffer | None:
    """The offer of all the energy that ends soonest; None where it does not fit."""
    offers = []
    for power_w in _powers(request, steps, start):
        duration_s = request.duration_s(power_w)
        begins_at = next(
            (
                since
                for since, until in _intervals_with_headroom(steps, power_w, start, request.end)
                if until - since >= duration_s
            ),
            None,
        )
        if begins_at is not None:
            signed_w = math.copysign(power_w, request.energy_wh)
            offers.append(ReservationOffer(begins_at, duration_s, signed_w, request.energy_wh))
    return min(offers, key=lambda offer: (offer.start + offer.duration_s, offer.start), default=None)


def _greatest_energy(request: ReservationRequest, steps: Headroom, start: int) -> ReservationOffer:
    """The offer of most energy, of equal ones the earliest."""
    offers = []
    for power_w in _powers(request, steps, start):
        for since, until in _intervals_with_headroom(steps, power_w, start, request.end):
            energy_wh = min(power_w * (until - since) / 3600, abs(request.energy_wh))
            offers.append(
                ReservationOffer(
                    since,
                    until - since,
                    math.copysign(power_w, request.energy_wh),
                    math.copysign(energy_wh, request.energy_wh),
                )
            )
    return max(
        offers, key=lambda offer: (abs(offer.energy_wh), -offer.start), default=defer(request, steps, start)
    )
