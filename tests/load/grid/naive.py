"""Naive rules to compare the balance with. Consumption is positive, in W."""
from __future__ import annotations

from dataclasses import replace

import numpy as np

from server.grid.optimisation import disaggregation
from server.grid.optimisation.rollinghorizon import HorizonForecast
from tests.load.grid import fleet
from tests.load.grid.day import Truth
from tests.load.grid.fleet import DAY, HOURS

EVENING, LATE = slice(20, 36), 44  # 17:00 to 21:00, and 23:00, in steps after noon


def curtail_all(truth: Truth) -> np.ndarray:
    """Return the imbalance with cars and heat pumps off from 17:00 to 21:00, which catch up at once after
    that."""
    trips, off = truth.trips, np.zeros(DAY, dtype=bool)
    off[EVENING] = True
    need, load = trips.need.copy(), np.zeros(DAY)
    missed = np.zeros(len(truth.pumps))
    for step in range(DAY):
        present = (trips.arrive <= step) & (step < trips.depart)
        car = np.where(present & ~off[step], np.minimum(trips.power, need / HOURS), 0)
        need -= car * HOURS
        base = truth.pumps[:, step]
        catching_up = np.minimum(base + missed / HOURS, truth.neighbourhood.pump_rating)
        pump = np.zeros_like(base) if off[step] else catching_up
        missed += (base - pump) * HOURS
        load[step] = car.sum() + pump.sum() - base.sum()
    return truth.net.sum(axis=0) + load - truth.supply


def cars_at_eleven(truth: Truth) -> np.ndarray:
    """Return the imbalance where every car that is there at 23:00 begins to charge then."""
    trips = truth.trips
    waits = (trips.arrive < LATE) & (trips.depart > LATE)
    delayed = replace(trips, arrive=np.where(waits, LATE, trips.arrive))
    cars = fleet.uncontrolled_charging(delayed, truth.trip_feeder, truth.feeders)
    return (truth.net + cars).sum(axis=0) - truth.supply


class Myopic:
    """A planner that follows the present imbalance.

    A surplus goes to cars, then to batteries; a deficit comes from batteries.
    """

    def __init__(self, groups: int = 1) -> None:
        self.groups = groups

    def step(self, now: disaggregation.Fleet, forecast: HorizonForecast) -> disaggregation.MemberPowers:
        net = float(forecast.net[0])
        zero = np.zeros(self.groups)
        target = disaggregation.StepTarget(zero + max(-net, 0) / self.groups, zero[:, None], zero, -net)
        return disaggregation.disaggregate(target, now, disaggregation.StepOptions(HOURS))


class Threshold:
    """A planner by two prices of the day: cars charge while it is cheaper than the median, or when they have
    to; batteries charge in the cheapest quarter of the day and discharge in the dearest."""

    def __init__(self, price: np.ndarray) -> None:
        self.price = price

    def step(self, now: disaggregation.Fleet, forecast: HorizonForecast) -> disaggregation.MemberPowers:
        price = self.price[DAY - len(forecast.net)]
        cheap, median, dear = np.quantile(self.price, (0.25, 0.5, 0.75))
        cars = np.inf if price <= median else 0.0
        plugged = now.sessions.only(now.sessions.arrive <= 0)
        car_power = float(np.minimum(plugged.power, plugged.need / HOURS).sum())
        batteries = float(now.batteries.charge.sum()) * (int(price <= cheap) - int(price >= dear))
        zero = np.zeros(1)
        target = disaggregation.StepTarget(
            np.array([min(cars, car_power)]), zero[:, None], zero, min(cars, car_power) + batteries)
        return disaggregation.disaggregate(target, now, disaggregation.StepOptions(HOURS))
