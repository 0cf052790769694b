"""Gates of the balance: the values that it must reach, and those that it reaches. Consumption is positive.

Each function measures some gates.
"""
from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from server.grid.flexibility import capability
from server.grid.optimisation import waterfill
from server.grid.optimisation.balanceproblem import BalanceProblem
from server.grid.optimisation.nestedlimits import solve_nested
from server.grid.optimisation.rollinghorizon import Planner, PlannerOptions
from tests.load.grid import exact, fleet, naive, rows
from tests.load.grid.day import DayResult, Foresight, Readings, Truth, beginning, non_responding, rms, run_day
from tests.load.grid.fleet import DAYS, HOURS


class Gate(NamedTuple):
    """A value that must be at least `bound`, or, with `at_most`, at most."""
    name: str
    reached: float
    bound: float
    at_most: bool = False
    unit: str = ""
    note: str = ""

    @property
    def met(self) -> bool:
        return self.reached <= self.bound if self.at_most else self.reached >= self.bound


class Cut(NamedTuple):
    """The fraction by which the imbalance was lowered: root mean square, and peak."""
    rms: float
    peak: float


def days(count: int, feeders: int = 1, chosen: tuple[int, ...] = DAYS) -> Iterator[Truth]:
    """Yield days of one neighbourhood, noon to noon."""
    neighbourhood = fleet.homes(count, feeders=feeders)
    for day in chosen:
        yield Truth(neighbourhood, day * fleet.DAY + 48)


def planner(truth: Truth, **settings: Any) -> Planner:
    return Planner(PlannerOptions(**settings), truth.feeders)


def cut(truth: Truth, imbalance: np.ndarray) -> Cut:
    uncontrolled = truth.uncontrolled
    return Cut(1 - rms(imbalance) / rms(uncontrolled), 1 - abs(imbalance).max() / abs(uncontrolled).max())


def mean(cuts: list[Cut]) -> Cut:
    return Cut(*np.mean(cuts, axis=0))


class Violations:
    """The largest violations over all days, which gates bound."""

    def __init__(self) -> None:
        self.unserved = self.reserve = self.comfort = self.feeder = 0.0

    def check(self, day: DayResult) -> DayResult:
        """Include a day, and return it."""
        self.unserved = max(self.unserved, float(day.unserved.max(initial=0)))
        self.reserve, self.comfort = (
            max(self.reserve, day.reserve_violation),
            max(self.comfort, day.comfort_violation),
        )
        return day

    def gates(self) -> Iterator[Gate]:
        yield Gate("energy a car leaves without, at worst", self.unserved, 1, True, "Wh")
        yield Gate("reserve or capacity broken, at worst", self.reserve, 0.01, True, "Wh")
        yield Gate("comfort band broken, at worst", self.comfort, 0.01, True, "Wh")
        yield Gate("feeder limit broken, at worst", self.feeder, 0.01, True, "W")


def against_exact(count: int, bound: float, violations: Violations) -> Iterator[Gate]:
    """Measure, with perfect foresight, the fraction of what one program with every device reaches."""
    reached: dict[str, list[Cut]] = {"exact": [], "device": [], "hybrid": []}
    for truth in days(count):
        best = exact.best(truth)
        if best is None:
            raise RuntimeError("the exact program found no plan in time")
        reached["exact"].append(cut(truth, best.imbalance))
        for name, broadcast in (("device", False), ("hybrid", True)):
            result = violations.check(run_day(truth, Foresight(truth), planner(truth, broadcast=broadcast)))
            reached[name].append(cut(truth, result.imbalance))
    best_cut, device, hybrid = (mean(reached[name]) for name in ("exact", "device", "hybrid"))
    yield Gate(f"{count} homes: share of the exact program's RMS cut", device.rms / best_cut.rms, bound,
               note=f"{device.rms:.1%} of {best_cut.rms:.1%}")
    yield Gate(f"{count} homes: share of its peak cut", device.peak / best_cut.peak, 0.85,
               note=f"{device.peak:.1%} of {best_cut.peak:.1%}")
    yield Gate(
        f"{count} homes: hybrid addressing falls short by",
        (device.rms - hybrid.rms) / best_cut.rms,
        0.005,
        True,
    )


