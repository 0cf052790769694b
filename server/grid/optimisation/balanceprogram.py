"""The linear program that keeps an area in balance, and the schedule that it yields. Pure.

Consumption is positive, in W. The imbalance of a step is

    net (uncontrolled load - generation - scheduled supply) + the clusters' powers + generation curtailed

The objective is money (see `prices`): the cost of the imbalance (a polygon close to its square) and of its
greatest magnitude, the bill, wear, lateness, and what cannot be kept: limits, energy needed, ramps. Stored
energy that is missing at the end costs what it is worth (see `balanceproblem.worth`).
"""
from __future__ import annotations

import math
import time
from typing import NamedTuple

from server.grid.optimisation import scarcity
from server.grid.optimisation.arrays import Floats, Whole, np
from server.grid.optimisation.balanceproblem import BalanceProblem, ClusterSchedule, GroupLimit, worth
from server.grid.optimisation.clusters import BATTERY, SESSION, THERMAL
from server.grid.optimisation.linearprogram import Model, Solution

SEGMENTS = 12  # of the polygon, on each side: a plan's RMS is then within a thousandth of the square's
NEGLIGIBLE_W = 1.0  # as a share of batteries' power in a wrong direction, or beyond a limit


def solve(
    problem: BalanceProblem, seconds: float = math.inf, method: str = "simplex"
) -> ClusterSchedule | None:
    """The schedule, or None if the solver found none in `seconds`: the caller keeps the one before.

    First what cars and comfort need is a bound. Only where limits are then exceeded it is priced, below them,
    which takes a program half as large again. Then, where a battery charges and discharges at once, to burn a
    surplus with its losses, each step of each battery is held to the direction of its net power, and the
    program is solved again from there: no binaries are needed.
    """
    deadline = time.monotonic() + seconds
    first = _attempt(problem, False, seconds, method)
    if first is None:
        return None
    priced = None
    if max(first.schedule.exceeded, default=0.0) > NEGLIGIBLE_W:
        priced = _attempt(problem, True, deadline - time.monotonic(), method)
    attempt = priced or first
    wrong = attempt.columns.wrong_directions(attempt.solution, attempt.schedule)
    if not len(wrong):
        return attempt.schedule
    held = attempt.model.solve_without(wrong, max(deadline - time.monotonic(), 0.0))
    return attempt.schedule if held.values is None else attempt.columns.schedule(held)


class _Attempt(NamedTuple):
    """A program that was solved."""
    model: Model
    columns: ProgramColumns
    solution: Solution
    schedule: ClusterSchedule


def _attempt(problem: BalanceProblem, soft: bool, seconds: float, method: str) -> _Attempt | None:
    """The program, with needs priced where they are `soft`; None where no solution is found in time."""
    model = Model()
    columns = ProgramColumns(model, problem, soft)
    solution = model.solve(max(seconds, 0.0), method=method)
    if solution.values is None:
        return None
    return _Attempt(model, columns, solution, columns.schedule(solution))


