"""The linear program that keeps an area in balance, and the schedule that it yields. Pure.

Consumption is positive, in W. The imbalance of a step is

    net (uncontrolled load - generation - scheduled supply) + the clusters' powers + generation curtailed

The objective is the sum of its cost (a polygon close to its square), its greatest magnitude, and the soft
terms: the target energy at the end, and the limits of virtual DERs. Curtailment costs less than the losses of
a round trip through a battery, so that no battery charges and discharges at once; no binaries are needed.
"""
from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from server.grid.optimisation.arrays import Floats, Whole, np
from server.grid.optimisation.clusters import BATTERY, Clusters
from server.grid.optimisation.linearprogram import FAILED, Model, Solution


@dataclass(frozen=True)
class CostWeights:
    """Weights of the objective.

    The unit is the cost of one hour of the greatest imbalance without control; energies count in that
    magnitude times an hour. `track` is that cost itself: 0 where only price matters, not balance.
    """
    peak: float = 1.0
    curtail: float = 0.004
    wear: float = 0.003
    move: float = 0.0005
    end: float = 1.5
    limit: float = 20.0
    ramp: float = 5.0
    track: float = 1.0
    polygon: int = 12


@dataclass(frozen=True)
class GroupLimit:
    """A virtual DER that may not draw more than `most` nor less than `least`, [T] in W or one number;
    injection is negative. `groups` are the dispatch groups below it, `net` [T] their load less generation
    without control."""
    groups: Sequence[int]
    most: Floats | float
    least: Floats | float
    net: Floats


@dataclass(frozen=True)
class BalanceProblem:
    """What is planned for: `net` demand [T] in W, the clusters, generation that can be curtailed [T], limits.

    `ramp` [k] is by how many W each cluster may change from step to step; infinite where it is not bounded.
    `price` [T] is the cost of drawing the greatest imbalance for an hour, in the unit of `prices`.
    """
    net: Floats
    hours: float
    clusters: Clusters
    generation: Floats | float = 0.0
    limits: Sequence[GroupLimit] = ()
    prices: CostWeights = field(default_factory=CostWeights)
    ramp: Floats | None = None
    price: Floats | float = 0.0


class ClusterSchedule(NamedTuple):
    """The `power` [k, T] of the clusters in W, their `energy` [k, T] after each step in Wh, generation
    `curtailed` [T] and the remaining `imbalance` [T] in W. `exceeded` is the most by which each limit is
    exceeded, in W; `status` is the solver's."""
    power: Floats
    energy: Floats
    curtailed: Floats
    imbalance: Floats
    exceeded: tuple[float, ...]
    status: str


def solve(
    problem: BalanceProblem, seconds: float = math.inf, method: str = "simplex"
) -> ClusterSchedule | None:
    """The schedule, or None if the solver found none in `seconds`: the caller keeps the one before."""
    unit = float(np.abs(problem.net).max(initial=0.0)) or float(
        np.abs(problem.clusters.high).sum(axis=0).max(initial=0.0)
    )
    unit = max(unit, 1.0)
    model = Model()
    columns = _ProgramColumns(model, problem, unit)
    solution = model.solve(seconds, method=method)
    return None if solution.values is None else columns.plan(solution)


