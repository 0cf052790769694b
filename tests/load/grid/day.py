"""A day of a neighbourhood in arrays, noon to noon: what happens when somebody, or nobody, decides.
Consumption is +.

What is decided for a step is decided at its beginning, from readings of the step before at the newest; heat
pumps follow an offset from what they would draw, whatever that turns out to be.
"""
from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from server.grid.optimisation.balanceprogram import GroupLimit
from server.grid.optimisation.clusters import Batteries, Sessions, Thermals, sums
from server.grid.optimisation.disaggregation import Fleet, MemberPowers, after_step
from server.grid.optimisation.rollinghorizon import HorizonForecast
from server.grid.series import forecastmethods
from tests.load.grid import fleet
from tests.load.grid.fleet import DAY, HOURS, WEEK, Homes

HISTORY = 15 * DAY


@dataclass(frozen=True)
class Truth:
    """What the day brings. [feeder, DAY] for load, sun and cars left alone, [owner, DAY] for heat pumps; the
    supply is [DAY], of the whole."""
    town: Homes
    noon: int

    @property
    def feeders(self) -> int:
        return int(self.town.feeder.max()) + 1

    @cached_property
    def load(self) -> np.ndarray:
        return fleet.household(self.town, self.noon, DAY)

    @cached_property
    def sun(self) -> np.ndarray:
        return fleet.sunshine(self.town, self.noon, DAY)

    @cached_property
    def pumps(self) -> np.ndarray:
        return fleet.pumps(self.town, self.noon, DAY)

    @cached_property
    def pump_feeder(self) -> np.ndarray:
        return self.town.feeder[self.town.pump_owner]

    @cached_property
    def heat(self) -> np.ndarray:
        """[feeder, DAY]: heat pumps left alone."""
        return summed(self.pumps, self.pump_feeder, self.feeders)

    @cached_property
    def pump_cluster(self) -> np.ndarray:
        """Each heat pump's: by feeder and kind, as `clusters.thermals` has them."""
        return np.unique(self.pump_feeder * len(fleet.PUMPS) + self.town.pump, return_inverse=True)[
            1
        ].reshape(-1)

    @cached_property
    def heat_by_kind(self) -> np.ndarray:
        """[cluster, DAY]: heat pumps left alone."""
        return summed(self.pumps, self.pump_cluster)

    @cached_property
    def trips(self) -> fleet.Trips:
        return fleet.trips(self.town, self.noon)

    @cached_property
    def trip_feeder(self) -> np.ndarray:
        return self.town.feeder[self.town.car_owner[self.trips.car]]

    @cached_property
    def cars(self) -> np.ndarray:
        return fleet.unmanaged(self.trips, self.trip_feeder, self.feeders)

    @cached_property
    def supply(self) -> np.ndarray:
        """Wind that gives 30 % of the homes' energy over the year, and a flat block that nets the day to
        zero."""
        use = self.load + self.heat + self.cars - self.sun
        wind = fleet.wind(self.noon, DAY) / fleet.wind(0, fleet.YEAR).mean() * 0.3 * _yearly(self.town)
        return wind + (use.sum(axis=0) - wind).mean()

    @cached_property
    def net(self) -> np.ndarray:
        """[feeder, DAY]: what nobody moves, heat pumps left alone among it; the supply is not in it."""
        return self.load - self.sun + self.heat

    @cached_property
    def alone(self) -> np.ndarray:
        """The imbalance if nobody decides anything."""
        return (self.net + self.cars).sum(axis=0) - self.supply


def summed(series: np.ndarray, label: np.ndarray, size: int = 0) -> np.ndarray:
    """[label, steps]: the sum of the series [member, steps] of each label."""
    return np.stack([np.bincount(label, column, size) for column in series.T], axis=1)


def _yearly(town: Homes) -> float:
    """The homes' mean draw over a year, from every 13th step."""
    shapes, pumps = fleet.profiles(), 0.0
    mean = np.array([shapes[name].mean() for name in fleet.HOUSES])[town.shape] @ town.rating
    pumps = np.array([shapes[name].mean() for name in fleet.PUMPS])[town.pump] @ town.pump_rating
    cars = np.array([shapes[name].mean() * float(name.rsplit("_", 1)[1]) * 1000 for name in fleet.CARS])[
        town.car
    ].sum()
    return float(mean + pumps + cars)


