"""Blocks of businesses in a plan: who is called when, beside the linear program of an area. Pure.

Each block and step is a binary decision under its contract: lengths, rest, events a day and season, hours.
Blocks are decided one at a time, exactly (`blockschedule`), and the linear program says after each what the
whole plan costs; it stands where no better plan is found in time. How far that is from the best at most says
the linear program in which any part of a block can be called. (All binaries in one integer program cost 1 to
10 % more after a minute than this after two seconds, with 10 to 20 blocks.)
Powers are magnitudes in W by which more is injected; prices are money.
"""
from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from server.grid.optimisation.arrays import Floats, Whole, np
from server.grid.optimisation.balanceproblem import BalanceProblem, GroupLimit
from server.grid.optimisation.balanceprogram import ProgramColumns
from server.grid.optimisation.blockschedule import CallRules, best_calls
from server.grid.optimisation.linearprogram import Model

ROUNDS = 4  # in which every block is decided anew beside the others
_TURN = 1e-6  # the cost of each earlier call, so that equals take turns
_LEAST_GAIN = 1e-6  # in money: a smaller one is the solver's tolerance


@dataclass(frozen=True, kw_only=True)
class PlannableBlock:
    """A block over T steps: `power_w`, of a generator down to `least_power_w`.

    It costs `price_kwh` and `price_event`. `turn` is how often it was called, `group` the index of its
    dispatch group.
    """
    power_w: float
    least_power_w: float
    group: int
    rules: CallRules
    price_kwh: float
    price_event: float
    turn: int = 0


class Commitment(NamedTuple):
    """Who is called when: the power [b, T] of each block, in W.

    `cost` is the money of the whole plan, `bound` what no plan can cost less than (the linear program, in
    which any part of a block can be called), `gap` their distance as a part of the cost. `seconds` is the
    time that was taken; `complete` is whether it sufficed.
    """
    power: Floats
    cost: float
    bound: float
    seconds: float
    complete: bool

    @property
    def gap(self) -> float:
        return max(self.cost - self.bound, 0.0) / max(abs(self.cost), 1e-9)


def commit(problem: BalanceProblem, blocks: Sequence[PlannableBlock], seconds: float) -> Commitment | None:
    """Return who is to be called when, or None where the linear program has no solution in so many seconds.

    The cheapest block is decided first, each as is best beside the others, and kept only if the plan then
    costs less. It is gone through again until nothing changes.
    """
    started = time.monotonic()
    area = _Area(problem, blocks, started + seconds)
    bound = _bound(problem, blocks, seconds)
    power = np.zeros((len(blocks), len(problem.net)))
    best = area.evaluate(power)
    if bound is None or best is None:
        return None
    order = sorted(range(len(blocks)), key=lambda number: _price(blocks[number], problem.hours))
    changed, rounds = True, 0
    while changed and rounds < ROUNDS and time.monotonic() - started < seconds:
        changed, rounds = False, rounds + 1
        for number in order:
            wanted = _best_power(problem, blocks[number], best.without(number, power[number], blocks))
            if np.allclose(wanted, power[number], atol=1.0):
                continue
            trial_power = np.where((np.arange(len(blocks)) == number)[:, None], wanted, power)
            trial = area.evaluate(trial_power)
            if trial is not None and trial.cost < best.cost - _LEAST_GAIN:
                power, best, changed = trial_power, trial, True
    seconds_taken = time.monotonic() - started
    bound = min(bound, best.cost)  # the solver's tolerance
    return Commitment(power, best.cost, bound, seconds_taken, seconds_taken < seconds)


def without(problem: BalanceProblem, power: Floats, blocks: Sequence[PlannableBlock]) -> BalanceProblem:
    """Return the problem that is left when blocks are called with these powers [b, T]."""
    limits = [
        replace(limit, net=limit.net - power[[block.group in limit.groups for block in blocks]].sum(axis=0))
        for limit in problem.limits
    ]
    left = replace(problem, net=problem.net - power.sum(axis=0), limits=limits)
    left.__dict__["reference_w"] = problem.reference_w  # the prices of the imbalance stay what they are
    return left


