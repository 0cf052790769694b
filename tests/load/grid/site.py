"""Gates of a site of chargers under a limit, whose cars nobody announces: plans beside least-laxity-first.

The cars and their stays are those of the homes (see `fleet`), or leave soon after they could be full. The
limit is half the peak that they have if each charges when it comes. The site follows an imbalance, in which
each charges when it comes, or a price that is lower at night. Consumption is positive, in W.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import NamedTuple

import numpy as np

from server.grid.balance import planning
from server.grid.optimisation import limitrooms
from server.grid.optimisation.balanceproblem import GroupLimit
from server.grid.optimisation.clusters import Batteries, Sessions, Thermals
from server.grid.optimisation.disaggregation import Fleet
from server.grid.optimisation.prices import Tariff
from server.grid.optimisation.rollinghorizon import HorizonForecast, Planner, PlannerOptions
from server.grid.series import arrivalspread
from tests.load.grid import fleet
from tests.load.grid.fleet import DAY, HOURS, WEEK
from tests.load.grid.gates import Gate

COUNT, SEED = 100, 2  # homes; other ones than those that the planner was made with
LIMIT = 0.5  # of the uncontrolled peak
SHORT_STAY = 1.5  # times as long as it takes to charge
HISTORY_WEEKS = 4
PRICE, NIGHT_PRICE, NIGHT = 0.35, 0.15, slice(40, 72)  # 22 to 6 h
ROUNDING = 1e-6
Rule = Callable[["Site", int, Sessions], np.ndarray]


class SiteResult(NamedTuple):
    """The greatest load, and the energy with which cars left short, both as parts: of the limit, and of what
    they needed."""
    load: float
    short: float


@dataclass(frozen=True)
class Site:
    """A day of a site, noon to noon; with `short_stay` cars leave soon."""
    homes: fleet.Homes
    noon: int
    short_stay: bool

    def cars_of(self, weeks_ago: int) -> Sessions:
        trips = fleet.trips(self.homes, self.noon - weeks_ago * WEEK)
        depart = trips.depart
        if self.short_stay:
            stay = np.ceil(SHORT_STAY * trips.need / np.maximum(trips.power * HOURS, 1)).astype(int)
            depart = np.minimum(trips.arrive + np.maximum(stay, 1), DAY)
        need = np.minimum(trips.need, trips.power * HOURS * (depart - trips.arrive))
        return Sessions(trips.arrive, depart, need, trips.power, np.zeros(len(need), int))

    @cached_property
    def cars(self) -> Sessions:
        return self.cars_of(0)

    @cached_property
    def limit_w(self) -> float:
        trips = fleet.Trips(np.zeros(len(self.cars.need), int), *self.cars[:4])
        return LIMIT * float(fleet.uncontrolled_charging(trips, self.cars.group, 1).max())

    @cached_property
    def usual(self) -> tuple[Sessions, float]:
        """The cars that usually come, by the same day of the weeks before, and their spread."""
        weeks = [self.cars_of(number) for number in range(1, HISTORY_WEEKS + 1)]
        every = [car for cars in weeks for car in zip(*cars[:5], strict=True)]
        columns = [np.array(column) for column in zip(*every, strict=True)]
        usual = Sessions(columns[0], columns[1], columns[2] / len(weeks), columns[3] / len(weeks), columns[4])
        energy_wh = np.array([[cars.need.sum()] for cars in weeks])
        return usual, float(arrivalspread.spread(energy_wh)[0])

    def run(self, rule: Rule) -> SiteResult:
        """Run the day by a rule that says what the cars that are there draw in a step."""
        now, short_wh, greatest_w = self.cars, 0.0, 0.0
        for step in range(DAY):
            present = now.arrive <= 0
            powers = np.zeros(len(now.need))
            powers[present] = rule(self, step, now.only(present))
            greatest_w = max(greatest_w, float(powers.sum()))
            now = now._replace(arrive=now.arrive - 1, depart=now.depart - 1, need=now.need - powers * HOURS)
            gone = now.depart <= 0
            short_wh += float(np.maximum(now.need[gone], 0).sum())
            now = now.only(~gone)
        return SiteResult(greatest_w / self.limit_w, short_wh / float(self.cars.need.sum()))

    @property
    def limit(self) -> GroupLimit:
        return GroupLimit([0], self.limit_w, -np.inf, np.zeros(DAY))


def least_laxity_first(site: Site, step: int, cars: Sessions) -> np.ndarray:
    """As much as the limit leaves, those with the least to spare first."""
    zero = np.zeros(1)
    rooms = limitrooms.session_rooms([site.limit], cars.group, zero, zero, zero)
    return limitrooms.hold_sessions(limitrooms.session_limits(cars, HOURS)[1], cars, rooms, HOURS)


class Planned:
    """The rolling plan as the product makes it. It knows the cars that are there and, with `usual`, which
    usually come; it follows the price where the site is `priced`."""

    def __init__(self, usual: bool, priced: bool) -> None:
        self.usual, self.priced = usual, priced
        self.planner = Planner(PlannerOptions(ramp=planning.RAMP_FRACTION), 1)

    def __call__(self, site: Site, step: int, cars: Sessions) -> np.ndarray:
        ahead = DAY - step
        coming, zero, none = self._coming(site, step), np.zeros(ahead), np.zeros(0)
        price = np.full(DAY, PRICE)
        price[NIGHT] = NIGHT_PRICE
        now = Fleet(Batteries(*[none] * 6, none.astype(int)), cars,
                    Thermals(*[none] * 4, none.astype(int), none.astype(int), none, none), none)
        alone = _uncontrolled(cars, ahead) + _uncontrolled(coming, ahead)
        outlook = HorizonForecast(
            zero if self.priced else -alone, np.zeros((0, ahead)), zero, coming,
            [GroupLimit([0], site.limit_w, -np.inf, zero)],
            Tariff(price[step:], price[step:], zero) if self.priced else None, tracked=not self.priced)
        return self.planner.step(now, outlook).sessions

    def _coming(self, site: Site, step: int) -> Sessions:
        usual, spread = site.usual
        later = usual.only((usual.arrive > step) & self.usual)
        return later._replace(arrive=later.arrive - step, depart=later.depart - step,
                              need=later.need * spread, power=later.power * spread)


def _uncontrolled(cars: Sessions, steps: int) -> np.ndarray:
    """What cars draw if they charge at once, [T]."""
    trips = fleet.Trips(np.zeros(len(cars.need), int), np.maximum(cars.arrive, 0), *cars[1:4])
    return fleet.uncontrolled_charging(trips, np.zeros(len(cars.need), int), 1)[0, :steps]


def sites(chosen: tuple[int, ...] = fleet.DAYS) -> Iterator[Site]:
    """Yield days of one site of chargers, of long and of short stays."""
    homes = fleet.homes(COUNT, seed=SEED)
    for short_stay, day in product((False, True), chosen):
        yield Site(homes, day * DAY + 48, short_stay)


def gates_of() -> Iterator[Gate]:
    """Measure all of them."""
    days = list(sites())
    fair = [site.run(least_laxity_first) for site in days]
    for priced, usual in product((False, True), repeat=2):
        plans = [site.run(Planned(usual, priced)) for site in days]
        name = (f"site of chargers, {'price' if priced else 'imbalance'}, "
                f"{'cars that usually come' if usual else 'no history'}")
        yield Gate(f"{name}: greatest load, of the limit", max(plan.load for plan in plans), 1 + ROUNDING,
                   True)
        more = [plan.short - rule.short for plan, rule in zip(plans, fair, strict=True)]
        yield Gate("  energy short beyond least-laxity-first's, worst day", max(more), ROUNDING, True,
                   note=f"short {np.mean([plan.short for plan in plans]):.2%}, "
                        f"least-laxity-first {np.mean([rule.short for rule in fair]):.2%}")