def beginning(truth: Truth) -> Fleet:
    """The devices at noon: batteries half full, heat pumps where they would be, cars on their way."""
    town, trips = truth.town, truth.trips
    span, zero = town.store_span, np.zeros(len(town.pump_band))
    return Fleet(
        Batteries(span * 0.5, span * fleet.RESERVE, span, town.store_power, town.store_power,
                  np.full(len(span), fleet.EFFICIENCY), town.feeder[town.store_owner]),
        Sessions(trips.arrive, trips.depart, trips.need, trips.power, truth.trip_feeder),
        Thermals(zero, town.pump_band, zero + np.exp(-HOURS / fleet.LEAK_HOURS), town.pump_rating,
                 town.pump, truth.pump_feeder), truth.pumps[:, 0])


class Foresight:
    """Knows the day. `limits` of feeders: greatest draw and injection, [feeder], None where there are
    none."""

    def __init__(self, truth: Truth, limits: np.ndarray | None = None) -> None:
        self.truth, self.limits = truth, limits

    def outlook(self, step: int, now: Fleet) -> HorizonForecast:
        truth = self.truth
        limits = (
            []
            if self.limits is None
            else [
                GroupLimit([feeder], most, -most, truth.net[feeder, step:])
                for feeder, most in enumerate(self.limits)
            ]
        )
        return HorizonForecast(
            truth.net[:, step:].sum(axis=0) - truth.supply[step:],
            truth.heat_by_kind[:, step:],
            truth.sun[:, step:].sum(axis=0),
            now.sessions.only(now.sessions.arrive > 0),
            limits,
        )

    def base(self, step: int) -> np.ndarray:
        return self.truth.pumps[:, step]


class Readings:
    """Knows what was read until the step before, last week's cars, and who is plugged in. The supply is
    announced, or, where it is not, taken to stay as it was read last."""
    LOAD = forecastmethods.Persistence(lag=WEEK, window=4, half_life=16)
    HEAT = forecastmethods.Persistence(lag=DAY, window=4, half_life=16)
    SUN = forecastmethods.Persistence(lag=DAY, window=4, half_life=16, ratio=True)

    def __init__(self, truth: Truth, announced: bool = True) -> None:
        self.truth, self.announced = truth, announced
        town, noon = truth.town, truth.noon
        self.load, self.sun = (series(town, noon - HISTORY, HISTORY + DAY).sum(axis=0)
                               for series in (fleet.household, fleet.sunshine))
        self.pumps = fleet.pumps(town, noon - HISTORY, HISTORY + DAY)
        self.heat = summed(self.pumps, truth.pump_cluster)
        week = replace(truth, noon=noon - WEEK)
        self.week = Sessions(
            week.trips.arrive, week.trips.depart, week.trips.need, week.trips.power, week.trip_feeder
        )

    def outlook(self, step: int, now: Fleet) -> HorizonForecast:
        seen, ahead = HISTORY + step, DAY - step
        load = self.LOAD.ahead(self.load[:seen], ahead)
        heat = np.stack([np.maximum(self.HEAT.ahead(kind[:seen], ahead), 0) for kind in self.heat])
        sun = np.maximum(self.SUN.ahead(self.sun[:seen], ahead), 0)
        supply = (
            self.truth.supply[step:]
            if self.announced or step == 0
            else np.full(ahead, self.truth.supply[step - 1])
        )
        coming = self.week.only(self.week.arrive > step)
        coming = coming._replace(arrive=coming.arrive - step, depart=coming.depart - step)
        return HorizonForecast(load - sun + heat.sum(axis=0) - supply, heat, sun, coming)

    def base(self, step: int) -> np.ndarray:
        return self.pumps[:, HISTORY + step - 1]

    def note(self, step: int, power: float) -> None:
        """What was read of the step beside what was asked for: it counts as load from now on."""
        self.load[HISTORY + step] += power


@dataclass(frozen=True)
class Lived:
    """A day gone by: the imbalance left [DAY], what each feeder drew of what can be moved [feeder, DAY], Wh
    that each car left without, and by how much (W, Wh) a reserve and a comfort band were broken at worst."""
    imbalance: np.ndarray
    drawn: np.ndarray
    unserved: np.ndarray
    reserve_broken: float
    comfort_broken: float


NOTICED = 2