class ProgramColumns:
    """The columns and rows of the program, all powers in units of the problem's reference. Costs are prices
    per kWh (or kW): the objective is money, divided by the reference in kW."""

    def __init__(self, model: Model, problem: BalanceProblem, soft: bool) -> None:
        self.problem, self.unit, self.priced = problem, problem.reference_w, soft
        clusters, steps, size = problem.clusters, len(problem.net), len(problem.clusters)
        split = (clusters.efficiency < 1) | (clusters.kind == BATTERY)
        if problem.tariff is not None:
            split |= clusters.kind == THERMAL
        self.split = np.flatnonzero(split)
        limited = [group for limit in problem.limits for group in limit.groups]
        self.soft = np.flatnonzero(soft & (clusters.kind != BATTERY) & np.isin(clusters.group, limited))
        take_cost, give_cost, curtail_cost = self._costs()
        self.take = model.columns(
            (size, steps),
            np.where(split[:, None], np.maximum(clusters.low, 0), clusters.low) / self.unit,
            clusters.high / self.unit,
            take_cost,
        )
        self.give = model.columns(
            (len(self.split), steps), 0, np.maximum(-clusters.low[self.split], 0) / self.unit, give_cost
        )
        least = clusters.least.copy()
        least[self.soft] = np.where(clusters.kind[self.soft] == SESSION, 0.0, -np.inf)[:, None]
        self.energy = model.columns((size, steps), least / self.unit, clusters.most / self.unit)
        self.curtail = model.columns((steps,), 0, np.maximum(problem.generation, 0) / self.unit, curtail_cost)
        self._dynamics(model)
        self._needs(model)
        self._end(model)
        self.balance = balance = model.rows((steps,), -problem.net / self.unit, -problem.net / self.unit)
        self._sum(model, balance, np.arange(size), np.arange(steps))
        if problem.tracked:
            model.term(balance, self.curtail)
        self._imbalance(model, balance)
        self._tariff(model)
        self._limits(model)
        if problem.ramp is not None:
            self._ramp(model, problem.ramp / self.unit)

    def _costs(self) -> tuple[Floats, Floats, Floats]:
        """The cost of what clusters take [k, T] and give [split, T], and of curtailing [T]."""
        problem, clusters, prices = self.problem, self.problem.clusters, self.problem.prices
        wears = np.isin(np.arange(len(clusters)), self.split)[:, None] & (clusters.kind != SESSION)[:, None]
        take = np.where(wears, prices.wear, 0.0) + np.zeros(clusters.low.shape)
        part = scarcity.needed_part(clusters, problem.limits, problem.hours)
        late = np.where(clusters.kind == SESSION, prices.lateness + prices.scarcity * part ** 2, 0.0)
        take += late[:, None] * problem.hours * np.arange(clusters.steps)
        give = np.full((len(self.split), clusters.steps), prices.wear)
        curtail: Floats | float = prices.curtailment
        if problem.tariff is not None:
            curtail = prices.premium
            if problem.tariff.single:
                take, give = take + problem.tariff.buy, give - problem.tariff.buy
                curtail = curtail + problem.tariff.sell
        return problem.hours * take, problem.hours * give, problem.hours * np.asarray(curtail)

    def _sum(self, model: Model, rows: Whole, clusters: Whole, steps: Whole) -> None:
        """Add the powers of clusters to rows, one for each of these steps."""
        model.term(rows, self.take[clusters][:, steps])
        model.term(rows, self.give[np.isin(self.split, clusters)][:, steps], -1.0)

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
        model.term(rows[self.split], self.give, hours / efficiency[self.split])

    def _needs(self, model: Model) -> None:
        """What cars need and comfort asks for, priced under a limit: one column of unmet energy a cluster. A
        row for each step at whose end more is needed than before."""
        clusters = self.problem.clusters
        self.unmet = model.columns((len(self.soft),), cost=self.problem.prices.unserved)
        before = np.concatenate((np.zeros((len(self.soft), 1)), clusters.least[self.soft, :-1]), axis=1)
        cars = (clusters.kind[self.soft] == SESSION)[:, None]
        number, step = np.nonzero(np.where(cars, clusters.least[self.soft] > before, True))
        needed = clusters.least[self.soft[number], step] / self.unit
        rows = model.rows((len(number),), needed, np.inf)
        model.term(rows, self.energy[self.soft[number], step])
        model.term(rows, self.unmet[number])

    def _end(self, model: Model) -> None:
        """Stored energy at the end: what is missing costs what it is worth."""
        clusters = self.problem.clusters
        storing = np.flatnonzero(~np.isnan(clusters.end))
        kept, held, added = (part[storing] for part in worth(self.problem))
        end = clusters.end[storing] / self.unit
        beyond = np.maximum(clusters.start[storing] / self.unit - end, 0)
        beyond[clusters.kind[storing] != BATTERY] = 0
        rows = model.rows(end.shape, end + beyond, end + beyond)
        model.term(rows, self.energy[storing, -1])
        model.term(rows, model.columns(end.shape, cost=kept))
        model.term(rows, model.columns(end.shape, high=beyond, cost=held))
        model.term(rows, model.columns(end.shape, cost=-added), -1.0)

    def _imbalance(self, model: Model, balance: Whole) -> None:
        """The magnitude of the imbalance in segments of rising cost: narrow ones where it is small, since a
        plan leaves it there. The peak of an area that follows a price is that of its import."""
        problem, prices, steps = self.problem, self.problem.prices, len(balance)
        square, peak_price = (
            (prices.imbalance, prices.peak) if problem.tracked else (prices.spread, prices.demand))
        edges = np.linspace(0, 1, SEGMENTS + 1) ** 1.5
        slopes = (edges[1:] + edges[:-1]) * problem.hours * square
        widths = np.diff(edges)
        widths[-1] = np.inf
        peak = model.columns((1,), cost=peak_price)
        magnitude = model.rows((steps,), -np.inf, 0)
        model.term(magnitude, np.broadcast_to(peak, (steps,)), -1.0)
        for sign in (1.0, -1.0):
            segments = model.columns((steps, SEGMENTS), 0, widths, slopes)
            model.term(balance[:, None], segments, -sign)
            if problem.tracked or sign > 0:
                model.term(magnitude[:, None], segments)

    def _tariff(self, model: Model) -> None:
        """The bill where it depends on the direction of the exchange; otherwise powers carry it. And the
        warmth that leaks less because a thermal load is below its set point: that is comfort lost and saves
        nothing."""
        problem = self.problem
        if problem.tariff is None:
            return
        buy, sell, load = problem.tariff
        if not problem.tariff.single:
            rows = model.rows((len(load),), load / self.unit, load / self.unit)
            model.term(rows, model.columns((len(load),), cost=problem.hours * buy))
            model.term(rows, model.columns((len(load),), cost=-problem.hours * sell), -1.0)
            model.term(rows, self.curtail, -1.0)
            model.term(rows, self.take, -1.0)
            model.term(rows, self.give, 1.0)
        thermal = np.flatnonzero(problem.clusters.kind == THERMAL)
        leak = (1 - problem.clusters.keep[thermal])[:, None]
        cold = model.rows((len(thermal), len(load)), 0, np.inf)
        model.term(cold, self.energy[thermal])
        later = np.append(buy[1:], buy[-1:])
        model.term(cold, model.columns(cold.shape, cost=leak * np.maximum(later, 0)))

    def _ramp(self, model: Model, most: Floats) -> None:
        bounded = np.flatnonzero(np.isfinite(most))
        rows = model.rows((len(bounded), self.take.shape[1] - 1), -most[bounded, None], most[bounded, None])
        # Soft: an EV that has to charge at full power until it leaves, or a load that is switched, may exceed
        # it.
        over = model.columns((2, *rows.shape), cost=self.problem.hours * self.problem.prices.ramp)
        model.term(rows, over[0], -1.0)
        model.term(rows, over[1])
        split = np.isin(bounded, self.split)
        give = self.give[np.isin(self.split, bounded)]
        for sign, steps in ((1.0, slice(1, None)), (-1.0, slice(None, -1))):
            model.term(rows, self.take[bounded][:, steps], sign)
            model.term(rows[split], give[:, steps], -sign)

    def _limits(self, model: Model) -> None:
        """Rows for the steps in which a limit could be exceeded; the sum and the worst of its excess cost."""
        clusters, prices = self.problem.clusters, self.problem.prices
        self.over = []
        self.limited: list[tuple[GroupLimit, Whole, Whole]] = []
        for limit in self.problem.limits:
            members = np.flatnonzero(np.isin(clusters.group, limit.groups))
            least, most = limit.least - limit.net, limit.most - limit.net
            near = np.flatnonzero(
                (clusters.low[members].sum(axis=0) < least) | (clusters.high[members].sum(axis=0) > most)
            )
            rows = model.rows((len(near),), least[near] / self.unit, most[near] / self.unit)
            self._sum(model, rows, members, near)
            if limit.generation:
                model.term(rows, self.curtail[near], limit.generation)
            over = model.columns((2, len(near)), cost=self.problem.hours * prices.limit)
            model.term(rows, over[0], -1.0)
            model.term(rows, over[1])
            self.over.append(over)
            self.limited.append((limit, near, rows))
            if not self.priced:
                continue
            worst = model.rows((len(near),), -np.inf, 0)
            model.term(worst, over)
            model.term(worst, np.broadcast_to(model.columns((1,), cost=prices.limit_peak), worst.shape), -1.0)

    def wrong_directions(self, solution: Solution, schedule: ClusterSchedule) -> Whole:
        """The columns to close where a battery charges and discharges at once in any step: of each step of
        each battery the direction against its net power, or, where that is 0, against the area's net
        demand."""
        assert solution.values is not None
        batteries = np.flatnonzero(self.problem.clusters.kind == BATTERY)
        take, give = self.take[batteries], self.give[np.isin(self.split, batteries)]
        both = np.minimum(solution.values[take], solution.values[give]) * self.unit
        if both.max(initial=0.0) <= NEGLIGIBLE_W:
            return np.zeros(0, dtype=np.intp)
        power = schedule.power[batteries]
        charges = np.where(np.abs(power) > NEGLIGIBLE_W, power > 0, self.problem.net < 0)
        return np.where(charges, give, take).ravel()

    def schedule(self, solution: Solution) -> ClusterSchedule:
        values = solution.values if solution.values is not None else np.zeros(0)
        power = values[self.take] * self.unit
        power[self.split] -= values[self.give] * self.unit
        curtailed = values[self.curtail] * self.unit
        unmet = np.zeros(len(power))
        unmet[self.soft] = values[self.unmet] * self.unit
        return ClusterSchedule(
            power,
            values[self.energy] * self.unit,
            curtailed,
            self.problem.net + power.sum(axis=0) + curtailed,
            tuple(max(float(values[over].max(initial=0.0) * self.unit) - limit.margin, 0.0)
                  for over, (limit, _, _) in zip(self.over, self.limited, strict=True)),
            solution.status,
            tuple(unmet.tolist()),
        )
