"""An injection divided among members by a policy: the boundary between dispatch and the mathematics.

Sign: injection is positive here, in W; `optimisation.policies` counts consumption positive. Every conversion
between the two stands in this module.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from server.errors import Refused
from server.grid.fleet.members import Member
from server.grid.optimisation import policies, rounding
from server.grid.optimisation.arrays import Floats, np
from server.grid.optimisation.waterfill import FillResult

HEADROOM, CHARGE, RATING, TURN, TIER = POLICIES = ("headroom", "charge", "rating", "turn", "tier")


@dataclass(frozen=True)
class ControlledMember:
    """A member with the mode that it is controlled by, and the bounds that this mode leaves it: `low` to
    `high` W of injection; `absorb` is the magnitude of its rating for charging. A member that takes only a
    limit can be held back, not driven."""
    member: Member
    mode: str
    low: float
    high: float
    absorb: float


class InjectionShares(NamedTuple):
    """`powers` of the members, W of injection; the common `level` (+ is more injection), and `missed`: the
    part of the target that the bounds forbid."""
    powers: list[float]
    level: float
    missed: float


def share_injection(
    target: float, members: Sequence[ControlledMember], policy: str, hours: float
) -> InjectionShares:
    """Divide a target of injection (W) by one of POLICIES. Refused (409) where CHARGE has to know what is
    stored and a member has not reported it."""
    filled = _fill(-target, members, policy, hours)
    # 0.0 - x, so that nothing is shown as -0
    return InjectionShares((0.0 - filled.powers).tolist(), 0.0 - filled.level, float(0.0 - filled.missed))


def _fill(load_w: float, members: Sequence[ControlledMember], policy: str, hours: float) -> FillResult:
    low_loads, high_loads = _column([-row.high for row in members]), _column([-row.low for row in members])
    if policy == RATING:
        return policies.by_rating(
            load_w,
            _column([row.absorb for row in members]),
            _column([row.member.max_injection_w for row in members]),
            low_loads,
            high_loads,
        )
    if policy == CHARGE:
        stored, capacity = _stored(members)
        zero, lossless = np.zeros(len(members)), np.ones(len(members))
        return policies.by_charge(load_w, stored, zero, capacity, lossless, hours, low_loads, high_loads)
    present = _column([-row.member.baseline for row in members])
    if policy == TURN:
        remaining = _column([row.member.left for row in members])
        return policies.by_remaining_quota(load_w, present, low_loads, high_loads, remaining)
    if policy == TIER:
        tiers = np.array([row.member.tier for row in members], dtype=np.intp)
        return policies.by_tier(load_w, present, low_loads, high_loads, tiers)
    return policies.by_headroom(load_w, present, low_loads, high_loads)


def _stored(members: Sequence[ControlledMember]) -> tuple[Floats, Floats]:
    """What each member stores and can store, Wh."""
    stored = [row.member.stored for row in members]
    known = [(energy, capacity) for energy, capacity in stored if energy is not None and capacity]
    if len(known) < len(stored):
        raise Refused(409, f"{len(stored) - len(known)} members have not said how much they store")
    return _column([energy for energy, _ in known]), _column([capacity for _, capacity in known])


def follow_percent(level: int, members: Sequence[ControlledMember]) -> list[float]:
    """What members inject that all receive the same percent (hundredths) of their rating, W."""
    return rounding.broadcast(
        level,
        _column([row.member.max_injection_w for row in members]),
        _column([row.absorb for row in members]),
        _column([row.low for row in members]),
        _column([row.high for row in members]),
    ).tolist()


def round_to_steps(
    powers: Sequence[float], steps: Sequence[float], members: Sequence[ControlledMember]
) -> list[int]:
    """Injections as whole numbers of each member's step (W), the sum as near as can be."""
    return rounding.to_steps(
        _column(powers),
        _column(steps),
        _column([row.low for row in members]),
        _column([row.high for row in members]),
    ).tolist()


def _column(values: Sequence[float]) -> Floats:
    return np.array(values, dtype=float)
