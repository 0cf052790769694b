"""One step of a plan carried out: each member's power, so that the group does what the plan said. Pure.

Cars and thermal loads come first, each kind as it was planned and no member beyond its own bounds; then
batteries take what is left over, and with it what was measured to be wrong: of the plan, of the forecast, of
those who stay silent. Consumption is positive, in W; a thermal load's power is what it draws beside its base.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from server.grid.optimisation import policies, waterfill
from server.grid.optimisation.arrays import Floats, Whole, np
from server.grid.optimisation.balanceprogram import ClusterSchedule, GroupLimit
from server.grid.optimisation.clusters import (BATTERY, SESSION, THERMAL, Batteries, Labels, Sessions,
                                               Thermals, sums)
from server.grid.optimisation.waterfill import FillResult, MemberLines

PERCENT_RESOLUTION = 1e-4  # the resolution of opModFixedW


class StepTarget(NamedTuple):
    """What a step asks of each group [g]: of its cars, of its batteries as far as planned; of the thermal
    loads of each [g, kind]; and what the whole is to draw."""
    sessions: Floats
    thermals: Floats
    batteries: Floats
    total: float


class Fleet(NamedTuple):
    """The members as they are at the step's beginning; `base` is what each thermal load draws if left
    alone."""
    batteries: Batteries
    sessions: Sessions
    thermals: Thermals
    base: Floats


class MemberPowers(NamedTuple):
    """Each member's power, and what of the total could not be met. `percent` [g] is what the batteries of a
    group are told as a fraction of their rating (+ of charging), where all are told the same; `comfort` [g,
    kind] the fraction of their band at which thermal loads are to be after the step, as it can be told;
    `meant` the Wh that each is meant to store then."""
    batteries: Floats
    sessions: Floats
    thermals: Floats
    missed: float
    percent: Floats | None = None
    comfort: Floats | None = None
    meant: Floats | None = None


class Committed(NamedTuple):
    """Who is in a fleet but cannot be told anything in this step: `fleet` is everybody, and these draw so
    much then: `stores` and `thermals` in all, beside what they would, `sessions` in each group [g]."""
    fleet: Fleet
    stores: float
    sessions: Floats
    thermals: float

    @property
    def total(self) -> float:
        return self.stores + float(self.sessions.sum()) + self.thermals


@dataclass(frozen=True)
class StepOptions:
    """`broadcast`: batteries of a group are told one percent of their rating, else each its own power.
    `limits` hold for the step alone: `most`, `least` and `net` are one number each. `sayable` makes of what
    the sessions should draw what they can be told, `finest` is by kind of thermal load the least part of
    comfort that can be told (0: any), and `stored` what each stores by what it was told before (the fleet has
    what it was meant to); batteries take the difference."""
    hours: float
    broadcast: bool = False
    limits: Sequence[GroupLimit] = ()
    sayable: Callable[[Floats], Floats] | None = None
    finest: Sequence[float] = ()
    stored: Floats | None = None


def step_target(plan: ClusterSchedule, labels: Labels, groups: int, net: float, step: int = 0) -> StepTarget:
    """What the plan asks of a step, for `net` as it is now expected: the whole draws so much that the
    imbalance is the planned one."""
    def of(kind: int, kinds: int = 1) -> Floats:
        some = labels.kind == kind
        place = labels.group[some] * kinds + (labels.variety[some] if kinds > 1 else 0)
        return sums(place, plan.power[some, step], groups * kinds).reshape(groups, kinds)
    thermal = labels.variety[labels.kind == THERMAL]
    return StepTarget(of(SESSION)[:, 0], of(THERMAL, int(thermal.max(initial=0)) + 1), of(BATTERY)[:, 0],
                  float(plan.imbalance[step] - plan.curtailed[step] - net))


def without_committed(asked: StepTarget, fleet: Fleet, busy: Committed) -> StepTarget:
    """What is left to ask of a fleet when some are busy: of sessions what those do not draw, of loads their
    part by rating."""
    groups, kinds = asked.thermals.shape
    able, whole = (
        sums(_thermal_cells(one, kinds), one.thermals.power, groups * kinds).reshape(groups, kinds)
        for one in (fleet, busy.fleet)
    )
    part = np.divide(able, whole, out=np.zeros_like(able), where=whole > 0)
    return asked._replace(sessions=asked.sessions - busy.sessions, thermals=asked.thermals * part)


def disaggregate(asked: StepTarget, fleet: Fleet, how: StepOptions) -> MemberPowers:
    """The members' powers."""
    groups = len(asked.sessions)
    low, high = battery_bounds(fleet.batteries, how.hours)
    low_sum, high_sum = (sums(fleet.batteries.group, part, groups) for part in (low, high))
    least, most = _group_bounds(how.limits, groups)
    kinds = asked.thermals.shape[1]
    alike = _thermal_cells(fleet, kinds)
    thermal, comfort = _by_group(
        groups * kinds,
        alike,
        asked.thermals.ravel(),
        lambda inside, target: policies.by_comfort(
            target,
            fleet.thermals.state[inside],
            fleet.thermals.band[inside],
            fleet.thermals.keep[inside],
            fleet.base[inside],
            fleet.thermals.power[inside],
            how.hours,
        ),
    )
    meant, comfort = (
        fleet.thermals.keep * fleet.thermals.state + thermal * how.hours,
        comfort.reshape(groups, kinds),
    )
    if any(how.finest):
        thermal, comfort = nearest_commandable(comfort, fleet, how)
    thermal_sum = sums(fleet.thermals.group, thermal, groups)
    free = np.clip(asked.sessions, least - thermal_sum - high_sum, most - thermal_sum - low_sum)
    here = fleet.sessions.arrive <= 0
    need, left = np.where(here, fleet.sessions.need, 0.0), fleet.sessions.depart * how.hours
    session, _ = _by_group(groups, fleet.sessions.group, free, lambda inside, target: policies.by_laxity(
        target, need[inside], left[inside], fleet.sessions.power[inside], how.hours))
    session = session if how.sayable is None else how.sayable(session)
    session_sum = sums(fleet.sessions.group, session, groups)
    others = thermal_sum + session_sum
    floor, roof = np.maximum(low_sum, least - others), np.minimum(high_sum, most - others)
    crossed = floor > roof
    floor = np.where(crossed, np.clip(floor, low_sum, high_sum), floor)
    roof = np.where(crossed, floor, roof)
    spread = MemberLines(asked.batteries, high_sum - low_sum, floor, roof)
    targets = _battery_targets(asked.total - others.sum(), spread, others, how.limits)
    divide = _broadcast_percent if how.broadcast else _equal_soc
    battery, percent = _by_group(groups, fleet.batteries.group, targets, lambda inside, target: divide(
        target, fleet.batteries.only(inside), low[inside], high[inside], how.hours))
    return MemberPowers(battery, session, thermal, asked.total - float(others.sum() + battery.sum()),
                  percent if how.broadcast else None, comfort, meant)


