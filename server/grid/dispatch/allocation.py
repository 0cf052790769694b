"""The allocation of an ordered quantity to the members of a virtual DER, as controls. Pure.

Power is in W, injection positive. The quantities are

    watts         more (+) or less (-) injection than now, of the whole group
    target        injection of the whole group
    percent       of its own rating for each device: + discharge or generation, - charge
    limit         greatest generation of each device, in percent of its rating
    limit_watts   greatest generation of the whole group
    connect       True or False: to be galvanically connected
    energize      True or False: to exchange power at all

By broadcast all members get one control, in percent of rating. Addressed per device each gets its own, by a
policy: in proportion to `headroom` or to `rating`; to equal states of charge (`charge`); by rotation
(`turn`), members with more of their seasonal quota remaining doing more; `tier` by tier, the next when the
one before is exhausted.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import fsum
from typing import Any

from server.errors import Refused
from server.grid.dispatch import sharing
from server.grid.dispatch.sharing import CHARGE, HEADROOM, POLICIES, RATING, TIER, TURN, ControlledMember
from server.grid.fleet.members import LIMITING, SETPOINTS, Member
from server.grid.optimisation import rounding
from server.resources import quantities
from server.resources.quantities import FULL

BROADCAST, DEVICE = ADDRESSINGS = ("broadcast", "device")
GROUP_QUANTITIES = ("watts", "target")  # of the whole group; only these can be shared by a policy
_REASONS = {
    HEADROOM: "{level:+.0%} of its headroom, as every member",
    RATING: "{level:+.0%} of its rating, as every member",
    CHARGE: "to equal states of charge",
    TURN: "rotation: {member.remaining_quota:.0%} of its quota for the season remains",
    TIER: "tier {member.tier}",
}
# Without opModTargetW: its watts would mean a different fraction of rating to each member.
_BROADCAST_SETPOINTS = ("opModFixedW", "opModMaxLimW")
Base = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Allocation:
    """The part of a member: its injection without (`baseline_w`) and with the order (`planned_w`).

    `base` is the DERControlBase that is its own, None where it has none; `reason` says why it is this much.
    `planned_var` is its reactive injection with the order, None where that says nothing of it.
    """
    member: Member
    baseline_w: float
    planned_w: float
    base: Base | None = None
    reason: str = ""
    planned_var: float | None = None


@dataclass(frozen=True)
class GroupAllocation:
    """The parts of all members.

    `base` is the DERControlBase of all, None where each has its own. `target_w` is the injection ordered of
    the group, None where the quantity is not one of the group; `unserved_w` what of it members cannot do.
    """
    parts: list[Allocation]
    base: Base | None = None
    target_w: float | None = None
    unserved_w: float = 0.0
    warnings: list[str] = field(default_factory=list)

    @property
    def baseline_w(self) -> float:
        return fsum(part.baseline_w for part in self.parts)

    @property
    def planned_w(self) -> float:
        return fsum(part.planned_w for part in self.parts)


@dataclass(frozen=True)
class DispatchOptions:
    """How a quantity becomes controls, which last `hours`."""
    addressing: str = BROADCAST
    policy: str = HEADROOM
    hours: float = 1.0


BROADCAST_OPTIONS = DispatchOptions()


def allocate(
    quantity: str, value: float, members: Sequence[Member], options: DispatchOptions = BROADCAST_OPTIONS
) -> GroupAllocation:
    """Return the allocation of a quantity to these members.

    Refused (400) where the quantity, its value or the options make no sense, (409) where no member can help.
    """
    _check_options(quantity, options)
    free = [member for member in members if not member.stopped]
    online = [member for member in free if member.online and member.ders]
    allocated = _ALLOCATORS[quantity](value, online, options)
    warnings = [f"{len(members) - count} of {len(members)} members are {why} and left out"
                for count, why in ((len(online) + len(members) - len(free), "offline or unrated"),
                                   (len(free), "stopped")) if count < len(members)]
    return replace(allocated, warnings=[*warnings, *allocated.warnings])


def _check_options(quantity: str, options: DispatchOptions) -> None:
    for name, value, possible in (
        ("quantity", quantity, QUANTITIES),
        ("addressing", options.addressing, ADDRESSINGS),
        ("policy", options.policy, POLICIES),
    ):
        if value not in possible:
            raise Refused(400, f"{name} {value}: {', '.join(possible)} are possible")
    if options.addressing == DEVICE and quantity not in GROUP_QUANTITIES:
        raise Refused(400, f"{quantity} is the same for every device: it is broadcast")
    if options.addressing == BROADCAST and options.policy != HEADROOM:
        raise Refused(
            400, f"policy {options.policy}: shares differ only where each device is addressed by itself"
        )


def allocate_with_flexible_loads(
    quantity: str, value: float, members: Sequence[Member], options: DispatchOptions, load_baseline_w: float
) -> GroupAllocation:
    """Return the allocation of one of GROUP_QUANTITIES to these members of a group that has flexible loads.

    `load_baseline_w` is what those loads inject without an order. They take no setpoint of power:
    `unserved_w` is then to be asked of them, so members that can do nothing are not a reason to refuse.
    """
    members_w = value - load_baseline_w if quantity == "target" else value
    if any(takes_power_setpoint(member) for member in members):
        return allocate(quantity, members_w, members, options)
    _check_options(quantity, options)
    return GroupAllocation([], target_w=members_w, unserved_w=members_w)


def baseline_w(members: Sequence[Member]) -> float:
    """Return what these members inject without an order, as an allocation counts them."""
    return fsum(member.baseline_w for member in members
                if member.online and not member.stopped and member.ders)


def takes_power_setpoint(member: Member) -> bool:
    """Whether a member takes a control that sets a power."""
    return member.online and not member.stopped and not member.modes.isdisjoint(SETPOINTS)


def unserved_warning(unserved_w: float, planned_w: float) -> str:
    """Return the warning about the part of an order that no member can do."""
    return (f"{abs(unserved_w):.0f} W of the order are out of reach: "
            f"the limits of members leave {planned_w:.0f} W")


def _controlled_members(online: Sequence[Member], *modes: str) -> list[ControlledMember]:
    """The members that take one of these modes, with the first of them that they take."""
    controlled = []
    for member in online:
        mode = next((mode for mode in modes if mode in member.modes), None)
        if mode is not None:
            absorption_w = 0.0 if mode in LIMITING else member.max_absorption_w
            controlled.append(ControlledMember(member, mode, *member.bounds_w(mode), absorption_w))
    if not controlled:
        raise Refused(409, f"no member that is online and not stopped takes {' or '.join(modes)}")
    return controlled


def _uncontrolled(online: Sequence[Member], controlled: Sequence[ControlledMember]) -> list[Allocation]:
    """The parts of the members without a control: their baselines."""
    lfdis = {row.member.lfdi for row in controlled}
    return [
        Allocation(member, member.baseline_w, member.baseline_w)
        for member in online
        if member.lfdi not in lfdis
    ]


def _change(value: float, online: Sequence[Member], options: DispatchOptions) -> GroupAllocation:
    return _target(baseline_w(online) + value, online, options)


def _target(value: float, online: Sequence[Member], options: DispatchOptions) -> GroupAllocation:
    broadcast = options.addressing == BROADCAST
    controlled = _controlled_members(online, *(_BROADCAST_SETPOINTS if broadcast else SETPOINTS))
    uncontrolled = _uncontrolled(online, controlled)
    shares = sharing.share_injection(
        value - fsum(part.planned_w for part in uncontrolled),
        controlled,
        RATING if broadcast else options.policy,
        options.hours,
    )
    if broadcast:
        allocated = _broadcast(rounding.percent(shares.level), online, controlled)
    else:
        reason = _REASONS[options.policy]
        parts = [
            replace(part, reason=reason.format(level=shares.level, member=part.member))
            for part in _per_device(controlled, shares.injection_w)
        ]
        allocated = GroupAllocation(parts + uncontrolled)
    return replace(allocated, target_w=value, unserved_w=shares.unserved_w)


def _broadcast(
    level: int, online: Sequence[Member], controlled: Sequence[ControlledMember]
) -> GroupAllocation:
    """One percent of rating (in hundredths) for all, in every mode that it takes to reach them."""
    modes = {row.mode for row in controlled}
    base: Base = {"opModFixedW": level} if "opModFixedW" in modes else {}
    if "opModMaxLimW" in modes:
        base["opModMaxLimW"] = max(level, 0)
    reason = f"{level / 100:+g} % of its rating, as every member"
    parts = [
        Allocation(row.member, row.member.baseline_w, injection_w, reason=reason)
        for row, injection_w in zip(controlled, sharing.follow_percent(level, controlled), strict=True)
    ]
    return GroupAllocation(parts + _uncontrolled(online, controlled), base)


def _per_device(controlled: Sequence[ControlledMember], injection_w: Sequence[float]) -> list[Allocation]:
    steps = [_step_w(row, power) for row, power in zip(controlled, injection_w, strict=True)]
    counts = sharing.round_to_steps(injection_w, steps, controlled)
    return [
        Allocation(row.member, row.member.baseline_w, count * step, {row.mode: _setpoint(row, count, step)})
        for row, count, step in zip(controlled, counts, steps, strict=True)
    ]


def _step_w(row: ControlledMember, injection_w: float) -> float:
    """The W that one count of the mode's value means to this member."""
    if row.mode == "opModTargetW":
        return quantities.step(max(abs(row.low_w), abs(row.high_w)))
    rating_w = row.max_absorption_w if injection_w < 0 else row.member.max_injection_w
    return rating_w / FULL or 1.0


