"""Gates of an area of businesses: contracts that are never broken, cost beside one exact integer program.

Loads and generators of many contracts, beside batteries, meet a day with a deficit in the evening and a
surplus at noon. The exact program has all binaries at once, and a minute.
"""
from __future__ import annotations

from collections.abc import Iterator

import highspy
import numpy as np

from server.grid.optimisation import blockprogram, clusters
from server.grid.optimisation.balanceproblem import BalanceProblem
from server.grid.optimisation.balanceprogram import ProgramColumns
from server.grid.optimisation.blockprogram import Commitment, PlannableBlock
from server.grid.optimisation.blockschedule import CallRules
from server.grid.optimisation.linearprogram import Model
from tests.load.grid.fleet import HOURS
from tests.load.grid.gates import Gate

STEPS, SECONDS, EXACT_SECONDS = 96, 5.0, 60.0
AREAS = ((10, 0), (20, 1))  # businesses, and the seed of their contracts
_FEASIBLE = 2  # HiGHS: a primal solution that is feasible


def gates_of() -> Iterator[Gate]:
    """Measure all of them."""
    for count, seed in AREAS:
        problem, blocks = area(count, seed)
        nobody = blockprogram.commit(problem, [], SECONDS)
        found = blockprogram.commit(problem, blocks, SECONDS)
        assert nobody is not None and found is not None
        best, bound = exact(problem, blocks)
        name = f"{count} businesses"
        note = (f"{found.cost:,.0f}; exact {best:,.0f} (bound {bound:,.0f}); "
                f"nobody called {nobody.cost:,.0f}; gap to the linear bound {found.gap:.1%}")
        yield Gate(f"{name}: clauses broken", breaches(blocks, found), 0, True)
        yield Gate(f"{name}: cost by that of the exact program in a minute", found.cost / best, 1.02, True,
                   note=note)
        yield Gate(f"{name}: time to decide who is called", found.seconds, SECONDS + 1, True, "s")


def area(count: int, seed: int) -> tuple[BalanceProblem, list[PlannableBlock]]:
    """Return an area of so many businesses, of 20 to 200 kW each, with contracts by chance, and batteries."""
    chance, step = np.random.default_rng(seed), np.arange(STEPS)
    net = 1e3 * (400 * np.sin((step - 60) / 96 * 2 * np.pi) + 600 * np.exp(-((step - 76) / 6)**2)
                 - 300 * np.exp(-((step - 48) / 9)**2) + 30 * chance.standard_normal(STEPS))
    batteries = clusters.Batteries(*(np.full(50, value) for value in (5e3, 1e3, 10e3, 5e3, 5e3, 0.95)),
                                   np.zeros(50, dtype=int))
    problem = BalanceProblem(net, HOURS, clusters.batteries(batteries, STEPS)[0])
    return problem, [_block(number, chance, step) for number in range(count)]


def _block(number: int, chance: np.random.Generator, step: np.ndarray) -> PlannableBlock:
    power_w = float(chance.integers(20, 200)) * 1e3
    rules = CallRules(
        starts=step >= chance.integers(1, 8), shortest=int(chance.integers(1, 5)),
        longest=int(chance.integers(6, 12)), rest=int(chance.integers(4, 24)), day=(step >= 48).astype(int),
        events_day=np.array([1, 1]), events=5, steps=int(chance.integers(10, 40)))
    return PlannableBlock(
        power_w=power_w, least_power_w=power_w * (1.0 if number % 3 else 0.4), group=0, rules=rules,
        price_kwh=float(chance.uniform(0.1, 0.5)), price_event=float(chance.uniform(0, 40)))


def breaches(blocks: list[PlannableBlock], found: Commitment) -> int:
    """Return how many clauses the calls of a plan break."""
    broken = 0
    for block, power in zip(blocks, found.power, strict=True):
        rules, on = block.rules, power > 0
        calls = np.flatnonzero(np.diff(np.concatenate(([0], on.astype(int), [0])))).reshape(-1, 2).tolist()
        days = [int(rules.day[first]) for first, _ in calls]
        broken += sum(not rules.starts[first] for first, _ in calls)
        broken += sum(not rules.shortest <= last - first <= rules.longest for first, last in calls)
        broken += sum(later[0] - earlier[1] < rules.rest for earlier, later in zip(
            calls, calls[1:], strict=False))
        broken += sum(days.count(day) > events for day, events in enumerate(rules.events_day.tolist()))
        broken += (len(calls) > rules.events) + (int(on.sum()) > rules.steps)
        called = power[on]
        broken += int(((called > block.power_w + 1) | (called < block.least_power_w - 1)).sum())
    return broken


def exact(problem: BalanceProblem, blocks: list[PlannableBlock]) -> tuple[float, float]:
    """Return the cost of the best plan that one integer program finds in its time, and its bound."""
    model = Model()
    columns = ProgramColumns(model, problem, False)
    whole = np.concatenate([blockprogram.add_block(model, columns, problem, block) for block in blocks])
    solver = model._load(EXACT_SECONDS, 1, "choose")
    solver.setOptionValue("mip_rel_gap", 0.001)
    kinds = np.full(len(whole), int(highspy.HighsVarType.kInteger), dtype=np.uint8)
    solver.changeColsIntegrality(len(whole), whole.astype(np.int32), kinds)
    solver.run()
    info = solver.getInfo()
    money = problem.reference_w / 1000
    cost = info.objective_function_value * money if info.primal_solution_status == _FEASIBLE else np.inf
    return float(cost), float(info.mip_dual_bound * money)
