"""The linear program that keeps a group in balance, and the plan that comes of it. Pure.

Consumption is positive, in W. The imbalance of a step is

    net (load that nobody moves - generation - scheduled supply) + the clusters' powers + generation curtailed

and what is least is the sum of its cost, a polygon close to its square, of its greatest magnitude, and of all
that is soft: the energy wanted at the end, the limits of virtual DERs. Generation is curtailed for less than
what a round trip through a battery wastes, so that no battery is made to charge and discharge at once; it
takes no binaries.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from server.grid.optimisation.arrays import Floats, Whole, np
from server.grid.optimisation.clusters import BATTERY, Clusters
from server.grid.optimisation.linearprogram import FAILED, Model, Solution


@dataclass(frozen=True)
class CostWeights:
    """What is worth how much. The unit is the cost of an hour's imbalance of the greatest magnitude there
    would be without control; energies count in that magnitude times an hour. `track` is that cost itself: 0
    where nobody asks for balance, only for what is cheap."""
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
    injection is negative. `groups` are the leaves below it, `net` [T] what they draw and generate without any
    control."""
    groups: Sequence[int]
    most: Floats | float
    least: Floats | float
    net: Floats


@dataclass(frozen=True)
class BalanceProblem:
    """What a plan is made for: `net` [T] in W, the clusters, generation that could be curtailed [T], limits;
    `ramp` [k] is by how many W each cluster may change from step to step, where that is bounded and it can.
    `price` [T] is what an hour's draw of the greatest imbalance costs, in the unit of `prices`."""
    net: Floats
    hours: float
    clusters: Clusters
    generation: Floats | float = 0.0
    limits: Sequence[GroupLimit] = ()
    prices: CostWeights = field(default_factory=CostWeights)
    ramp: Floats | None = None
    price: Floats | float = 0.0


class ClusterSchedule(NamedTuple):
    """`power` [k, T] of the clusters and `energy` [k, T] after each step; `curtailed` [T], `imbalance` [T]
    left, all in W or Wh; `exceeded` is by how much each limit is broken at most; `status` as the solver has
    it."""
    power: Floats
    energy: Floats
    curtailed: Floats
    imbalance: Floats
    exceeded: tuple[float, ...]
    status: str


def solve(
    problem: BalanceProblem, seconds: float = np.inf, method: str = "simplex"
) -> ClusterSchedule | None:
    """The plan, or None if the solver found none in so many seconds: whoever calls keeps the one before, and
    says so."""
    unit = float(np.abs(problem.net).max(initial=0.0)) or float(
        np.abs(problem.clusters.high).sum(axis=0).max(initial=0.0)
    )
    unit = max(unit, 1.0)
    model = Model()
    made = _ProgramColumns(model, problem, unit)
    solution = model.solve(seconds, method=method)
    return None if solution.values is None else made.plan(solution)


class _ProgramColumns:
    """The program's columns, all powers in units of the greatest imbalance."""

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
        """The clusters' powers in rows, one for each of these steps."""
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
        wanted = np.flatnonzero(~np.isnan(self.problem.clusters.end))
        target = self.problem.clusters.end[wanted] / self.unit
        rows = model.rows((len(wanted),), target, target)
        model.term(rows, self.energy[wanted, -1])
        model.term(rows, model.columns((len(wanted),), cost=self.problem.prices.end))
        model.term(rows, model.columns((len(wanted),)), -1.0)

    def _imbalance(self, model: Model, balance: Whole) -> None:
        """Its magnitude in segments, ever dearer: narrow ones where it is small, as that is where a plan
        leaves it."""
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
        # A car that has to charge at full power until it leaves, or a load that is switched, is not held up
        # by it.
        over = model.columns((2, *rows.shape), cost=self.problem.hours * self.problem.prices.ramp)
        model.term(rows, over[0], -1.0)
        model.term(rows, over[1])
        lossy = np.isin(bounded, self.lossy)
        given = self.give[np.isin(self.lossy, bounded)]
        for sign, steps in ((1.0, slice(1, None)), (-1.0, slice(None, -1))):
            model.term(rows, self.take[bounded][:, steps], sign)
            model.term(rows[lossy], given[:, steps], -sign)

    def _limits(self, model: Model) -> None:
        """Rows only for the steps in which the limit could be broken at all."""
        clusters = self.problem.clusters
        self.over = []
        for limit in self.problem.limits:
            inside = np.flatnonzero(np.isin(clusters.group, limit.groups))
            least, most = limit.least - limit.net, limit.most - limit.net
            near = np.flatnonzero(
                (clusters.low[inside].sum(axis=0) < least) | (clusters.high[inside].sum(axis=0) > most)
            )
            rows = model.rows((len(near),), least[near] / self.unit, most[near] / self.unit)
            self._sum(model, rows, inside, near)
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