def battery_bounds(fleet: Batteries, hours: float) -> tuple[Floats, Floats]:
    """The least and the most each battery can draw in the step, within its power, its reserve and its
    capacity."""
    high = np.minimum(fleet.charge, np.maximum(fleet.most - fleet.energy, 0) / (hours * fleet.efficiency))
    low = -np.minimum(fleet.discharge, np.maximum(fleet.energy - fleet.least, 0) * fleet.efficiency / hours)
    return low, high


def after_step(fleet: Fleet, powers: MemberPowers, hours: float) -> Fleet:
    """The members one step later, having drawn so much: what a plan believes until readings come."""
    drawn = powers.batteries
    gained = (
        np.where(drawn > 0, drawn * fleet.batteries.efficiency, drawn / fleet.batteries.efficiency) * hours
    )
    sessions, thermals = fleet.sessions, fleet.thermals
    return Fleet(
        fleet.batteries._replace(energy=fleet.batteries.energy + gained),
        sessions._replace(
            arrive=np.maximum(sessions.arrive - 1, 0),
            depart=sessions.depart - 1,
            need=sessions.need - powers.sessions * hours,
        ),
        thermals._replace(state=thermals.keep * thermals.state + powers.thermals * hours),
        fleet.base,
    )


def _by_group(
    groups: int, of: Whole, targets: Floats, share: Callable[[Any, float], FillResult]
) -> tuple[Floats, Floats]:
    """Every group's members by `share(members, target)`, and each group's level."""
    powers, levels = np.zeros(len(of)), np.zeros(groups)
    if groups == 1:
        inside: list[tuple[int, Any]] = [(0, slice(None))] if len(of) else []
    else:
        order = np.argsort(of, kind="stable")
        edges = np.searchsorted(of[order], np.arange(groups + 1))
        inside = [(group, order[edges[group]:edges[group + 1]]) for group in range(groups)]
    for group, members in inside:
        if isinstance(members, slice) or len(members):
            filled = share(members, float(targets[group]))
            powers[members], levels[group] = filled.powers, filled.level
    return powers, levels