class _ProgramColumns:
    """The columns and rows of the program, all powers in units of the greatest imbalance."""

    def __init__(self, model: Model, problem: BalanceProblem, unit: float) -> None:
        self.problem, self.unit = problem, unit
        clusters, prices, hours = problem.clusters, problem.prices, problem.hours
        steps, size = len(problem.net), len(clusters)
        self.lossy = np.flatnonzero(clusters.efficiency < 1)
        battery = (clusters.kind == BATTERY)[:, None]
        price = np.broadcast_to(np.asarray(problem.price, dtype=float), (steps,))
        split = np.zeros((size, 1), dtype=bool)
        split[self.lossy] = True
        self.take = model.columns(
            (size, steps),
            np.where(split, np.maximum(clusters.low, 0), clusters.low) / unit,
            clusters.high / unit,
            hours * (np.where(battery, prices.wear, 0.0) + price),
        )
        self.give = model.columns(
            (len(self.lossy), steps),
            0,
            np.maximum(-clusters.low[self.lossy], 0) / unit,
            hours * (prices.wear - price),
        )
        self.energy = model.columns((size, steps), clusters.least / unit, clusters.most / unit)
        self.curtail = model.columns((steps,), 0, np.maximum(problem.generation, 0) / unit,
                                     hours * (prices.curtail + price))
        self._dynamics(model)
        self._end(model)
        balance = model.rows((steps,), -problem.net / unit, -problem.net / unit)
        self._sum(model, balance, np.arange(size), np.arange(steps))
        model.term(balance, self.curtail)
        self._imbalance(model, balance)
        self._limits(model)
        if problem.ramp is not None:
            self._ramp(model, problem.ramp / unit)

    def _sum(self, model: Model, rows: Whole, clusters: Whole, steps: Whole) -> None:
        """Add the powers of clusters to rows, one for each of these steps."""
        model.term(rows, self.take[clusters][:, steps])
        model.term(rows, self.give[np.isin(self.lossy, clusters)][:, steps], -1.0)

    def _dynamics(self, model: Model) -> None:
        """energy after = keep · energy before + (efficiency · taken - given / efficiency) · hours."""
        clusters, hours = self.problem.clusters, self.problem.hours
        begin = np.zeros(self.take.shape)
        begin[:, :1] = (clusters.keep * clusters.start / self.unit)[:, None]
        rows = model.rows(self.take.shape, begin, begin)
        efficiency = clusters.efficiency[:, None]
        model.term(rows, self.energy)
        model.term(rows[:, 1:], self.energy[:, :-1], -clusters.keep[:, None])
        model.term(rows, self.take, -efficiency * hours)
        model.term(rows[self.lossy], self.give, hours / efficiency[self.lossy])

    def _end(self, model: Model) -> None:
        targeted = np.flatnonzero(~np.isnan(self.problem.clusters.end))
        target = self.problem.clusters.end[targeted] / self.unit
        rows = model.rows((len(targeted),), target, target)
        model.term(rows, self.energy[targeted, -1])
        model.term(rows, model.columns((len(targeted),), cost=self.problem.prices.end))
        model.term(rows, model.columns((len(targeted),)), -1.0)

    def _imbalance(self, model: Model, balance: Whole) -> None:
        """The magnitude of the imbalance in segments of rising cost: narrow ones where it is small, since a
        plan leaves it there."""
        prices, steps = self.problem.prices, len(balance)
        edges = np.linspace(0, 1, prices.polygon + 1) ** 1.5
        slopes = (edges[1:] + edges[:-1]) * self.problem.hours * prices.track
        widths = np.diff(edges)
        widths[-1] = np.inf
        peak = model.columns((1,), cost=prices.peak * prices.track)
        magnitude = model.rows((steps,), -np.inf, 0)
        model.term(magnitude, np.broadcast_to(peak, (steps,)), -1.0)
        for sign in (1.0, -1.0):
            segments = model.columns((steps, prices.polygon), 0, widths, slopes)
            model.term(balance[:, None], segments, -sign)
            model.term(magnitude[:, None], segments)

    def _ramp(self, model: Model, most: Floats) -> None:
        bounded = np.flatnonzero(np.isfinite(most))
        rows = model.rows((len(bounded), self.take.shape[1] - 1), -most[bounded, None], most[bounded, None])
        # Soft: an EV that has to charge at full power until it leaves, or a load that is switched, may exceed
        # it.
        over = model.columns((2, *rows.shape), cost=self.problem.hours * self.problem.prices.ramp)
        model.term(rows, over[0], -1.0)
        model.term(rows, over[1])
        lossy = np.isin(bounded, self.lossy)
        give = self.give[np.isin(self.lossy, bounded)]
        for sign, steps in ((1.0, slice(1, None)), (-1.0, slice(None, -1))):
            model.term(rows, self.take[bounded][:, steps], sign)
            model.term(rows[lossy], give[:, steps], -sign)

    def _limits(self, model: Model) -> None:
        """Rows for the steps in which a limit could be exceeded."""
        clusters = self.problem.clusters
        self.over = []
        for limit in self.problem.limits:
            members = np.flatnonzero(np.isin(clusters.group, limit.groups))
            least, most = limit.least - limit.net, limit.most - limit.net
            near = np.flatnonzero(
                (clusters.low[members].sum(axis=0) < least) | (clusters.high[members].sum(axis=0) > most)
            )
            rows = model.rows((len(near),), least[near] / self.unit, most[near] / self.unit)
            self._sum(model, rows, members, near)
            over = model.columns((2, len(near)), cost=self.problem.hours * self.problem.prices.limit)
            model.term(rows, over[0], -1.0)
            model.term(rows, over[1])
            self.over.append(over)

    def plan(self, solution: Solution) -> ClusterSchedule:
        values = solution.values if solution.values is not None else np.zeros(0)
        power = values[self.take] * self.unit
        power[self.lossy] -= values[self.give] * self.unit
        curtailed = values[self.curtail] * self.unit
        return ClusterSchedule(
            power,
            values[self.energy] * self.unit,
            curtailed,
            self.problem.net + power.sum(axis=0) + curtailed,
            tuple(float(values[over].max(initial=0.0) * self.unit) for over in self.over),
            solution.status,
        )


__all__ = ["FAILED", "BalanceProblem", "ClusterSchedule", "CostWeights", "GroupLimit", "solve"]
