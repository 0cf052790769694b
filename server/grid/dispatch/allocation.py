"""From a wish to controls: what each member of a virtual DER is asked to do. Pure.

Power is in W, injection positive. A wish is one of

    watts         more (+) or less (-) injection than now, by the whole group
    target        injection by the whole group
    percent       of its own rating by each: + of discharge or generation, - of charge
    limit         greatest generation by each, in percent of its rating
    limit_watts   greatest generation by the whole group
    connect       True or False: to be galvanically connected
    energize      True or False: to exchange power at all

Broadcast says one thing to all: a percent of rating. Per device says to each its own, by a policy: in
proportion to `headroom` or to `rating`; so that all stores end up equally full (`charge`); in `turn`, who was
asked less this season doing more; `tier` by tier, the next when the one before has given all.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import fsum
from typing import Any

from server.errors import Refused
from server.grid.dispatch import sharing
from server.grid.dispatch.sharing import CHARGE, HEADROOM, POLICIES, RATING, TIER, TURN, ControlledMember
from server.grid.fleet.members import Member
from server.grid.optimisation import rounding
from server.resources import quantities
from server.resources.quantities import FULL

BROADCAST, DEVICE = ADDRESSINGS = ("broadcast", "device")
GROUP_QUANTITIES = ("watts", "target")  # wishes for what a group does on the whole: how, is ours to say
_REASONS = {
    HEADROOM: "{level:+.0%} of what it could do, as everybody",
    RATING: "{level:+.0%} of its rating, as everybody",
    CHARGE: "so that all stores end up equally full",
    TURN: "in turn: {member.left:.0%} of what it owes this season is left",
    TIER: "tier {member.tier}",
}
_SETPOINTS = ("opModFixedW", "opModTargetW", "opModMaxLimW")
# a watt means another thing to each, a percent the same to all
_BROADCAST_SETPOINTS = ("opModFixedW", "opModMaxLimW")
Base = dict[str, Any]


@dataclass(frozen=True)
class Allocation:
    """What is expected of a member: `baseline` without, `planned` with the order, the control that is its
    own, and why it is asked for just that."""
    member: Member
    baseline: float
    planned: float
    base: Base | None = None
    why: str = ""


@dataclass(frozen=True)
class GroupAllocation:
    """`base` is what is told to all, None where each part has its own; `target` what the group should inject
    as far as a number was wished for, `missed` what of that it cannot."""
    parts: list[Allocation]
    base: Base | None = None
    target: float | None = None
    missed: float = 0.0
    warnings: list[str] = field(default_factory=list)

    @property
    def baseline(self) -> float:
        return fsum(part.baseline for part in self.parts)

    @property
    def planned(self) -> float:
        return fsum(part.planned for part in self.parts)


@dataclass(frozen=True)
class DispatchOptions:
    """How a wish is turned into controls; `hours` is how long they last."""
    addressing: str = BROADCAST
    policy: str = HEADROOM
    hours: float = 1.0


BROADCAST_OPTIONS = DispatchOptions()


def allocate(
    wish: str, value: float, every: Sequence[Member], how: DispatchOptions = BROADCAST_OPTIONS
) -> GroupAllocation:
    """The plan for a wish. Refused (400) where the wish or its value makes no sense, (409) where no member
    can help."""
    _check(wish, how)
    online = [member for member in every if member.online and member.units]
    made = _PLANNERS[wish](value, online, how)
    if len(online) < len(every):
        note = (
            f"{len(every) - len(online)} of {len(every)} members are not online or unrated and do not count"
        )
        made = replace(made, warnings=[note, *made.warnings])
    return made


def _check(wish: str, how: DispatchOptions) -> None:
    for name, given, possible in (("wish", wish, QUANTITIES), ("addressing", how.addressing, ADDRESSINGS),
                                  ("policy", how.policy, POLICIES)):
        if given not in possible:
            raise Refused(400, f"{name} {given}: {', '.join(possible)} are possible")
    if how.addressing == DEVICE and wish not in GROUP_QUANTITIES:
        raise Refused(400, f"{wish} is the same for every device: it is broadcast")
    if how.addressing == BROADCAST and how.policy != HEADROOM:
        raise Refused(
            400, f"policy {how.policy}: shares differ only where each device is addressed by itself"
        )


def allocate_with_flexible_loads(
    wish: str, value: float, every: Sequence[Member], how: DispatchOptions, baseline: float
) -> GroupAllocation:
    """The plan for one of the wishes OPEN of a group with others in it, who inject `baseline` and take no set
    point: what these members do of it, none being no reason to refuse it. `missed` is then for the others."""
    wanted = value - baseline if wish == "target" else value
    if any(takes_power_setpoint(member) for member in every):
        return allocate(wish, wanted, every, how)
    _check(wish, how)
    return GroupAllocation([], target=wanted, missed=wanted)


def takes_power_setpoint(member: Member) -> bool:
    """Whether a member can be told a power."""
    return member.online and not member.modes.isdisjoint(_SETPOINTS)


def unserved_warning(missed: float, planned: float) -> str:
    """What is said of the part of a wish that nobody can fulfil."""
    return (f"{abs(missed):.0f} W of the wish are out of reach: "
            f"bounds of what members can do leave {planned:.0f} W")


def _controlled_members(online: Sequence[Member], *ranked: str) -> list[ControlledMember]:
    """Those who take one of these modes, with the first of them that they take."""
    found = []
    for member in online:
        mode = next((mode for mode in ranked if mode in member.modes), None)
        if mode == "opModMaxLimW":
            found.append(ControlledMember(member, mode, 0.0, max(member.high, 0.0), 0.0))
        elif mode is not None:
            found.append(ControlledMember(member, mode, member.low, member.high, member.max_absorption_w))
    if not found:
        raise Refused(409, f"no member that is online takes {' or '.join(ranked)}")
    return found


def _uncontrolled(online: Sequence[Member], lines: Sequence[ControlledMember]) -> list[Allocation]:
    """Those who are not asked, as they are."""
    asked = {line.member.lfdi for line in lines}
    return [
        Allocation(member, member.baseline, member.baseline) for member in online if member.lfdi not in asked
    ]


def _change(value: float, online: Sequence[Member], how: DispatchOptions) -> GroupAllocation:
    return _target(fsum(member.baseline for member in online) + value, online, how)


def _target(value: float, online: Sequence[Member], how: DispatchOptions) -> GroupAllocation:
    lines = _controlled_members(
        online, *(_BROADCAST_SETPOINTS if how.addressing == BROADCAST else _SETPOINTS)
    )
    rest = _uncontrolled(online, lines)
    shares = sharing.share_injection(
        value - fsum(part.planned for part in rest),
        lines,
        RATING if how.addressing == BROADCAST else how.policy,
        how.hours,
    )
    if how.addressing == BROADCAST:
        made = _broadcast(rounding.percent(shares.level), online, lines)
    else:
        made = GroupAllocation(
            [
                replace(part, why=_REASONS[how.policy].format(level=shares.level, member=part.member))
                for part in _per_device(lines, shares.powers)
            ]
            + rest
        )
    return replace(made, target=value, missed=shares.missed)


def _broadcast(level: int, online: Sequence[Member], lines: Sequence[ControlledMember]) -> GroupAllocation:
    """One percent for all, said in every mode that it takes to reach them."""
    taken = {line.mode for line in lines}
    base: Base = {"opModFixedW": level} if "opModFixedW" in taken else {}
    if "opModMaxLimW" in taken:
        base["opModMaxLimW"] = max(level, 0)
    why = f"{level / 100:+g} % of its rating, as all"
    parts = [
        Allocation(line.member, line.member.baseline, power, why=why)
        for line, power in zip(lines, sharing.follow_percent(level, lines), strict=True)
    ]
    return GroupAllocation(parts + _uncontrolled(online, lines), base)


def _per_device(lines: Sequence[ControlledMember], powers: Sequence[float]) -> list[Allocation]:
    steps = [_step(line, power) for line, power in zip(lines, powers, strict=True)]
    counts = sharing.round_to_steps(powers, steps, lines)
    return [
        Allocation(line.member, line.member.baseline, count * step, {line.mode: _setpoint(line, count, step)})
        for line, count, step in zip(lines, counts, steps, strict=True)
    ]


def _step(line: ControlledMember, power: float) -> float:
    """The W that one count of the mode's value means to this member."""
    if line.mode == "opModTargetW":
        return quantities.step(max(abs(line.low), abs(line.high)))
    rating = line.absorb if power < 0 else line.member.max_injection_w
    return rating / FULL or 1.0