def from_readings(count: int, violations: Violations) -> Iterator[Gate]:
    """Measure persistence with readings 15 minutes old, also with devices that do not respond, and beside it
    naive rules."""
    runs: dict[str, Callable[[Truth], DayResult]] = {
        "persistence": lambda truth: run_day(truth, Readings(truth), planner(truth, every=1)),
        "hourly plans": lambda truth: run_day(truth, Readings(truth), planner(truth)),
        "hourly plans, reserve of 10 %": lambda truth: run_day(
            truth, Readings(truth), planner(truth, reserve=0.1)
        ),
        "wind as read last": lambda truth: run_day(
            truth, Readings(truth, announced=False), planner(truth, every=1)
        ),
        "10 % non-responding": lambda truth: run_day(
            truth, Readings(truth), planner(truth, every=1), non_responding(truth, 0.1)
        ),
        "30 % non-responding": lambda truth: run_day(
            truth, Readings(truth), planner(truth, every=1), non_responding(truth, 0.3)
        ),
        "myopic": lambda truth: run_day(truth, Readings(truth), naive.Myopic()),
        "perfect": lambda truth: run_day(truth, Foresight(truth), planner(truth)),
    }
    rules = {"curtail all, 17 to 21": naive.curtail_all, "all cars at 23:00": naive.cars_at_eleven}
    reached: dict[str, list[Cut]] = {name: [] for name in (*runs, *rules)}
    for truth in days(count):
        for name, run in runs.items():
            result = run(truth)
            if name != "myopic":
                violations.check(result)
            reached[name].append(cut(truth, result.imbalance))
        for name, rule in rules.items():
            reached[name].append(cut(truth, rule(truth)))
    ours = mean(reached["persistence"])
    others = {name: mean(cuts) for name, cuts in reached.items()}
    yield Gate(f"{count} homes, persistence, readings 15 min old: RMS cut", ours.rms, 0.60,
               note=f"peak cut {ours.peak:.1%}; perfect {others['perfect'].rms:.1%}")
    yield Gate("  worst day's RMS cut", min(result.rms for result in reached["persistence"]), 0)
    yield Gate("  worst day's peak cut", min(result.peak for result in reached["persistence"]), 0)
    tenth = others["10 % non-responding"].rms / ours.rms
    yield Gate("  10 % non-responding: fraction of that RMS cut", tenth, 0.70,
               note=f"30 % non-responding {others['30 % non-responding'].rms / ours.rms:.1%}")
    for name in ("hourly plans", "hourly plans, reserve of 10 %", "wind as read last", "myopic", *rules):
        yield Gate(
            f"  beside it, no gate: {name}",
            others[name].rms,
            -np.inf,
            note=f"peak cut {others[name].peak:+.1%}",
        )


def under_limits(count: int, feeders: int, violations: Violations) -> Iterator[Gate]:
    """Measure days under feeders that would be overloaded without controls."""
    cuts, without = [], 0.0
    for truth in days(count, feeders, DAYS[::4]):
        limits = 0.85 * np.abs(truth.net + truth.cars).max(axis=1)
        result = violations.check(run_day(truth, Foresight(truth, limits), planner(truth)))
        load = truth.net + result.flexible_load
        violations.feeder = max(violations.feeder, float((np.abs(load) - limits[:, None]).max()))
        cuts.append(cut(truth, result.imbalance))
        unlimited = run_day(truth, Foresight(truth), planner(truth))
        without = max(without, float((np.abs(truth.net + unlimited.flexible_load) - limits[:, None]).max()))
    yield Gate(f"{count} homes under {feeders} limited feeders, no gate: RMS cut", mean(cuts).rms, -np.inf,
               note=f"not knowing the limits breaks one by {without / 1000:.1f} kW")


def times() -> Iterator[Gate]:
    """Measure seconds of processor time, since other work may run on the machine, and beside it of time."""
    yield from _fills()
    for count, bound in ((10_000, 1.0), (100_000, 5.0)):
        truth = next(days(count, chosen=(107,)))
        knowledge = Foresight(truth)
        _ = truth.uncontrolled, truth.thermal_by_cluster
        yield _timed(f"{count:,} homes: 24 plans and 96 shares", bound,
                     lambda truth=truth, known=knowledge: run_day(truth, known, planner(truth)))
    yield Gate(
        "  memory at the most", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 600, True, "MB"
    )
    truth = next(days(10_000, 100, (107,)))
    limits = 0.8 * np.abs(truth.net + truth.cars).max(axis=1)
    now = beginning(truth)
    forecast = Foresight(truth, limits).forecast(0, now)
    arrived = now._replace(sessions=now.sessions.only(now.sessions.arrive <= 0))
    hourly = planner(truth)
    yield _timed("10,000 homes under 100 limited feeders: one plan", 5.0, lambda: solve_nested(BalanceProblem(
        forecast.net, HOURS, hourly.gathered(arrived, forecast), forecast.generation, forecast.limits)))


def from_rows() -> Iterator[Gate]:
    """Measure the capability of a virtual DER with many members over a day, from its database (SQLite)."""
    with rows.area_with(100_000) as area:
        yield _timed("capability: 100,000 members", 5.0, lambda: capability.horizon(area))
        yield _timed("  once more, no gate", np.inf, lambda: capability.horizon(area))


def _fills() -> Iterator[Gate]:
    generator = np.random.default_rng(1)
    size = 100_000
    rating = generator.uniform(1000, 5000, size)
    line = waterfill.MemberLines(
        generator.normal(0, 1000, size), rating, -rating, rating * generator.random(size)
    )
    best = min(
        (_timed("water-fill, 100,000 members", 30, lambda: waterfill.fill(1e6, line)) for _ in range(9)),
        key=lambda gate: gate.reached,
    )
    yield _in_ms(best)


def _in_ms(gate: Gate) -> Gate:
    return gate._replace(reached=gate.reached * 1000, unit="ms", note="")


def _timed(name: str, bound: float, work: Callable[[], Any]) -> Gate:
    clock, processor = time.perf_counter(), time.process_time()
    if work() is None:
        raise RuntimeError(f"{name}: no answer")
    processor = time.process_time() - processor
    return Gate(name, processor, bound, True, "s", f"{time.perf_counter() - clock:.2f} s by the clock")
