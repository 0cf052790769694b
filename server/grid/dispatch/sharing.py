"""The division of an injection among members by a policy: the boundary between dispatch and mathematics.

Sign: injection is positive here, in W; in `optimisation.policies` consumption is. Every conversion between
the two is in this module.
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


@dataclass(frozen=True, slots=True)
class ControlledMember:
    """A member with the mode that controls it, and the bounds of injection in this mode, in W.

    `max_absorption_w` is the magnitude of its rating for charging; 0 where it takes only a limit, by which it
    can be held back but not driven.
    """
    member: Member
    mode: str
    low_w: float
    high_w: float
    max_absorption_w: float


class InjectionShares(NamedTuple):
    """The members' `injection_w`, the common `level` (+ is more injection), and the target's `unserved_w`."""
    injection_w: list[float]
    level: float
    unserved_w: float


def share_injection(
    target_w: float, members: Sequence[ControlledMember], policy: str, hours: float
) -> InjectionShares:
    """Divide a target of injection (W) by one of POLICIES.

    Refused (409) where the policy is CHARGE and a member has not reported its stored energy.
    """
    filled = _fill(-target_w, members, policy, hours)
    # 0.0 - x, so that nothing is shown as -0
    return InjectionShares((0.0 - filled.powers).tolist(), 0.0 - filled.level, float(0.0 - filled.unmet_w))


def _fill(load_w: float, members: Sequence[ControlledMember], policy: str, hours: float) -> FillResult:
    low_loads, high_loads = _array([-row.high_w for row in members]), _array([-row.low_w for row in members])
    if policy == RATING:
        return policies.by_rating(
            load_w,
            _array([row.max_absorption_w for row in members]),
            _array([row.member.max_injection_w for row in members]),
            low_loads,
            high_loads,
        )
    if policy == CHARGE:
        energy_wh, capacity_wh = _stored(members)
        zero, lossless = np.zeros(len(members)), np.ones(len(members))
        return policies.by_charge(
            load_w, energy_wh, zero, capacity_wh, lossless, hours, low_loads, high_loads
        )
    present = _array([-row.member.baseline_w for row in members])
    if policy == TURN:
        remaining = _array([row.member.remaining_quota for row in members])
        return policies.by_remaining_quota(load_w, present, low_loads, high_loads, remaining)
    if policy == TIER:
        tiers = np.array([row.member.tier for row in members], dtype=np.intp)
        return policies.by_tier(load_w, present, low_loads, high_loads, tiers)
    return policies.by_headroom(load_w, present, low_loads, high_loads)


def _stored(members: Sequence[ControlledMember]) -> tuple[Floats, Floats]:
    """The stored energy and the capacity of each member, in Wh."""
    stored = [row.member.stored for row in members]
    reported = [(energy, capacity) for energy, capacity in stored if energy is not None and capacity]
    if len(reported) < len(stored):
        raise Refused(409, f"{len(stored) - len(reported)} members have not reported their stored energy")
    return _array([energy for energy, _ in reported]), _array([capacity for _, capacity in reported])


def follow_percent(level: int, members: Sequence[ControlledMember]) -> list[float]:
    """Return the injection (W) of members that all get the same percent (in hundredths) of their rating."""
    injection_w: list[float] = rounding.broadcast(
        level,
        _array([row.member.max_injection_w for row in members]),
        _array([row.max_absorption_w for row in members]),
        _array([row.low_w for row in members]),
        _array([row.high_w for row in members]),
    ).tolist()
    return injection_w


def round_to_steps(
    injection_w: Sequence[float], steps_w: Sequence[float], members: Sequence[ControlledMember]
) -> list[int]:
    """Return injections as whole numbers of each member's step (W), the sum as near as possible."""
    counts: list[int] = rounding.to_steps(
        _array(injection_w),
        _array(steps_w),
        _array([row.low_w for row in members]),
        _array([row.high_w for row in members]),
    ).tolist()
    return counts


def _array(values: Sequence[float]) -> Floats:
    return np.array(values, dtype=float)
