"""What the balance has to reach, and what it reaches. Each function measures some gates; consumption is
positive."""
from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from server.grid.flexibility import capability
from server.grid.optimisation import waterfill
from server.grid.optimisation.balanceprogram import BalanceProblem
from server.grid.optimisation.nestedlimits import solve_nested
from server.grid.optimisation.rollinghorizon import Planner, PlannerOptions
from tests.load.grid import exact, fleet, naive, rows
from tests.load.grid.day import Foresight, Lived, Readings, Truth, beginning, live, rms, silent
from tests.load.grid.fleet import DAYS, HOURS

HALF = 0.5


class Gate(NamedTuple):
    """`reached` against `bound`; it has to be at least, or with `most` at most so much."""
    what: str
    reached: float
    bound: float
    most: bool = False
    unit: str = ""
    note: str = ""

    @property
    def met(self) -> bool:
        return self.reached <= self.bound if self.most else self.reached >= self.bound


class Cut(NamedTuple):
    """By how much of itself the imbalance was lowered."""
    rms: float
    peak: float


def days(count: int, feeders: int = 1, chosen: tuple[int, ...] = DAYS) -> Iterator[Truth]:
    """The days of one neighbourhood, noon to noon."""
    town = fleet.homes(count, feeders=feeders)
    for day in chosen:
        yield Truth(town, day * fleet.DAY + 48)


def planner(truth: Truth, **settings: Any) -> Planner:
    return Planner(PlannerOptions(**settings), truth.feeders, HALF)


def cut(truth: Truth, imbalance: np.ndarray) -> Cut:
    return Cut(1 - rms(imbalance) / rms(truth.alone), 1 - abs(imbalance).max() / abs(truth.alone).max())


def mean(cuts: list[Cut]) -> Cut:
    return Cut(*np.mean(cuts, axis=0))


class Orders:
    """The worst that our own orders did, over all days that were lived."""

    def __init__(self) -> None:
        self.unserved = self.reserve = self.comfort = self.feeder = 0.0

    def seen(self, day: Lived) -> Lived:
        self.unserved = max(self.unserved, float(day.unserved.max(initial=0)))
        self.reserve, self.comfort = (
            max(self.reserve, day.reserve_broken),
            max(self.comfort, day.comfort_broken),
        )
        return day

    def gates(self) -> Iterator[Gate]:
        yield Gate("energy a car leaves without, at worst", self.unserved, 1, True, "Wh")
        yield Gate("reserve or capacity broken, at worst", self.reserve, 0.01, True, "Wh")
        yield Gate("comfort band broken, at worst", self.comfort, 0.01, True, "Wh")
        yield Gate("feeder limit broken, at worst", self.feeder, 0.01, True, "W")


def against_exact(count: int, bound: float, orders: Orders) -> Iterator[Gate]:
    """Perfect foresight: the share of what one program with every device in it reaches, by device and
    hybrid."""
    reached: dict[str, list[Cut]] = {"exact": [], "device": [], "hybrid": []}
    for truth in days(count):
        best = exact.best(truth)
        if best is None:
            raise RuntimeError("the exact program found no plan in time")
        reached["exact"].append(cut(truth, best.imbalance))
        for name, broadcast in (("device", False), ("hybrid", True)):
            lived = orders.seen(live(truth, Foresight(truth), planner(truth, broadcast=broadcast)))
            reached[name].append(cut(truth, lived.imbalance))
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


def from_readings(count: int, orders: Orders) -> Iterator[Gate]:
    """Persistence and readings 15 minutes old, everybody answering and 10 % silent; the naive rules beside
    it."""
    ways: dict[str, Callable[[Truth], Lived]] = {
        "persistence": lambda truth: live(truth, Readings(truth), planner(truth, every=1)),
        "hourly plans": lambda truth: live(truth, Readings(truth), planner(truth)),
        "wind as read last": lambda truth: live(
            truth, Readings(truth, announced=False), planner(truth, every=1)
        ),
        "10 % silent": lambda truth: live(
            truth, Readings(truth), planner(truth, every=1), silent(truth, 0.1)
        ),
        "30 % silent": lambda truth: live(
            truth, Readings(truth), planner(truth, every=1), silent(truth, 0.3)
        ),
        "myopic": lambda truth: live(truth, Readings(truth), naive.Myopic()),
        "perfect": lambda truth: live(truth, Foresight(truth), planner(truth)),
    }
    rules = {"curtail all, 17 to 21": naive.curtail_all, "all cars at 23:00": naive.cars_at_eleven}
    reached: dict[str, list[Cut]] = {name: [] for name in (*ways, *rules)}
    for truth in days(count):
        for name, way in ways.items():
            lived = way(truth)
            reached[name].append(cut(truth, (lived if name == "myopic" else orders.seen(lived)).imbalance))
        for name, rule in rules.items():
            reached[name].append(cut(truth, rule(truth)))
    ours = mean(reached["persistence"])
    others = {name: mean(cuts) for name, cuts in reached.items()}
    yield Gate(f"{count} homes, persistence, readings 15 min old: RMS cut", ours.rms, 0.60,
               note=f"peak cut {ours.peak:.1%}; perfect {others['perfect'].rms:.1%}")
    yield Gate("  worst day's RMS cut", min(each.rms for each in reached["persistence"]), 0)
    yield Gate("  worst day's peak cut", min(each.peak for each in reached["persistence"]), 0)
    yield Gate("  10 % silent: share of everybody's RMS cut", others["10 % silent"].rms / ours.rms, 0.70,
               note=f"30 % silent {others['30 % silent'].rms / ours.rms:.1%}")
    for name in ("hourly plans", "wind as read last", "myopic", *rules):
        yield Gate(
            f"  beside it, no gate: {name}",
            others[name].rms,
            -np.inf,
            note=f"peak cut {others[name].peak:+.1%}",
        )


