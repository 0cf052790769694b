"""Disaggregate one step of a plan: each member's power, so that the groups do what the plan says. Pure.

EV sessions and thermal loads come first, each kind as planned and no member beyond its own bounds. Batteries
take the rest, and with it the measured errors of the plan, the forecast and non-responding members. Limits
stand above all of it (see `limitrooms`).
Consumption is positive, in W. The power of a thermal load is what it draws beside its base.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from server.grid.optimisation import limitrooms, policies, powercaps, waterfill
from server.grid.optimisation.arrays import Floats, Whole, np
from server.grid.optimisation.balanceproblem import ClusterSchedule, GroupLimit
from server.grid.optimisation.clusters import (BATTERY, SESSION, THERMAL, Batteries, Labels, Sessions,
                                               Thermals, sums)
from server.grid.optimisation.limitrooms import SessionRoom
from server.grid.optimisation.waterfill import FillResult, MemberLines

PERCENT_RESOLUTION = 1e-4  # the resolution of opModFixedW
Commandable = Callable[[Floats, Sequence[SessionRoom]], Floats]


class StepTarget(NamedTuple):
    """The power that a step requires, in W: of the EV sessions and the batteries of each group [g], of the
    thermal loads of each group and kind [g, kind], and of all members together (`total`)."""
    sessions: Floats
    thermals: Floats
    batteries: Floats
    total: float


class Fleet(NamedTuple):
    """The members at the beginning of the step. `base` [n] is what each thermal load draws without control,
    in W."""
    batteries: Batteries
    sessions: Sessions
    thermals: Thermals
    base: Floats

    @property
    def thermal_fall_w(self) -> Floats:
        """[n]: by how much a control can have each thermal load draw less than its base."""
        return self.thermals.fall * self.base

    @property
    def thermal_rise_w(self) -> Floats:
        """[n]: by how much a control can have each thermal load draw more than its base."""
        return self.thermals.rise * np.maximum(self.thermals.power - self.base, 0)


class MemberPowers(NamedTuple):
    """The power of each member in W, and the part of the total that is not met.

    With broadcast, `percent` [g] is the fraction of their rating that the batteries of a group are sent
    (positive for charging). `comfort` [g, kind] is the fraction of their band at which thermal loads are to
    be after the step, rounded to what a control can carry. `intended_wh` is what each is to store then.
    """
    batteries: Floats
    sessions: Floats
    thermals: Floats
    unmet_w: float
    percent: Floats | None = None
    comfort: Floats | None = None
    intended_wh: Floats | None = None


class Committed(NamedTuple):
    """The members that follow another control in this step and cannot get a new one.

    `fleet` is all members. Those that are committed draw, in W and in each group [g]: `storage`, `sessions`,
    and `thermals` beside their base.
    """
    fleet: Fleet
    storage: Floats
    sessions: Floats
    thermals: Floats

    @property
    def by_group(self) -> Floats:
        return self.storage + self.sessions + self.thermals


@dataclass(frozen=True)
class StepOptions:
    """How a step is disaggregated.

    With `broadcast`, the batteries of a group get one percentage of their rating, else each its own power.
    `limits` hold for this step: `most`, `least` and `net` are one number each. `commandable` rounds the
    powers of sessions to what a control can carry, within the rooms that it gets. `resolutions` has, by kind
    of thermal load, the smallest step of comfort that a control can carry (0: any). `stored` is what each
    thermal load stores after the controls sent so far, in Wh (the fleet has what was intended). Batteries
    take the differences.
    """
    hours: float
    broadcast: bool = False
    limits: Sequence[GroupLimit] = ()
    commandable: Commandable | None = None
    resolutions: Sequence[float] = ()
    stored: Floats | None = None


def step_target(plan: ClusterSchedule, labels: Labels, groups: int, net: float, step: int = 0) -> StepTarget:
    """The power that a plan requires of a step, for the `net` demand in W as now expected: the total is such
    that the imbalance is the planned one."""
    def of(kind: int, kinds: int = 1) -> Floats:
        chosen = labels.kind == kind
        cell = labels.group[chosen] * kinds + (labels.variety[chosen] if kinds > 1 else 0)
        return sums(cell, plan.power[chosen, step], groups * kinds).reshape(groups, kinds)
    thermal = labels.variety[labels.kind == THERMAL]
    return StepTarget(of(SESSION)[:, 0], of(THERMAL, int(thermal.max(initial=0)) + 1), of(BATTERY)[:, 0],
                  float(plan.imbalance[step] - plan.curtailed[step] - net))


def without_committed(target: StepTarget, fleet: Fleet, committed: Committed) -> StepTarget:
    """The target for a fleet without its committed members: sessions without what those draw, thermal loads
    in proportion to the rating that is left."""
    groups, kinds = target.thermals.shape
    available, total = (
        sums(_thermal_cells(members, kinds), members.thermals.power, groups * kinds).reshape(groups, kinds)
        for members in (fleet, committed.fleet)
    )
    part = np.divide(available, total, out=np.zeros_like(available), where=total > 0)
    return target._replace(sessions=target.sessions - committed.sessions, thermals=target.thermals * part)


def disaggregate(step: StepTarget, fleet: Fleet, options: StepOptions) -> MemberPowers:
    """The powers of all members for a step."""
    groups, cars = len(step.sessions), fleet.sessions
    fleet = fleet._replace(sessions=cars._replace(power=powercaps.in_step(cars.power, cars.cap)))
    low, high = battery_bounds(fleet.batteries, options.hours)
    low_sum, high_sum = (sums(fleet.batteries.group, part, groups) for part in (low, high))
    thermal, comfort, stored_wh = _thermal_powers(step, fleet, options, low_sum)
    thermal_sum = sums(fleet.thermals.group, thermal, groups)
    session = _session_powers(step, fleet, options, limitrooms.session_rooms(
        options.limits, fleet.sessions.group, thermal_sum, low_sum, high_sum))
    other_w = thermal_sum + sums(fleet.sessions.group, session, groups)
    least, most = _group_bounds(options.limits, groups)
    floor, roof = np.maximum(low_sum, least - other_w), np.minimum(high_sum, most - other_w)
    crossed = floor > roof
    floor = np.where(crossed, np.clip(floor, low_sum, high_sum), floor)
    roof = np.where(crossed, floor, roof)
    lines = MemberLines(step.batteries, high_sum - low_sum, floor, roof)
    targets = _battery_targets(step.total - other_w.sum(), lines, other_w, options.limits)
    share = _broadcast_percent if options.broadcast else _equal_soc
    battery, percent = _by_group(groups, fleet.batteries.group, targets, lambda members, target: share(
        target, fleet.batteries.only(members), low[members], high[members], options.hours))
    return MemberPowers(battery, session, thermal, step.total - float(other_w.sum() + battery.sum()),
                        percent if options.broadcast else None, comfort, stored_wh)


def _thermal_powers(
    step: StepTarget, fleet: Fleet, options: StepOptions, low_sum: Floats
) -> tuple[Floats, Floats, Floats]:
    """What thermal loads draw beside their base, the fraction of comfort of each group and kind, and what
    each is to store then. `low_sum` [g] is the least that batteries draw."""
    groups, kinds = step.thermals.shape
    cells, loads, hours = _thermal_cells(fleet, kinds), fleet.thermals, options.hours
    targets = step.thermals
    if options.limits:
        low, _ = policies.comfort_bounds(
            loads.state, loads.band, loads.keep, fleet.thermal_fall_w, fleet.thermal_rise_w, hours)
        floors, _ = limitrooms.session_limits(fleet.sessions, hours)
        targets = limitrooms.thermal_targets(
            targets, sums(cells, low, groups * kinds).reshape(groups, kinds),
            low_sum + sums(fleet.sessions.group, floors, groups), options.limits)
    thermal, level = _by_group(groups * kinds, cells, targets.ravel(), lambda members, target: (
        policies.by_comfort(target, loads.state[members], loads.band[members], loads.keep[members],
                            fleet.thermal_fall_w[members], fleet.thermal_rise_w[members], hours)))
    stored_wh = loads.keep * loads.state + thermal * hours
    comfort = level.reshape(groups, kinds)
    if any(options.resolutions):
        thermal, comfort = nearest_commandable(comfort, fleet, options)
    return thermal, comfort, stored_wh


def _session_powers(
    step: StepTarget, fleet: Fleet, options: StepOptions, rooms: Sequence[SessionRoom]
) -> Floats:
    """What sessions draw: as planned, and never less than they need in time, unless a limit leaves less."""
    cars, hours = fleet.sessions, options.hours
    need, hours_left = np.where(cars.arrive <= 0, cars.need, 0.0), cars.depart * hours
    powers, _ = _by_group(len(step.sessions), cars.group, step.sessions, lambda members, target: (
        policies.by_laxity(target, need[members], hours_left[members], cars.power[members], hours)))
    powers = limitrooms.hold_sessions(powers, cars, rooms, hours)
    return powers if options.commandable is None else np.minimum(
        options.commandable(powers, rooms), cars.power)


def battery_bounds(fleet: Batteries, hours: float) -> tuple[Floats, Floats]:
    """The least and the most that each battery can draw in the step, in W, within its power, reserve and
    capacity."""
    charge = powercaps.in_step(fleet.charge, fleet.charge_cap)
    discharge = powercaps.in_step(fleet.discharge, fleet.discharge_cap)
    high = np.minimum(charge, np.maximum(fleet.most - fleet.energy, 0) / (hours * fleet.efficiency))
    low = -np.minimum(discharge, np.maximum(fleet.energy - fleet.least, 0) * fleet.efficiency / hours)
    return low, high


def _by_group(
    groups: int, of: Whole, targets: Floats, share: Callable[[Any, float], FillResult]
) -> tuple[Floats, Floats]:
    """The powers of the members of every group by `share(members, target)`, and the level of each group."""
    powers, levels = np.zeros(len(of)), np.zeros(groups)
    if groups == 1:
        member_sets: list[tuple[int, Any]] = [(0, slice(None))] if len(of) else []
    else:
        order = np.argsort(of, kind="stable")
        edges = np.searchsorted(of[order], np.arange(groups + 1))
        member_sets = [(group, order[edges[group]:edges[group + 1]]) for group in range(groups)]
    for group, members in member_sets:
        if isinstance(members, slice) or len(members):
            filled = share(members, float(targets[group]))
            powers[members], levels[group] = filled.powers, filled.level
    return powers, levels


def _thermal_cells(fleet: Fleet, kinds: int) -> Whole:
    """The flat index of each thermal load in a table [g, kind]."""
    return fleet.thermals.group * kinds + np.minimum(fleet.thermals.kind, kinds - 1)


def nearest_commandable(comfort: Floats, fleet: Fleet, options: StepOptions) -> tuple[Floats, Floats]:
    """The nearest fractions of comfort [g, kind] that a control can carry, and the power that each thermal
    load then draws beside its base, in W: (powers, fractions)."""
    kinds = comfort.shape[1]
    resolutions = np.array([*options.resolutions, *[0.0] * kinds])[:kinds]
    rounded = np.round(comfort / np.maximum(resolutions, 1e-9)) * resolutions
    commandable = np.where(resolutions > 0, rounded, comfort)
    state, band, keep = fleet.thermals[:3]
    state = state if options.stored is None else options.stored
    low, high = policies.comfort_bounds(
        state, band, keep, fleet.thermal_fall_w, fleet.thermal_rise_w, options.hours)
    target_wh = commandable.ravel()[_thermal_cells(fleet, kinds)] * band
    return np.clip((target_wh - keep * state) / options.hours, low, high), commandable


def _equal_soc(target: float, fleet: Batteries, low: Floats, high: Floats, hours: float) -> FillResult:
    return policies.by_charge(
        target, fleet.energy, fleet.least, fleet.most, fleet.efficiency, hours, low, high)


def _broadcast_percent(
    target: float, fleet: Batteries, low: Floats, high: Floats, hours: float
) -> FillResult:
    """The powers under one percentage for all; each member does as much of it as it can."""
    level = policies.by_rating(target, fleet.charge, fleet.discharge, low, high).level
    percent = float(np.round(level / PERCENT_RESOLUTION) * PERCENT_RESOLUTION)
    rating = fleet.charge if percent >= 0 else fleet.discharge
    powers = np.clip(percent * rating, low, high)
    return FillResult(powers, percent, target - powers.sum())


def _group_bounds(limits: Sequence[GroupLimit], groups: int) -> tuple[Floats, Floats]:
    """The bounds [g], in W, that limits of single groups leave to the members that can be controlled."""
    least, most = np.full(groups, -np.inf), np.full(groups, np.inf)
    for limit in limits:
        if len(limit.groups) == 1:
            group = limit.groups[0]
            least[group] = max(least[group], limit.step_least - limit.step_net)
            most[group] = min(most[group], limit.step_most - limit.step_net)
    return least, most


def _battery_targets(
    target: float, lines: MemberLines, other_w: Floats, limits: Sequence[GroupLimit]
) -> Floats:
    """The target of the batteries of each group, in W.

    The limit of several groups that is exceeded most is met exactly, and its groups are fixed. The remainder
    goes to the other groups. This repeats until no limit is exceeded.
    """
    powers, free = np.zeros(len(other_w)), np.ones(len(other_w), dtype=bool)
    open_limits = [limit for limit in limits if len(limit.groups) > 1]
    while True:
        missing_w = target - powers[~free].sum()
        powers[free] = waterfill.fill(missing_w, MemberLines(*(part[free] for part in lines))).powers
        broken = [(excess, number) for number, limit in enumerate(open_limits)
                  if abs(excess := _limit_excess_w(limit, powers + other_w)) > 1e-6]
        if not broken:
            return powers
        excess, number = max(broken, key=lambda item: abs(item[0]))
        members = np.asarray(open_limits.pop(number).groups)
        members = members[free[members]]
        filled = waterfill.fill(
            powers[members].sum() - excess, MemberLines(*(part[members] for part in lines))
        )
        powers[members], free[members] = filled.powers, False


def _limit_excess_w(limit: GroupLimit, powers: Floats) -> float:
    drawn = powers[list(limit.groups)].sum() + limit.step_net
    return float(max(drawn - limit.step_most, 0.0) + min(drawn - limit.step_least, 0.0))
