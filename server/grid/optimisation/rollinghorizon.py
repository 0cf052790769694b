"""Plan again and again as time goes on, and let each step be carried out by what is known then. Pure.

Consumption is positive, in W. The planner keeps its last plan: where the solver finds none in time, that one
stands, and `stale` says for how many steps.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from server.grid.optimisation import clusters, disaggregation, nestedlimits
from server.grid.optimisation.arrays import Floats, np
from server.grid.optimisation.balanceprogram import BalanceProblem, ClusterSchedule, CostWeights, GroupLimit
from server.grid.optimisation.clusters import BATTERY, Clusters, Labels, Sessions


@dataclass(frozen=True)
class HorizonForecast:
    """What is expected from the next step on: `net` [T] without anything that can be moved but with thermal
    loads as they would be, each thermal cluster's `base` [k, T], generation [T], cars that are still to come,
    limits, and the price (see `Problem`)."""
    net: Floats
    base: Floats
    generation: Floats
    coming: Sessions
    limits: Sequence[GroupLimit] = ()
    price: Floats | float = 0.0


@dataclass(frozen=True)
class PlannerOptions:
    """How plans are made: `every` so many steps, `reserve` the part of each battery's span that is kept for
    what the forecast does not see, `seconds` the solver's time, `window` the steps of departure that share a
    cluster, `ramp` the part of its greatest power by which what cars, and thermal loads, of a cluster draw
    may change from step to step: nothing is released all at once. For `finest` see `steps.Manner`."""
    hours: float = 0.25
    every: int = 4
    reserve: float = 0.0
    seconds: float = 10.0
    ratios: int = 2
    window: int = 8
    broadcast: bool = False
    ramp: float | None = None
    finest: Sequence[float] = ()
    prices: CostWeights = field(default_factory=CostWeights)


@dataclass
class Planner:
    """Plans for `groups` leaves. `end` is the state of charge that batteries are to have at the end of the
    horizon, a fraction of what they hold; None for what they have."""
    settings: PlannerOptions
    groups: int = 1
    end: float | None = None
    plan: ClusterSchedule | None = None
    labels: Labels | None = None
    age: int = 0
    stale: int = 0

    def step(self, fleet: disaggregation.Fleet, outlook: HorizonForecast,
             sayable: Callable[[Floats], Floats] | None = None, stored: Floats | None = None,
             busy: disaggregation.Committed | None = None) -> disaggregation.MemberPowers:
        """The powers of the next step; a new plan first, where it is time for one. Call it once a step. For
        `sayable` and `stored` see `steps.Manner`; who is `busy` in this step takes part in the plan."""
        due = (
            self.plan is None
            or self.age + 1 >= self.settings.every
            or self.age + 1 >= self.plan.power.shape[1]
        )
        if due:
            self._renew(fleet if busy is None else busy.fleet, outlook)
        else:
            self.age += 1
        net, limits = (
            float(outlook.net[0]) + (busy.total if busy else 0.0),
            [_first_step(limit) for limit in outlook.limits],
        )
        how = disaggregation.StepOptions(
            self.settings.hours, self.settings.broadcast, limits, sayable, self.settings.finest, stored
        )
        if self.plan is None or self.labels is None or self.age >= self.plan.power.shape[1]:
            zero = np.zeros(self.groups)
            asked = disaggregation.StepTarget(np.full(self.groups, np.inf), zero[:, None], zero, -net)
        else:
            asked = disaggregation.step_target(self.plan, self.labels, self.groups, net, self.age)
            if busy is not None:
                asked = disaggregation.without_committed(asked, fleet, busy)
        return disaggregation.disaggregate(asked, fleet, how)

    def _renew(self, fleet: disaggregation.Fleet, outlook: HorizonForecast) -> None:
        made = self.gathered(fleet, outlook)
        ramp = None if self.settings.ramp is None else np.where(
            made.kind == BATTERY, np.inf, self.settings.ramp * (made.high.max(axis=1) - made.low.min(axis=1)))
        found = nestedlimits.solve_nested(
            BalanceProblem(
                outlook.net,
                self.settings.hours,
                made,
                outlook.generation,
                outlook.limits,
                self.settings.prices,
                ramp,
                outlook.price,
            ),
            self.settings.seconds,
        )
        if found is None:
            self.age += 1
            self.stale += 1
        else:
            self.plan, self.labels, self.age, self.stale = found, made.labels, 0, 0

    def gathered(self, fleet: disaggregation.Fleet, outlook: HorizonForecast) -> Clusters:
        """The fleet, and the cars that are still to come, in clusters."""
        horizon, chosen = len(outlook.net), self.settings
        cars = fleet.sessions.joined(outlook.coming)
        cars = cars.only((cars.depart > 0) & (cars.need > 0))
        parts = [clusters.sessions(cars, horizon, chosen.hours, chosen.window)[0],
                 clusters.thermals(fleet.thermals, outlook.base)[0]]
        if len(fleet.batteries.energy):
            end = None if self.end is None else self.end * fleet.batteries.most
            stores = clusters.batteries(fleet.batteries, horizon, chosen.ratios, end)[0]
            parts.append(clusters.with_reserve(stores, chosen.reserve, chosen.every))
        return clusters.concatenate(*parts)


def _first_step(limit: GroupLimit) -> GroupLimit:
    """A limit in the next step alone."""
    return replace(
        limit, most=float(np.ravel(limit.most)[0]), least=float(np.ravel(limit.least)[0]), net=limit.net[:1]
    )