def _setpoint(row: ControlledMember, count: int, step_w: float) -> Any:
    return quantities.active_power(count, round(step_w)) if row.mode == "opModTargetW" else count


def _percent(value: float, online: Sequence[Member], options: DispatchOptions) -> GroupAllocation:
    _check_range(value, -100, 100)
    return _broadcast(round(value * 100), online, _controlled_members(online, *_BROADCAST_SETPOINTS))


def _limit(value: float, online: Sequence[Member], options: DispatchOptions) -> GroupAllocation:
    _check_range(value, 0, 100)
    controlled = _controlled_members(online, "opModMaxLimW")
    level = round(value * 100)
    reason = f"at most {level / 100:g} % of its rating, as every member"
    parts = []
    for row in controlled:
        limit_w = level / FULL * row.member.max_injection_w
        baseline_w = row.member.baseline_w
        parts.append(Allocation(row.member, baseline_w, min(baseline_w, limit_w), reason=reason))
    return GroupAllocation(parts + _uncontrolled(online, controlled), {"opModMaxLimW": level})


def _limit_watts(value: float, online: Sequence[Member], options: DispatchOptions) -> GroupAllocation:
    if value < 0:
        raise Refused(400, f"limit_watts {value}: a limit of generation is not negative")
    controlled = _controlled_members(online, "opModMaxLimW")
    generators = [replace(row, max_absorption_w=0.0, low_w=0.0) for row in controlled]
    shares = sharing.share_injection(value, generators, RATING, options.hours)
    percent = 100.0 if shares.unserved_w > 0 else rounding.percent(shares.level) / 100
    return _limit(percent, online, options)


def _switch(mode: str) -> Callable[[float, Sequence[Member], DispatchOptions], GroupAllocation]:
    def allocate_switch(value: float, online: Sequence[Member], options: DispatchOptions) -> GroupAllocation:
        controlled = _controlled_members(online, mode)
        reason = f"{mode} {'yes' if value else 'no'}, as every member"
        parts = []
        for row in controlled:
            baseline_w = row.member.baseline_w
            parts.append(Allocation(row.member, baseline_w, baseline_w if value else 0.0, reason=reason))
        return GroupAllocation(parts + _uncontrolled(online, controlled), {mode: bool(value)})
    return allocate_switch


def _check_range(value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise Refused(400, f"{value} %: {least} to {most} are possible")


_ALLOCATORS: dict[str, Callable[[float, Sequence[Member], DispatchOptions], GroupAllocation]] = {
    "watts": _change, "target": _target, "percent": _percent, "limit": _limit, "limit_watts": _limit_watts,
    "connect": _switch("opModConnect"), "energize": _switch("opModEnergize"),
}
QUANTITIES = tuple(_ALLOCATORS)