class _PlanOutcome(NamedTuple):
    """The money that a plan costs; the imbalance [T] that it leaves, and by how much each limit is exceeded
    [limit, T], both in W."""
    cost: float
    imbalance: Floats
    excess: Floats
    limits: Sequence[GroupLimit]

    def without(self, number: int, power: Floats, blocks: Sequence[PlannableBlock]) -> tuple[Floats, Floats]:
        """What is left where a block, which has this power [T] now, is not called: the imbalance, and the
        excess of the limits that it is under [T]."""
        under = [index for index, limit in enumerate(self.limits) if blocks[number].group in limit.groups]
        excess = np.maximum(self.excess[under] + power, 0).max(axis=0, initial=0.0)
        return self.imbalance + power, excess


class _Area:
    """The linear program of an area, solved again and again with other calls of blocks."""

    def __init__(self, problem: BalanceProblem, blocks: Sequence[PlannableBlock], deadline: float) -> None:
        self.problem, self.blocks, self.deadline = problem, blocks, deadline
        self.model = Model()
        self.columns: ProgramColumns | None = None

    def evaluate(self, power: Floats) -> _PlanOutcome | None:
        """What it costs where blocks are called with these powers [b, T]; None where the time is over."""
        seconds = max(self.deadline - time.monotonic(), 0.0)
        left = without(self.problem, power, self.blocks)
        if left.limits or self.columns is None:
            self.model = Model()
            self.columns = ProgramColumns(self.model, left, False)
            solution = self.model.solve(seconds)
        else:
            solution = self.model.solve_with(self.columns.balance, -left.net / left.reference_w, seconds)
        if solution.values is None:
            self.columns = None
            return None
        schedule = self.columns.schedule(solution)
        cost = solution.cost * left.reference_w / 1000 + sum(
            _cost(left, block, called) for block, called in zip(self.blocks, power, strict=True))
        beyond = [limit.drawn(schedule, left.clusters.group) - limit.most for limit in left.limits]
        imbalance = left.net + schedule.power.sum(axis=0) + schedule.curtailed
        return _PlanOutcome(cost, imbalance, np.array(beyond).reshape(-1, len(left.net)), left.limits)


def _cost(problem: BalanceProblem, block: PlannableBlock, power: Floats) -> float:
    """What calls of a block with this power [T] cost, less what their energy saves or earns."""
    on = power > 0
    events = int((on & ~np.concatenate(([False], on[:-1]))).sum())
    energy = float(((block.price_kwh - _value(problem)) * power).sum()) * problem.hours / 1000
    return events * _event_cost(block) + energy


def _event_cost(block: PlannableBlock) -> float:
    return block.price_event + _TURN * (1 + block.turn)


def _price(block: PlannableBlock, hours: float) -> tuple[float, int]:
    """The price per kWh of the longest call, and how often it was called."""
    energy_kwh = block.power_w * block.rules.longest * hours / 1000
    return round(block.price_kwh + block.price_event / energy_kwh, 4), block.turn


def _best_power(
    problem: BalanceProblem, block: PlannableBlock, others: tuple[Floats, Floats]
) -> Floats:
    """The power [T] with which a block is called at best where everybody else leaves this imbalance and this
    excess of limits [T]. Each call of a generator has one power."""
    imbalance, excess = others
    prices = problem.prices
    square, peak = (prices.imbalance, prices.peak) if problem.tracked else (prices.spread, prices.demand)
    per_w = square / problem.reference_w  # the cost of a kWh, by W of imbalance
    peak_kwh = peak * _peak_weight(imbalance) / problem.hours
    price = block.price_kwh - _value(problem) - peak_kwh - np.where(excess > 0, prices.limit, 0.0)
    target = imbalance - price / max(2 * per_w, 1e-12)
    if problem.tracked:  # a peak is not worth more than that it is gone
        target = np.where(excess > 0, target, np.minimum(target, imbalance))
    power = np.clip(target, block.least_power_w, block.power_w)
    saved = per_w * (imbalance**2 - (imbalance - power)**2) - price * power
    called = best_calls(block.rules, saved * problem.hours / 1000, _event_cost(block))
    return _level(np.where(called, power, 0.0))


def _peak_weight(imbalance: Floats) -> Floats:
    """How much of the peak each step is, signed [T]: those within a twentieth of it share it."""
    size = np.abs(imbalance)
    weight = np.exp((size - size.max()) / max(0.05 * float(size.max()), 1.0))
    return np.asarray(np.sign(imbalance) * weight / weight.sum(), dtype=float)


