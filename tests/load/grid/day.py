"""A simulated day of a neighbourhood in arrays, noon to noon, with a planner or without. Consumption is
positive, in W; energy in Wh.

A step is decided at its beginning, from readings of the previous step at the newest. Heat pumps follow an
offset from their uncontrolled load, whatever that turns out to be.
"""
from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from server.grid.optimisation.balanceproblem import GroupLimit
from server.grid.optimisation.clusters import Batteries, Sessions, Thermals, sums
from server.grid.optimisation.disaggregation import Fleet, MemberPowers
from server.grid.optimisation.rollinghorizon import HorizonForecast
from server.grid.series import forecastmethods
from tests.load.grid import fleet
from tests.load.grid.fleet import DAY, HOURS, WEEK, Homes
from tests.server.grid.optimisation.nextstep import after_step

HISTORY = 15 * DAY


@dataclass(frozen=True)
class Truth:
    """The course of a day: [feeder, DAY] for load, PV and uncontrolled cars, [owner, DAY] for heat pumps; the
    supply is [DAY], of the whole neighbourhood."""
    neighbourhood: Homes
    noon: int

    @property
    def feeders(self) -> int:
        return int(self.neighbourhood.feeder.max()) + 1

    @cached_property
    def load(self) -> np.ndarray:
        return fleet.household(self.neighbourhood, self.noon, DAY)

    @cached_property
    def pv(self) -> np.ndarray:
        return fleet.pv_generation(self.neighbourhood, self.noon, DAY)

    @cached_property
    def pumps(self) -> np.ndarray:
        return fleet.pumps(self.neighbourhood, self.noon, DAY)

    @cached_property
    def pump_feeder(self) -> np.ndarray:
        return self.neighbourhood.feeder[self.neighbourhood.pump_owner]

    @cached_property
    def thermal(self) -> np.ndarray:
        """[feeder, DAY]: the uncontrolled load of heat pumps."""
        return summed(self.pumps, self.pump_feeder, self.feeders)

    @cached_property
    def pump_cluster(self) -> np.ndarray:
        """The cluster of each heat pump: by feeder and kind, as in `clusters.thermals`."""
        return np.unique(self.pump_feeder * len(fleet.PUMPS) + self.neighbourhood.pump, return_inverse=True)[
            1
        ].reshape(-1)

    @cached_property
    def thermal_by_cluster(self) -> np.ndarray:
        """[cluster, DAY]: the uncontrolled load of heat pumps."""
        return summed(self.pumps, self.pump_cluster)

    @cached_property
    def trips(self) -> fleet.Trips:
        return fleet.trips(self.neighbourhood, self.noon)

    @cached_property
    def trip_feeder(self) -> np.ndarray:
        return self.neighbourhood.feeder[self.neighbourhood.car_owner[self.trips.car]]

    @cached_property
    def cars(self) -> np.ndarray:
        return fleet.uncontrolled_charging(self.trips, self.trip_feeder, self.feeders)

    @cached_property
    def supply(self) -> np.ndarray:
        """Wind of 30 % of the homes' energy over the year, and a constant block with which supply and load of
        the day are equal."""
        load = self.load + self.thermal + self.cars - self.pv
        wind = fleet.wind(self.noon, DAY) / fleet.wind(0, fleet.YEAR).mean()
        wind = wind * 0.3 * _mean_load(self.neighbourhood)
        return wind + (load.sum(axis=0) - wind).mean()

    @cached_property
    def net(self) -> np.ndarray:
        """[feeder, DAY]: the load without flexible devices other than uncontrolled heat pumps."""
        return self.load - self.pv + self.thermal

    @cached_property
    def uncontrolled(self) -> np.ndarray:
        """The imbalance without controls."""
        return (self.net + self.cars).sum(axis=0) - self.supply


def summed(series: np.ndarray, label: np.ndarray, size: int = 0) -> np.ndarray:
    """Return the sum of the series [member, steps] of each label, as [label, steps]."""
    return np.stack([np.bincount(label, column, size) for column in series.T], axis=1)


def _mean_load(homes: Homes) -> float:
    """Return the homes' mean load over a year."""
    shapes = fleet.profiles()
    mean = {name: shape.mean() for name, shape in shapes.items()}
    houses = np.array([mean[name] for name in fleet.HOUSES])[homes.shape] @ homes.rating
    pumps = np.array([mean[name] for name in fleet.PUMPS])[homes.pump] @ homes.pump_rating
    rated_kw = [float(name.rsplit("_", 1)[1]) for name in fleet.CARS]
    car_load = [mean[name] * kw * 1000 for kw, name in zip(rated_kw, fleet.CARS, strict=True)]
    cars = np.array(car_load)[homes.car].sum()
    return float(houses + pumps + cars)


