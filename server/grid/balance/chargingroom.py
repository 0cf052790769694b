"""What limits leave to cars in the steps to come, and how much of it is granted. Charging is positive, in W.

What a car is granted goes on until it is revised, so a grant has to keep limits in every step that it
reaches, not only in the one that it is decided for.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from server.grid.controls.reservationpolicy import Headroom
from server.grid.optimisation.arrays import Bools, Floats, np
from server.grid.optimisation.balanceproblem import GroupLimit
from server.grid.optimisation.clusters import Sessions
from server.grid.series.intervals import Span
from server.units import Instant, Watts

ROUNDING_W = 1.0


@dataclass(frozen=True)
class ChargingRoom:
    """The room that limits leave, by step of a span: `members` [limit, n] are the sessions below each limit,
    `left_w` [limit, T] what of it is not granted yet. Beyond the span the last step goes on."""
    span: Span
    members: Bools
    left_w: Floats

    @classmethod
    def of(cls, limits: Sequence[GroupLimit], sessions: Sessions, span: Span) -> ChargingRoom:
        """Return the room of sessions that are there, by the limits that all of them at full power exceed."""
        members, left_w = [], []
        for limit in limits:
            below = np.isin(sessions.group, list(limit.groups)) & (sessions.arrive <= 0)
            room_w = np.broadcast_to(limit.most - limit.net, (span.steps,))
            if below.any() and sessions.power[below].sum() > room_w.min():
                members.append(below)
                left_w.append(np.maximum(room_w, 0.0))
        return cls(span, np.array(members, dtype=bool).reshape(len(members), len(sessions.need)),
                   np.array(left_w, dtype=float).reshape(len(left_w), span.steps))

    def limits_of(self, index: int) -> bool:
        """Whether a session is below any of the limits."""
        return bool(self.members[:, index].any())

    def take(self, index: int, begin: Instant, end: Instant, power_w: Watts) -> None:
        """Count power as granted to a session from `begin` until `end`."""
        first, last = self._steps(begin, end)
        self.left_w[self.members[:, index], first:last] -= power_w

    def fits_until(self, index: int, begin: Instant, end: Instant, power_w: Watts) -> Instant:
        """Return until when a power has room without a break from `begin` on: `end` at most, `begin` where it
        has none."""
        first, last = self._steps(begin, end)
        left_w = self.left_w[self.members[:, index], first:last]
        full = np.flatnonzero((left_w < power_w - ROUNDING_W).any(axis=0))
        if not len(full):
            return end
        return max(self.span.start + (first + int(full[0])) * self.span.step, begin)

    def headroom(self, index: int) -> Headroom:
        """Return the room of a session as a function of time, in the steps where it changes."""
        left_w = self.left_w[self.members[:, index]].min(axis=0, initial=np.inf)
        changes = [0, *(np.flatnonzero(np.diff(left_w)) + 1).tolist()]
        return [(self.span.start + step * self.span.step, float(left_w[step])) for step in changes]

    def _steps(self, begin: Instant, end: Instant) -> tuple[int, int]:
        """The first step and the one after the last that an interval touches, within the span."""
        start, step, steps = self.span.start, self.span.step, self.span.steps
        first = min(max((begin - start) // step, 0), steps - 1)
        return first, min(max(-(-(end - start) // step), first + 1), steps)