def _level(power: Floats) -> Floats:
    """The same calls, each with its mean power."""
    on = power > 0
    call = np.cumsum(on & ~np.concatenate(([False], on[:-1])))
    total, steps = np.bincount(call, power), np.maximum(np.bincount(call, on), 1)
    return np.where(on, (total / steps)[call], 0.0)


def _bound(problem: BalanceProblem, blocks: Sequence[PlannableBlock], seconds: float) -> float | None:
    """What the plan would cost if any part of a block could be called, in money."""
    model = Model()
    columns = ProgramColumns(model, problem, False)
    for block in blocks:
        add_block(model, columns, problem, block)
    solution = model.solve(seconds)
    return None if solution.values is None else solution.cost * problem.reference_w / 1000


def add_block(model: Model, columns: ProgramColumns, problem: BalanceProblem, block: PlannableBlock) -> Whole:
    """Add a block to a program; return the columns [T] that say whether it is called in a step: 0 or 1, and
    between these where the program is linear."""
    unit, size, rules = problem.reference_w, len(problem.net), block.rules
    share = block.power_w / unit
    energy = problem.hours * (block.price_kwh - _value(problem)) * share
    starts = rules.starts & (np.arange(size) <= size - rules.shortest)
    on = model.columns((size,), 0, np.maximum.accumulate(starts))
    start = model.columns((size,), 0, starts, _event_cost(block) * 1000 / unit)
    output = model.columns((size,), 0, 1, energy)
    rows = model.rows((2, size), -np.inf, 0)
    for row, sign in zip(rows, (1.0, -1.0), strict=True):
        model.term(row, output, sign)
    model.term(rows[0], on, -1.0)
    model.term(rows[1], on, block.least_power_w / block.power_w)
    model.term(columns.balance, output, -share)
    for limit, near, limit_rows in columns.limited:
        if block.group in limit.groups:
            model.term(limit_rows, output[near], -share)
    begins = model.rows((size,), 0, np.inf)
    model.term(begins, start)
    model.term(begins, on, -1.0)
    model.term(begins[1:], on[:-1])
    _lengths(model, on, start, rules)
    _quotas(model, on, start, rules)
    return on


def _lengths(model: Model, on: Whole, start: Whole, rules: CallRules) -> None:
    """Rows for the least and greatest length of a call, and the rest between two."""
    size = len(on)
    if rules.shortest > 1:
        rows = model.rows((size,), -np.inf, 0)
        model.term(rows, on, -1.0)
        _windows(model, rows, start, np.arange(size) - rules.shortest + 1, rules.shortest)
    if rules.longest < size:
        rows = model.rows((size - rules.longest,), -np.inf, rules.longest)
        _windows(model, rows, on, np.arange(size - rules.longest), rules.longest + 1)
    if rules.rest > 0:
        rows = model.rows((size,), -np.inf, 1)
        model.term(rows, on)
        _windows(model, rows, start, np.arange(size) + 1, rules.rest)


def _windows(model: Model, rows: Whole, columns: Whole, first: Whole, length: int) -> None:
    """Add to each row the columns of a window that begins at `first`, as far as there are such."""
    row, step = np.meshgrid(rows, np.arange(length), indexing="ij")
    at = first[:, None] + step
    within = (at >= 0) & (at < len(columns))
    model.term(row[within], columns[at[within]])


def _quotas(model: Model, on: Whole, start: Whole, rules: CallRules) -> None:
    """Rows for the events of each day and of the season, and for its hours."""
    for number, events in enumerate(rules.events_day.tolist()):
        steps = np.flatnonzero(rules.day == number)
        if events < len(steps):
            row = model.rows((1,), -np.inf, events)
            model.term(np.broadcast_to(row, (len(steps),)), start[steps])
    for columns, most in ((start, rules.events), (on, rules.steps)):
        if most < len(columns):
            row = model.rows((1,), -np.inf, most)
            model.term(np.broadcast_to(row, (len(columns),)), columns)


def _value(problem: BalanceProblem) -> Floats:
    """What a kWh that is injected saves or earns, in each step [T], beside the imbalance."""
    tariff = problem.tariff
    if tariff is None:
        return np.zeros(len(problem.net))
    return np.where(tariff.load > 0, tariff.buy, tariff.sell)