@dataclass(frozen=True)
class Silent:
    """Who does nothing of what is asked, by mask; it is noticed after some steps."""
    batteries: np.ndarray
    thermals: np.ndarray
    cars: np.ndarray


def silent(truth: Truth, part: float, seed: int = 5) -> Silent:
    numbers = np.random.default_rng(seed)
    cars = numbers.random(len(truth.town.car_owner)) < part
    return Silent(
        numbers.random(len(truth.town.store_owner)) < part,
        numbers.random(len(truth.town.pump_owner)) < part,
        cars[truth.trips.car],
    )


def live(truth: Truth, knows: Foresight | Readings, planner: Any, deaf: Silent | None = None) -> Lived:
    """The day, with a planner: whatever has a `step(fleet, outlook)` that gives powers."""
    now, deaf = beginning(truth), deaf or silent(truth, 0.0)
    deaf_cars, waited = deaf.cars, np.zeros(len(truth.trips.need))
    imbalance, drawn = np.zeros(DAY), np.zeros((truth.feeders, DAY))
    reserve = comfort = 0.0
    unserved = []
    for step in range(DAY):
        here = now.sessions.arrive <= 0
        known = here & ~(deaf_cars & (waited >= NOTICED))
        stores, loads = (~who | (step < NOTICED) for who in (deaf.batteries, deaf.thermals))
        seen = Fleet(now.batteries.only(stores), now.sessions.only(known), now.thermals.only(loads),
                     knows.base(step)[loads])
        asked = planner.step(seen, knows.outlook(step, now))
        powers = MemberPowers(
            _spread(asked.batteries, stores),
            _spread(asked.sessions, known),
            _spread(asked.thermals, loads),
            0,
        )
        powers.batteries[deaf.batteries], powers.thermals[deaf.thermals] = 0, 0
        powers.sessions[deaf_cars & here] = np.inf
        curtailed = curtailment(planner, truth.sun[:, step].sum())
        now, happened = carried_out(now, powers, truth, step)
        if isinstance(knows, Readings) and len(deaf_cars):
            knows.note(
                step,
                float(happened.sum() - asked.batteries.sum() - asked.sessions.sum() - asked.thermals.sum()),
            )
        drawn[:, step] = happened
        imbalance[step] = truth.net[:, step].sum() + happened.sum() + curtailed - truth.supply[step]
        reserve = max(reserve, float((now.batteries.least - now.batteries.energy).max(initial=0)),
                      float((now.batteries.energy - now.batteries.most).max(initial=0)))
        comfort = max(comfort, float((abs(now.thermals.state) - now.thermals.band).max(initial=0)))
        gone = now.sessions.depart <= 0
        unserved.append(now.sessions.need[gone])
        now = now._replace(sessions=now.sessions.only(~gone))
        deaf_cars, waited = deaf_cars[~gone], (waited + here)[~gone]
    return Lived(imbalance, drawn, np.concatenate(unserved), reserve, comfort)


def _spread(values: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    found = np.zeros(len(chosen))
    found[chosen] = values
    return found


def curtailment(planner: Any, generation: float) -> float:
    plan = getattr(planner, "plan", None)
    return 0.0 if plan is None else min(float(plan.curtailed[planner.age]), generation)


def carried_out(now: Fleet, powers: MemberPowers, truth: Truth, step: int) -> tuple[Fleet, np.ndarray]:
    """The devices after the step, and what each feeder's drew of it beside heat pumps' base. Orders are
    carried out to the letter but where a device cannot: what it is asked beyond a battery's capacity shows as
    a broken bound."""
    base = truth.pumps[:, step]
    drawn_by_pump = np.clip(base + powers.thermals, 0, now.thermals.power) - base
    here = now.sessions.arrive <= 0
    session = np.zeros(len(here))
    session[here] = np.clip(powers.sessions, 0, np.minimum(now.sessions.power, now.sessions.need / HOURS))[
        here
    ]
    happened = MemberPowers(powers.batteries, session, drawn_by_pump, 0)
    drawn = sum(
        sums(of, power, truth.feeders)
        for of, power in (
            (now.batteries.group, powers.batteries),
            (now.thermals.group, drawn_by_pump),
            (now.sessions.group, session),
        )
    )
    later_on = after_step(now, happened, HOURS)
    return later_on._replace(sessions=later_on.sessions._replace(arrive=now.sessions.arrive - 1)), drawn


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))