def _setpoint(line: ControlledMember, count: int, step: float) -> Any:
    return quantities.active_power(count, round(step)) if line.mode == "opModTargetW" else count


def _percent(value: float, online: Sequence[Member], how: DispatchOptions) -> GroupAllocation:
    _check_range(value, -100, 100)
    return _broadcast(round(value * 100), online, _controlled_members(online, *_BROADCAST_SETPOINTS))


def _limit(value: float, online: Sequence[Member], how: DispatchOptions) -> GroupAllocation:
    _check_range(value, 0, 100)
    lines = _controlled_members(online, "opModMaxLimW")
    level = round(value * 100)
    parts = [
        Allocation(
            line.member,
            line.member.baseline,
            min(line.member.baseline, level / FULL * line.member.max_injection_w),
            why=f"at most {level / 100:g} % of its rating, as all",
        )
        for line in lines
    ]
    return GroupAllocation(parts + _uncontrolled(online, lines), {"opModMaxLimW": level})


def _limit_watts(value: float, online: Sequence[Member], how: DispatchOptions) -> GroupAllocation:
    if value < 0:
        raise Refused(400, f"limit_watts {value}: a limit of generation is not negative")
    lines = _controlled_members(online, "opModMaxLimW")
    generators = [replace(line, absorb=0.0, low=0.0) for line in lines]
    shares = sharing.share_injection(value, generators, RATING, how.hours)
    return _limit(100.0 if shares.missed > 0 else rounding.percent(shares.level) / 100, online, how)


def _switch(mode: str) -> Callable[[float, Sequence[Member], DispatchOptions], GroupAllocation]:
    def made(value: float, online: Sequence[Member], how: DispatchOptions) -> GroupAllocation:
        lines = _controlled_members(online, mode)
        parts = [Allocation(line.member, line.member.baseline, line.member.baseline if value else 0.0,
                      why=f"{mode} {'yes' if value else 'no'}, as all") for line in lines]
        return GroupAllocation(parts + _uncontrolled(online, lines), {mode: bool(value)})
    return made


def _check_range(value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise Refused(400, f"{value} %: {least} to {most} are possible")


_PLANNERS: dict[str, Callable[[float, Sequence[Member], DispatchOptions], GroupAllocation]] = {
    "watts": _change, "target": _target, "percent": _percent, "limit": _limit, "limit_watts": _limit_watts,
    "connect": _switch("opModConnect"), "energize": _switch("opModEnergize"),
}
QUANTITIES = tuple(_PLANNERS)
