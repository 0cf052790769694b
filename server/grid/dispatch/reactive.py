"""The allocation of reactive power and power factors to the members of a virtual DER, as controls. Pure.

    reactive       vars injected (+, over-excited) or absorbed (-, under-excited) by the whole group
    power_factor   of each device: its magnitude, + over-excited, - under-excited

Reactive power is shared in proportion to what each member reports as its greatest, so that the same percent
of setMaxVar can be broadcast; a member does no more than its apparent power leaves beside its active power.
Addressed per device, those that take opModTargetVar alone are reached as well. Active power stays what it is.
"""
from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from server.errors import Refused
from server.grid.dispatch.allocation import BROADCAST, Allocation, DispatchOptions, GroupAllocation
from server.grid.fleet.members import Member
from server.grid.fleet.reactivecapability import ReactiveDer
from server.grid.optimisation import rounding, waterfill
from server.grid.optimisation.arrays import np
from server.grid.optimisation.waterfill import MemberLines
from server.resources import quantities
from server.resources.codes import DERUnitRef
from server.resources.quantities import FULL
from server.units import Lfdi, Vars

REACTIVE, POWER_FACTOR = QUANTITIES = ("reactive", "power_factor")
MIN_UNSERVED_VAR = 1.0
_PF_MODES = ("opModFixedPFInjectW", "opModFixedPFAbsorbW")
_PF_DIGITS = 3
Ders = Mapping[Lfdi, Sequence[ReactiveDer]]
OFFLINE, STOPPED, NO_MODE = "are offline", "are stopped", "take no control of reactive power"
NO_RATING, BY_ITSELF = "report no reactive power", "take it only where each device is addressed by itself"


class _Controlled(NamedTuple):
    """A member with the mode by which it is controlled: the vars (magnitudes) that are its 100 %, and the
    most that it can do now."""
    member: Member
    mode: str
    rated_var: Vars
    limit_var: Vars


def allocate(
    quantity: str, value: float, members: Sequence[Member], ders: Ders, options: DispatchOptions
) -> GroupAllocation:
    """Return the allocation of one of QUANTITIES to these members, whose DERs are by LFDI.

    Refused (400) where the value makes no sense, (409) where no member can do it.
    """
    if quantity == POWER_FACTOR:
        return _power_factor(value, members, ders, options)
    return _reactive(value, members, ders, options)


def total_var(allocated: GroupAllocation) -> Vars | None:
    """Return the reactive injection that an allocation plans; None where it says nothing of it."""
    planned_var = [part.planned_var for part in allocated.parts if part.planned_var is not None]
    return math.fsum(planned_var) if planned_var else None


def _reactive(
    value: Vars, members: Sequence[Member], ders: Ders, options: DispatchOptions
) -> GroupAllocation:
    broadcast = options.addressing == BROADCAST
    controlled, unable = _able(value >= 0, members, ders, broadcast)
    limits = np.array([row.limit_var for row in controlled], dtype=float)
    rated = np.array([row.rated_var for row in controlled], dtype=float)
    zero = np.zeros_like(rated)
    filled = waterfill.fill(abs(value), MemberLines(zero, rated, zero, limits))
    sign = math.copysign(1.0, value)
    if broadcast:
        level = min(rounding.percent(min(filled.level, 1.0)), FULL)
        reason = f"{sign * level / 100:+g} % of its setMaxVar, as every member"
        shares = [min(level / FULL * row.rated_var, row.limit_var) for row in controlled]
        base = {"opModFixedVar": _fixed_var(round(sign * level))}
        parts = [_part(row.member, None, reason, sign * share)
                 for row, share in zip(controlled, shares, strict=True)]
    else:
        base = None
        reason = "in proportion to its setMaxVar"
        parts = [_single(row, sign * share, reason)
                 for row, share in zip(controlled, filled.powers.tolist(), strict=True)]
    warnings = _left_out(unable, len(members))
    if filled.unmet_w >= MIN_UNSERVED_VAR:
        warnings.append(f"{filled.unmet_w:.0f} var of the order are out of reach: members can do "
                        f"{abs(value) - filled.unmet_w:.0f} var")
    return GroupAllocation(parts, base, warnings=warnings)


def _part(member: Member, base: dict[str, Any] | None, reason: str, planned_var: Vars | None) -> Allocation:
    return Allocation(member, member.baseline_w, member.baseline_w, base, reason, planned_var)