def beginning(truth: Truth) -> Fleet:
    """Return the devices at noon: batteries half full, heat pumps at their set point, cars on their way."""
    homes, trips = truth.neighbourhood, truth.trips
    capacity, zero = homes.battery_capacity, np.zeros(len(homes.pump_band))
    return Fleet(
        Batteries(capacity * 0.5, capacity * fleet.RESERVE, capacity, homes.battery_power,
                  homes.battery_power, np.full(len(capacity), fleet.EFFICIENCY),
                  homes.feeder[homes.battery_owner]),
        Sessions(trips.arrive, trips.depart, trips.need, trips.power, truth.trip_feeder),
        Thermals(zero, homes.pump_band, zero + np.exp(-HOURS / fleet.LEAK_HOURS), homes.pump_rating,
                 homes.pump, truth.pump_feeder, zero + 1, zero + 1), truth.pumps[:, 0])


class Foresight:
    """Perfect knowledge of the day. `limits` are the largest load and injection of each feeder, [feeder], or
    None. `controllable` says whether generation can be curtailed."""

    def __init__(self, truth: Truth, limits: np.ndarray | None = None, controllable: bool = True) -> None:
        self.truth, self.limits, self.controllable = truth, limits, controllable

    def forecast(self, step: int, now: Fleet) -> HorizonForecast:
        truth = self.truth
        limits = (
            []
            if self.limits is None
            else [
                GroupLimit([feeder], limit, -limit, truth.net[feeder, step:])
                for feeder, limit in enumerate(self.limits)
            ]
        )
        return HorizonForecast(
            truth.net[:, step:].sum(axis=0) - truth.supply[step:],
            truth.thermal_by_cluster[:, step:],
            truth.pv[:, step:].sum(axis=0) * self.controllable,
            now.sessions.only(now.sessions.arrive > 0),
            limits,
        )

    def base(self, step: int) -> np.ndarray:
        return self.truth.pumps[:, step]


class Readings:
    """Knowledge from readings up to the previous step, last week's cars, and the cars that are plugged in.

    The supply is announced; where it is not, it is assumed to stay as it was read last.
    """
    LOAD = forecastmethods.Persistence(lag=WEEK, window=4, half_life=16)
    THERMAL = forecastmethods.Persistence(lag=DAY, window=4, half_life=16)
    PV = forecastmethods.Persistence(lag=DAY, window=4, half_life=16, ratio=True)

    def __init__(self, truth: Truth, announced: bool = True) -> None:
        self.truth, self.announced = truth, announced
        homes, noon = truth.neighbourhood, truth.noon
        self.load, self.pv = (series(homes, noon - HISTORY, HISTORY + DAY).sum(axis=0)
                              for series in (fleet.household, fleet.pv_generation))
        self.pumps = fleet.pumps(homes, noon - HISTORY, HISTORY + DAY)
        self.thermal = summed(self.pumps, truth.pump_cluster)
        week = replace(truth, noon=noon - WEEK)
        self.week = Sessions(
            week.trips.arrive, week.trips.depart, week.trips.need, week.trips.power, week.trip_feeder
        )

    def forecast(self, step: int, now: Fleet) -> HorizonForecast:
        known, ahead = HISTORY + step, DAY - step
        load = self.LOAD.ahead(self.load[:known], ahead)
        thermal = np.stack(
            [np.maximum(self.THERMAL.ahead(series[:known], ahead), 0) for series in self.thermal]
        )
        pv = np.maximum(self.PV.ahead(self.pv[:known], ahead), 0)
        supply = (
            self.truth.supply[step:]
            if self.announced or step == 0
            else np.full(ahead, self.truth.supply[step - 1])
        )
        coming = self.week.only(self.week.arrive > step)
        coming = coming._replace(arrive=coming.arrive - step, depart=coming.depart - step)
        return HorizonForecast(load - pv + thermal.sum(axis=0) - supply, thermal, pv, coming)

    def base(self, step: int) -> np.ndarray:
        return self.pumps[:, HISTORY + step - 1]

    def record_power(self, step: int, power_w: float) -> None:
        """Add load that was read in the step but not ordered: it counts as inflexible from now on."""
        self.load[HISTORY + step] += power_w


@dataclass(frozen=True)
class DayResult:
    """The result of a day.

    The imbalance [DAY]; the flexible load of each feeder [feeder, DAY]; the energy that each car left
    without, Wh; and by how much a battery's bounds and a comfort band were violated at worst, Wh. `moved_wh`
    is what batteries charged and discharged, `missing_wh` by how much stores hold less at the end.
    """
    imbalance: np.ndarray
    flexible_load: np.ndarray
    unserved: np.ndarray
    reserve_violation: float
    comfort_violation: float
    moved_wh: float = 0.0
    missing_wh: float = 0.0


NOTICED = 2
"""Steps after which the planner knows which devices do not respond."""


@dataclass(frozen=True)
class NonResponding:
    """The devices that follow no order, as masks."""
    batteries: np.ndarray
    thermals: np.ndarray
    cars: np.ndarray