def under_limits(count: int, feeders: int, orders: Orders) -> Iterator[Gate]:
    """Days under feeders that would be overloaded if nobody did anything; the orders' part of what is
    broken."""
    cuts, without = [], 0.0
    for truth in days(count, feeders, DAYS[::4]):
        limits = 0.85 * np.abs(truth.net + truth.cars).max(axis=1)
        lived = orders.seen(live(truth, Foresight(truth, limits), planner(truth)))
        drawn = truth.net + lived.drawn
        orders.feeder = max(orders.feeder, float((np.abs(drawn) - limits[:, None]).max()))
        cuts.append(cut(truth, lived.imbalance))
        unlimited = live(truth, Foresight(truth), planner(truth))
        without = max(without, float((np.abs(truth.net + unlimited.drawn) - limits[:, None]).max()))
    yield Gate(f"{count} homes under {feeders} limited feeders, no gate: RMS cut", mean(cuts).rms, -np.inf,
               note=f"not knowing the limits breaks one by {without / 1000:.1f} kW")


def times() -> Iterator[Gate]:
    """Seconds of processor time, since others may be at work on the machine; the clock's beside it."""
    yield from _fills()
    for count, bound in ((10_000, 1.0), (100_000, 5.0)):
        truth = next(days(count, chosen=(107,)))
        knows = Foresight(truth)
        _ = truth.alone, truth.heat_by_kind
        yield _timed(f"{count:,} homes: 24 plans and 96 shares", bound,
                     lambda truth=truth, knows=knows: live(truth, knows, planner(truth)))
    yield Gate(
        "  memory at the most", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 600, True, "MB"
    )
    truth = next(days(10_000, 100, (107,)))
    limits = 0.8 * np.abs(truth.net + truth.cars).max(axis=1)
    now = beginning(truth)
    outlook = Foresight(truth, limits).outlook(0, now)
    arrived = now._replace(sessions=now.sessions.only(now.sessions.arrive <= 0))
    plans = planner(truth)
    yield _timed("10,000 homes under 100 limited feeders: one plan", 5.0, lambda: solve_nested(BalanceProblem(
        outlook.net, HOURS, plans.gathered(arrived, outlook), outlook.generation, outlook.limits)))


def from_rows() -> Iterator[Gate]:
    """What a virtual DER with many members can do over a day, from its database (SQLite) to the
    answer."""
    with rows.area_with(100_000) as area:
        yield _timed("capability: 100,000 members", 5.0, lambda: capability.horizon(area))
        yield _timed("  once more, no gate", np.inf, lambda: capability.horizon(area))


def _fills() -> Iterator[Gate]:
    numbers = np.random.default_rng(1)
    size = 100_000
    rating = numbers.uniform(1000, 5000, size)
    line = waterfill.MemberLines(
        numbers.normal(0, 1000, size), rating, -rating, rating * numbers.random(size)
    )
    best = min(
        (_timed("water-fill, 100,000 members", 30, lambda: waterfill.fill(1e6, line)) for _ in range(9)),
        key=lambda gate: gate.reached,
    )
    yield _in_ms(best)


def _in_ms(gate: Gate) -> Gate:
    return gate._replace(reached=gate.reached * 1000, unit="ms", note="")


def _timed(what: str, bound: float, work: Callable[[], Any]) -> Gate:
    clock, processor = time.perf_counter(), time.process_time()
    if work() is None:
        raise RuntimeError(f"{what}: no answer")
    processor = time.process_time() - processor
    return Gate(what, processor, bound, True, "s", f"{time.perf_counter() - clock:.2f} s by the clock")
