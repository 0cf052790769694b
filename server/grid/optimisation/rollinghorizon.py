"""Plan on a rolling horizon, and disaggregate each step with the latest data. Pure.

Consumption is positive, in W. The planner keeps its last schedule: it stays in force where the solver finds
none in time, and `stale` counts how often.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from server.grid.optimisation import (blockprogram, clusters, disaggregation, nestedlimits, scarcity,
                                      unmetenergy)
from server.grid.optimisation.arrays import Bools, Floats, np
from server.grid.optimisation.balanceproblem import BalanceProblem, ClusterSchedule, GroupLimit
from server.grid.optimisation.blockprogram import Commitment, PlannableBlock
from server.grid.optimisation.clusters import BATTERY, Clusters, Labels, Sessions
from server.grid.optimisation.prices import Prices, Tariff

# Of its capacity: a battery keeps as much for imbalance after the horizon, so that it can move either way
# then. One that holds less keeps what it has.
KEPT = 0.5
EXCEEDED_W = 1.0  # a limit that a plan exceeds by less is kept


@dataclass(frozen=True)
class HorizonForecast:
    """What is expected from the next step on: `net` demand [T] without controllable members but with thermal
    loads at their base, the `base` [k, T] of each thermal cluster, generation [T], EV sessions still to come,
    limits, the tariff, whether the net demand is tracked or follows the tariff (see `BalanceProblem`), the
    `blocks` of businesses that can be called, and the fraction `active` [k, T] of what thermal clusters could
    draw more that the weather allows (None: all)."""
    net: Floats
    base: Floats
    generation: Floats
    coming: Sessions
    limits: Sequence[GroupLimit] = ()
    tariff: Tariff | None = None
    tracked: bool = True
    blocks: Sequence[PlannableBlock] = ()
    active: Floats | None = None


@dataclass(frozen=True)
class PlannerOptions:
    """How plans are made.

    A new one is made `every` so many steps, and for each step where cars need much of the room below a limit;
    a `fixed` one is followed to its end. `reserve` is the fraction of each battery's span that is kept
    against forecast errors, `seconds` the solver's time, `block_seconds` the time for blocks after that,
    `window` the number of steps of departure that share a cluster. `ramp` is the fraction of its greatest
    power by which a cluster of sessions or thermal loads may change from step to step, so that loads are not
    all released at once; sessions under a tight limit are bounded by that. For `resolutions` see
    `disaggregation.StepOptions`.
    """
    hours: float = 0.25
    every: int = 4
    fixed: bool = False
    reserve: float = 0.0
    seconds: float = 10.0
    ratios: int = 2
    window: int = 8
    broadcast: bool = False
    ramp: float | None = None
    resolutions: Sequence[float] = ()
    prices: Prices = field(default_factory=Prices)
    block_seconds: float = 5.0


@dataclass
class Planner:
    """Plans for so many dispatch `groups`. `commitment` is who is called when by a plan that it has made,
    `unmet_wh` [n] what each session of the fleet lacks by it. `excess` [T] is by how much the plan exceeds
    each limit that it cannot keep, by the limit's key."""
    settings: PlannerOptions
    groups: int = 1
    plan: ClusterSchedule | None = None
    labels: Labels | None = None
    age: int = 0
    stale: int = 0
    commitment: Commitment | None = None
    unmet_wh: Floats | None = None
    excess: dict[str, Floats] = field(default_factory=dict)

    def step(self, fleet: disaggregation.Fleet, outlook: HorizonForecast,
             commandable: disaggregation.Commandable | None = None, stored: Floats | None = None,
             committed: disaggregation.Committed | None = None) -> disaggregation.MemberPowers:
        """The powers of the next step; a new plan is made first where one is due. Call it once a step.

        For `commandable` and `stored` see `disaggregation.StepOptions`. Members that are `committed` in
        this step take part in the plan.
        """
        members = fleet if committed is None else committed.fleet
        if self._is_due(members, outlook):
            self._renew(members, outlook)
        else:
            self.age += 1
        committed_w = np.zeros(self.groups) if committed is None else committed.by_group
        net = self._net(outlook) + float(committed_w.sum())
        options = disaggregation.StepOptions(
            hours=self.settings.hours,
            broadcast=self.settings.broadcast,
            limits=[_first_step(limit, committed_w, self.curtailed_w, self._excess_w(limit))
                    for limit in outlook.limits],
            commandable=commandable,
            resolutions=self.settings.resolutions,
            stored=stored,
        )
        if self.plan is None or self.labels is None or self.age >= self.plan.power.shape[1]:
            zero = np.zeros(self.groups)
            target = disaggregation.StepTarget(np.full(self.groups, np.inf), zero[:, None], zero, -net)
        else:
            target = disaggregation.step_target(self.plan, self.labels, self.groups, net, self.age)
            if committed is not None:
                target = disaggregation.without_committed(target, fleet, committed)
        return disaggregation.disaggregate(target, fleet, options)

    @property
    def curtailed_w(self) -> float:
        """What of the generation of the step the plan curtails, in W."""
        if self.plan is None or self.age >= len(self.plan.curtailed):
            return 0.0
        return float(self.plan.curtailed[self.age])

    def _net(self, outlook: HorizonForecast) -> float:
        """The net demand that a step is disaggregated for, in W: as it is expected now where it is tracked,
        else as it was planned, so that powers are the planned ones."""
        if outlook.tracked:
            return float(outlook.net[0])
        if self.plan is None or self.age >= self.plan.power.shape[1]:
            return 0.0
        step = self.age
        drawn = self.plan.power[:, step].sum() + self.plan.curtailed[step]
        return float(self.plan.imbalance[step] - drawn)

    def _is_due(self, fleet: disaggregation.Fleet, outlook: HorizonForecast) -> bool:
        """Whether a new plan has to be made before the next step."""
        if self.plan is None or self.age + 1 >= self.plan.power.shape[1]:
            return True
        if self.settings.fixed:
            return False
        return self.age + 1 >= self.settings.every or self._is_tight(fleet, outlook)

    def _is_tight(self, fleet: disaggregation.Fleet, outlook: HorizonForecast) -> bool:
        """Whether cars need much of the room below a limit. Then each step has a plan that knows the cars
        which have come since."""
        cars, chosen = self._cars(fleet, outlook)
        if not outlook.limits or not chosen.any():
            return False
        needs = clusters.sessions(
            cars.only(chosen), len(outlook.net), self.settings.hours, self.settings.window)[0]
        part = scarcity.needed_part(needs, outlook.limits, self.settings.hours)
        return bool(part.max() > scarcity.TIGHT)

    def _renew(self, fleet: disaggregation.Fleet, outlook: HorizonForecast) -> None:
        gathered = self.gathered(fleet, outlook)
        ramp = None
        if self.settings.ramp is not None:
            range_w = gathered.high.max(axis=1) - gathered.low.min(axis=1)
            part = scarcity.needed_part(gathered, outlook.limits, self.settings.hours)
            free = (gathered.kind == BATTERY) | (part > scarcity.TIGHT)
            ramp = np.where(free, np.inf, self.settings.ramp * range_w)
        problem = BalanceProblem(
            outlook.net,
            self.settings.hours,
            gathered,
            outlook.generation,
            outlook.limits,
            self.settings.prices,
            ramp,
            outlook.tariff,
            outlook.tracked,
        )
        schedule = nestedlimits.solve_nested(problem, self.settings.seconds)
        if schedule is not None and outlook.blocks:
            schedule = self._with_blocks(problem, outlook.blocks) or schedule
        if schedule is None:
            self.age += 1
            self.stale += 1
        else:
            self.plan, self.labels, self.age, self.stale = schedule, gathered.labels, 0, 0
            self.unmet_wh = self._session_unmet(fleet, outlook, schedule)
            self.excess = planned_excess(schedule, gathered.labels, outlook.limits)

    def _excess_w(self, limit: GroupLimit) -> float:
        """What the plan exceeds a limit by in the step, signed."""
        excess_w = self.excess.get(limit.key)
        return 0.0 if excess_w is None or self.age >= len(excess_w) else float(excess_w[self.age])

    def _session_unmet(
        self, fleet: disaggregation.Fleet, outlook: HorizonForecast, schedule: ClusterSchedule
    ) -> Floats:
        """[n]: what each session of the fleet will leave without, in Wh."""
        cars, chosen = self._cars(fleet, outlook)
        label = clusters.sessions(
            cars.only(chosen), len(outlook.net), self.settings.hours, self.settings.window)[1]
        unmet_wh = np.zeros(len(cars.need))
        unmet_wh[chosen] = unmetenergy.by_session(np.array(schedule.unmet), label, cars.only(chosen))
        return unmet_wh[:len(fleet.sessions.need)]

    @staticmethod
    def _cars(fleet: disaggregation.Fleet, outlook: HorizonForecast) -> tuple[Sessions, Bools]:
        """The sessions of the fleet and those to come, and the mask of those that are planned for."""
        cars = fleet.sessions.joined(outlook.coming)
        return cars, (cars.depart > 0) & (cars.need > 0)

    def _with_blocks(
        self, problem: BalanceProblem, blocks: Sequence[PlannableBlock]
    ) -> ClusterSchedule | None:
        """Decide who is called when, and return the schedule around that; None where nobody is called."""
        self.commitment = blockprogram.commit(problem, blocks, self.settings.block_seconds)
        if self.commitment is None or not self.commitment.power.any():
            return None
        left = blockprogram.without(problem, self.commitment.power, blocks)
        return nestedlimits.solve_nested(left, self.settings.seconds)

    def gathered(self, fleet: disaggregation.Fleet, outlook: HorizonForecast) -> Clusters:
        """The fleet, and the EV sessions that are still to come, in clusters."""
        horizon, chosen = len(outlook.net), self.settings
        cars, planned = self._cars(fleet, outlook)
        cars = cars.only(planned)
        parts = [clusters.sessions(cars, horizon, chosen.hours, chosen.window)[0],
                 clusters.thermals(fleet.thermals, outlook.base, outlook.active)[0]]
        if len(fleet.batteries.energy):
            end = np.minimum(fleet.batteries.energy, KEPT * fleet.batteries.most)
            batteries = clusters.batteries(fleet.batteries, horizon, chosen.ratios, end)[0]
            parts.append(clusters.with_reserve(batteries, chosen.reserve, chosen.every))
        return clusters.concatenate(*parts)


def planned_excess(
    schedule: ClusterSchedule, labels: Labels, limits: Sequence[GroupLimit]
) -> dict[str, Floats]:
    """Return [T], by the key of each limit that a schedule does not keep: the W above its most (+) or below
    its least (-)."""
    excess = {}
    for limit in limits:
        drawn_w = limit.drawn(schedule, labels.group)
        beyond_w = np.maximum(drawn_w - limit.most, 0.0) + np.minimum(drawn_w - limit.least, 0.0)
        if np.abs(beyond_w).max(initial=0.0) > EXCEEDED_W:
            excess[limit.key] = beyond_w
    return excess


def _first_step(limit: GroupLimit, committed_w: Floats, curtailed_w: float, excess_w: float) -> GroupLimit:
    """A limit in the next step only, with what committed members draw in each group [g], what of all
    generation is curtailed, and what the plan exceeds the limit by."""
    return replace(
        limit,
        most=float(np.ravel(limit.most)[0]),
        least=float(np.ravel(limit.least)[0]),
        net=(limit.net[:1] + committed_w[list(limit.groups)].sum() - limit.ordered
             + limit.generation * curtailed_w),
        excess=excess_w,
    )