def non_responding(truth: Truth, fraction: float, seed: int = 5) -> NonResponding:
    """Draw a fraction of the devices."""
    generator = np.random.default_rng(seed)
    cars = generator.random(len(truth.neighbourhood.car_owner)) < fraction
    return NonResponding(
        generator.random(len(truth.neighbourhood.battery_owner)) < fraction,
        generator.random(len(truth.neighbourhood.pump_owner)) < fraction,
        cars[truth.trips.car],
    )


def run_day(
    truth: Truth, knowledge: Any, planner: Any, faulty: NonResponding | None = None
) -> DayResult:
    """Run the day with a planner: an object whose `step(fleet, forecast)` returns powers. `knowledge` is that
    of Foresight or Readings."""
    now, faulty = beginning(truth), faulty or non_responding(truth, 0.0)
    faulty_cars, steps_present = faulty.cars, np.zeros(len(truth.trips.need))
    imbalance, flexible_load = np.zeros(DAY), np.zeros((truth.feeders, DAY))
    reserve_violation = comfort_violation = moved_wh = 0.0
    unserved, stored_wh = [], now.batteries.energy.sum()
    for step in range(DAY):
        present = now.sessions.arrive <= 0
        cars = present & ~(faulty_cars & (steps_present >= NOTICED))
        batteries, thermals = (~mask | (step < NOTICED) for mask in (faulty.batteries, faulty.thermals))
        eligible = Fleet(now.batteries.only(batteries), now.sessions.only(cars),
                         now.thermals.only(thermals), knowledge.base(step)[thermals])
        ordered = planner.step(eligible, knowledge.forecast(step, now))
        powers = MemberPowers(
            _scattered(ordered.batteries, batteries),
            _scattered(ordered.sessions, cars),
            _scattered(ordered.thermals, thermals),
            0,
        )
        powers.batteries[faulty.batteries], powers.thermals[faulty.thermals] = 0, 0
        powers.sessions[faulty_cars & present] = np.inf
        curtailed = curtailment(planner, truth.pv[:, step].sum())
        now, load = after_orders(now, powers, truth, step)
        if isinstance(knowledge, Readings) and len(faulty_cars):
            not_ordered = load.sum()
            for powers_w in (ordered.batteries, ordered.sessions, ordered.thermals):
                not_ordered -= powers_w.sum()
            knowledge.record_power(step, float(not_ordered))
        moved_wh += float(np.abs(powers.batteries).sum() * HOURS)
        flexible_load[:, step] = load
        imbalance[step] = truth.net[:, step].sum() + load.sum() + curtailed - truth.supply[step]
        reserve_violation = max(reserve_violation,
                                float((now.batteries.least - now.batteries.energy).max(initial=0)),
                                float((now.batteries.energy - now.batteries.most).max(initial=0)))
        comfort_violation = max(comfort_violation,
                                float((abs(now.thermals.state) - now.thermals.band).max(initial=0)))
        departed = now.sessions.depart <= 0
        unserved.append(now.sessions.need[departed])
        now = now._replace(sessions=now.sessions.only(~departed))
        faulty_cars, steps_present = faulty_cars[~departed], (steps_present + present)[~departed]
    missing_wh = float(stored_wh - now.batteries.energy.sum() - now.thermals.state.sum())
    return DayResult(imbalance, flexible_load, np.concatenate(unserved), reserve_violation, comfort_violation,
                     moved_wh, missing_wh)


def _scattered(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the values at the places of a mask, and 0 elsewhere."""
    scattered = np.zeros(len(mask))
    scattered[mask] = values
    return scattered


def curtailment(planner: Any, generation: float) -> float:
    """Return how much PV the planner's current step curtails, at most the generation."""
    plan = getattr(planner, "plan", None)
    return 0.0 if plan is None else min(float(plan.curtailed[planner.age]), generation)


def after_orders(now: Fleet, powers: MemberPowers, truth: Truth, step: int) -> tuple[Fleet, np.ndarray]:
    """Return the devices after the step, and the flexible load of each feeder, less the base of heat pumps.

    Orders are followed exactly where a device can. An order beyond a battery's capacity shows as a violation.
    """
    base = truth.pumps[:, step]
    pump_offset = np.clip(base + powers.thermals, 0, now.thermals.power) - base
    present = now.sessions.arrive <= 0
    charge = np.zeros(len(present))
    highest = np.minimum(now.sessions.power, now.sessions.need / HOURS)
    charge[present] = np.clip(powers.sessions, 0, highest)[present]
    realised = MemberPowers(powers.batteries, charge, pump_offset, 0)
    load = sum(
        sums(group, power, truth.feeders)
        for group, power in (
            (now.batteries.group, powers.batteries),
            (now.thermals.group, pump_offset),
            (now.sessions.group, charge),
        )
    )
    after = after_step(now, realised, HOURS)
    return after._replace(sessions=after.sessions._replace(arrive=now.sessions.arrive - 1)), load


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))
