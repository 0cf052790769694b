"""What the limits of a step leave to EV sessions and thermal loads. Pure.

A limit stands above the energy that cars need: sessions are held within it at equal laxity, below what they
need in time if it must be. Thermal loads give way before that, as far as their comfort allows. Consumption is
positive, in W; `groups` are dispatch groups, [g] has an element for each.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from server.grid.optimisation import policies
from server.grid.optimisation.arrays import Bools, Floats, Whole, np
from server.grid.optimisation.balanceproblem import GroupLimit
from server.grid.optimisation.clusters import Sessions

TOLERANCE_W = 1e-6  # rounding of sums


class SessionRoom(NamedTuple):
    """What a limit leaves to the sessions below it, the mask `members` [n]: `least` to `most` W in all."""
    members: Bools
    least: float
    most: float


def innermost_first(limits: Sequence[GroupLimit]) -> list[GroupLimit]:
    """Return limits so that one comes before those above it."""
    return sorted(limits, key=lambda limit: len(limit.groups))


def session_rooms(
    limits: Sequence[GroupLimit], group: Whole, other_w: Floats, low_w: Floats, high_w: Floats
) -> list[SessionRoom]:
    """Return what the limits of a step leave to sessions of these groups [n], innermost first.

    `other_w` [g] is what else is drawn in each group, `low_w` to `high_w` [g] what its batteries can draw.
    """
    rooms = []
    for limit in innermost_first(limits):
        groups = list(limit.groups)
        drawn_w = limit.step_net + float(other_w[groups].sum())
        least = float(np.ravel(limit.least)[0]) - drawn_w - float(high_w[groups].sum())
        most = float(np.ravel(limit.most)[0]) - drawn_w - float(low_w[groups].sum())
        rooms.append(SessionRoom(np.isin(group, groups), least, max(most, 0.0)))
    return rooms


def hold_sessions(
    powers: Floats, sessions: Sessions, rooms: Sequence[SessionRoom], hours: float
) -> Floats:
    """Return the powers [n] of sessions changed as little as keeps the rooms, at equal laxity in each.

    Where there is too little for all, those with the least laxity come first. Where a lower and an upper
    bound contradict, the upper one is kept.
    """
    powers = powers.copy()
    _, highs = session_limits(sessions, hours)
    for room in rooms:
        if powers[room.members].sum() < room.least - TOLERANCE_W:
            powers[room.members] = _filled(room.least, powers, highs, sessions, room.members, hours)
    zero = np.zeros_like(powers)
    for room in rooms:
        if powers[room.members].sum() > room.most + TOLERANCE_W:
            powers[room.members] = _filled(room.most, zero, powers, sessions, room.members, hours)
    return powers


def session_limits(sessions: Sessions, hours: float) -> tuple[Floats, Floats]:
    """Return the least and the most [n] that each session may draw in the step, 0 where it is still to
    come."""
    need = np.where(sessions.arrive <= 0, sessions.need, 0.0)
    return policies.session_bounds(need, _hours_left(sessions, hours), sessions.power, hours)


def _filled(
    target: float, lows: Floats, highs: Floats, sessions: Sessions, members: Bools, hours: float
) -> Floats:
    need = np.where(sessions.arrive <= 0, sessions.need, 0.0)[members]
    return policies.by_laxity(target, need, _hours_left(sessions, hours)[members], sessions.power[members],
                              hours, (lows[members], highs[members])).powers


def _hours_left(sessions: Sessions, hours: float) -> Floats:
    return np.asarray(sessions.depart * hours, dtype=float)


def thermal_targets(
    targets: Floats, lows: Floats, other_w: Floats, limits: Sequence[GroupLimit]
) -> Floats:
    """Return the targets [g, kind] of thermal loads, lower where limits ask for it, not below `lows`.

    `other_w` [g] is the least that all else in each group draws.
    """
    targets = targets.copy()
    for limit in innermost_first(limits):
        groups = list(limit.groups)
        drawn_w = float(targets[groups].sum() + other_w[groups].sum()) + limit.step_net
        excess_w = drawn_w - limit.step_most
        spare_w = np.maximum(targets[groups] - lows[groups], 0.0)
        if excess_w > TOLERANCE_W and spare_w.sum() > 0:
            targets[groups] -= spare_w * min(excess_w / float(spare_w.sum()), 1.0)
    return targets