def _single(row: _Controlled, share_var: Vars, reason: str) -> Allocation:
    if row.mode == "opModTargetVar":
        target = quantities.power(share_var)
        return _part(row.member, {row.mode: target}, reason, quantities.base_value(target))
    count = round(share_var / row.rated_var * FULL) if row.rated_var else 0
    return _part(row.member, {row.mode: _fixed_var(count)}, reason, count / FULL * row.rated_var)


def _fixed_var(hundredths: int) -> dict[str, int]:
    return {"refType": int(DERUnitRef.SET_MAX_VAR), "value": hundredths}


def _able(
    injecting: bool, members: Sequence[Member], ders: Ders, broadcast: bool
) -> tuple[list[_Controlled], Counter[str]]:
    """Return the members that can inject (or absorb) vars, and why others cannot."""
    controlled: list[_Controlled] = []
    unable: Counter[str] = Counter()
    for member in members:
        reason = _out_of_reach(member)
        modes = member.modes & {"opModFixedVar", "opModTargetVar"}
        mode = "opModFixedVar" if "opModFixedVar" in modes else "opModTargetVar"
        own = [der for der in ders.get(member.lfdi, ()) if mode in der.modes]
        rated = sum(der.limit_var(injecting, 0.0) for der in own)
        if not reason and not modes:
            reason = NO_MODE
        if not reason and not rated:
            reason = NO_RATING
        if not reason and broadcast and mode != "opModFixedVar":
            reason = BY_ITSELF
        if reason:
            unable[reason] += 1
            continue
        limit = sum(der.limit_var(injecting, member.baseline_w / len(own)) for der in own)
        controlled.append(_Controlled(member, mode, rated, min(limit, rated)))
    if not controlled:
        raise Refused(409, f"no member can {'inject' if injecting else 'absorb'} reactive power: "
                           + "; ".join(_left_out(unable, len(members))))
    return controlled, unable


def _out_of_reach(member: Member) -> str:
    return STOPPED if member.stopped else "" if member.online else OFFLINE


def _left_out(unable: Counter[str], members: int) -> list[str]:
    return [f"{count} of {members} members {reason} and are left out" for reason, count in unable.items()]


def _power_factor(
    value: float, members: Sequence[Member], ders: Ders, options: DispatchOptions
) -> GroupAllocation:
    if options.addressing != BROADCAST:
        raise Refused(400, "a power factor is the same for every device: it is broadcast")
    if not 0 < abs(value) <= 1:
        raise Refused(400, f"power factor {abs(value):g}: more than 0 and up to 1 is possible")
    reasons = [_out_of_reach(member) or ("" if member.modes & set(_PF_MODES) else NO_MODE)
               for member in members]
    unable = Counter(reason for reason in reasons if reason)
    able = [member for member, reason in zip(members, reasons, strict=True) if not reason]
    warnings = _left_out(unable, len(members))
    if not able:
        raise Refused(409, "no member can keep to a power factor: " + "; ".join(warnings))
    modes = sorted(frozenset().union(*(member.modes for member in able)) & set(_PF_MODES))
    excited = "over-excited" if value > 0 else "under-excited"
    words = f"power factor {abs(value):g} {excited}, as every member"
    parts = [_part(member, None, words, _vars_at(value, member, ders.get(member.lfdi, ())))
             for member in able]
    base = {mode: _displacement(value) for mode in modes}
    bounded = sum(_least(value, ders.get(member.lfdi, ())) > abs(value) for member in able)
    if bounded:
        warnings.append(f"{bounded} members allow no power factor as low as {abs(value):g}: they go as far "
                        "as their settings let them")
    return GroupAllocation(parts, base, warnings=warnings)


def _displacement(value: float) -> dict[str, Any]:
    """A PowerFactorWithExcitation; in the standard, excitation is true for absorbing vars."""
    return {"displacement": round(abs(value) * 10 ** _PF_DIGITS), "excitation": value < 0,
            "multiplier": -_PF_DIGITS}


def _least(value: float, ders: Sequence[ReactiveDer]) -> float:
    return max((der.min_pf_over if value > 0 else der.min_pf_under for der in ders), default=0.0)


def _vars_at(value: float, member: Member, ders: Sequence[ReactiveDer]) -> Vars:
    """The vars that a member injects at this power factor, beside its present active power and within what
    it reports."""
    factor = min(max(abs(value), _least(value, ders)), 1.0)
    wanted = abs(member.baseline_w) * math.tan(math.acos(factor))
    most = sum(der.limit_var(value > 0, 0.0) for der in ders)
    return math.copysign(min(wanted, most) if most else wanted, value)