def _thermal_cells(fleet: Fleet, kinds: int) -> Whole:
    """The place of each thermal load in a table [g, kind], laid out flat."""
    return fleet.thermals.group * kinds + np.minimum(fleet.thermals.kind, kinds - 1)


def nearest_commandable(comfort: Floats, fleet: Fleet, how: StepOptions) -> tuple[Floats, Floats]:
    """The parts of comfort [g, kind] that come nearest and can be told, and what each thermal load then draws
    beside its base: (powers, parts)."""
    kinds = comfort.shape[1]
    finest = np.array([*how.finest, *[0.0] * kinds])[:kinds]
    told = np.where(finest > 0, np.round(comfort / np.maximum(finest, 1e-9)) * finest, comfort)
    state, band, keep, power = fleet.thermals[:4]
    state = state if how.stored is None else how.stored
    low, high = policies.comfort_bounds(state, band, keep, fleet.base, power, how.hours)
    wanted_energy = told.ravel()[_thermal_cells(fleet, kinds)] * band
    return np.clip((wanted_energy - keep * state) / how.hours, low, high), told


def _equal_soc(target: float, some: Batteries, low: Floats, high: Floats, hours: float) -> FillResult:
    return policies.by_charge(target, some.energy, some.least, some.most, some.efficiency, hours, low, high)


def _broadcast_percent(target: float, some: Batteries, low: Floats, high: Floats, hours: float) -> FillResult:
    """What comes of one percent for all: each does as much of it as it can."""
    level = policies.by_rating(target, some.charge, some.discharge, low, high).level
    told = float(np.round(level / PERCENT_RESOLUTION) * PERCENT_RESOLUTION)
    rating = some.charge if told >= 0 else some.discharge
    powers = np.clip(told * rating, low, high)
    return FillResult(powers, told, target - powers.sum())


def _group_bounds(limits: Sequence[GroupLimit], groups: int) -> tuple[Floats, Floats]:
    """What limits of single groups leave for what can be moved in them."""
    least, most = np.full(groups, -np.inf), np.full(groups, np.inf)
    for limit in limits:
        if len(limit.groups) == 1:
            group, net = limit.groups[0], float(np.ravel(limit.net)[0])
            least[group] = max(least[group], float(limit.least) - net)
            most[group] = min(most[group], float(limit.most) - net)
    return least, most


def _battery_targets(
    target: float, spread: MemberLines, others: Floats, limits: Sequence[GroupLimit]
) -> Floats:
    """The batteries' target in each group: the worst broken limit of several groups is met exactly and what
    is inside stays as it is; the rest goes to those outside, until none is broken."""
    powers, free = np.zeros(len(others)), np.ones(len(others), dtype=bool)
    open_limits = [limit for limit in limits if len(limit.groups) > 1]
    while True:
        missing = target - powers[~free].sum()
        powers[free] = waterfill.fill(missing, MemberLines(*(part[free] for part in spread))).powers
        broken = [(excess, place) for place, limit in enumerate(open_limits)
                  if abs(excess := _limit_excess_w(limit, powers + others)) > 1e-6]
        if not broken:
            return powers
        excess, place = max(broken, key=lambda one: abs(one[0]))
        inside = np.asarray(open_limits.pop(place).groups)
        inside = inside[free[inside]]
        filled = waterfill.fill(
            powers[inside].sum() - excess, MemberLines(*(part[inside] for part in spread))
        )
        powers[inside], free[inside] = filled.powers, False


def _limit_excess_w(limit: GroupLimit, powers: Floats) -> float:
    drawn = powers[list(limit.groups)].sum() + float(np.ravel(limit.net)[0])
    return float(max(drawn - limit.most, 0.0) + min(drawn - limit.least, 0.0))
