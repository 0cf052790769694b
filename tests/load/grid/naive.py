"""Rules that come to mind first, and what they do to the balance. Consumption is positive, in W."""
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
    """Cars and heat pumps off from 17:00 to 21:00, every day; then all of them want back at once what they
    missed."""
    trips, off = truth.trips, np.zeros(DAY, dtype=bool)
    off[EVENING] = True
    need, drawn = trips.need.copy(), np.zeros(DAY)
    missed = np.zeros(len(truth.pumps))
    for step in range(DAY):
        here = (trips.arrive <= step) & (step < trips.depart)
        car = np.where(here & ~off[step], np.minimum(trips.power, need / HOURS), 0)
        need -= car * HOURS
        base = truth.pumps[:, step]
        pump = np.zeros_like(base) if off[step] else np.minimum(base + missed / HOURS, truth.town.pump_rating)
        missed += (base - pump) * HOURS
        drawn[step] = car.sum() + pump.sum() - base.sum()
    return truth.net.sum(axis=0) + drawn - truth.supply


def cars_at_eleven(truth: Truth) -> np.ndarray:
    """Every car that came before 23:00 and stays begins to charge then."""
    trips = truth.trips
    waits = (trips.arrive < LATE) & (trips.depart > LATE)
    delayed = replace(trips, arrive=np.where(waits, LATE, trips.arrive))
    return (truth.net + fleet.unmanaged(delayed, truth.trip_feeder, truth.feeders)).sum(axis=0) - truth.supply


class Myopic:
    """Follows the imbalance of the moment: a surplus goes to cars, then to batteries; what lacks comes from
    these."""

    def __init__(self, groups: int = 1) -> None:
        self.groups = groups

    def step(self, now: disaggregation.Fleet, outlook: HorizonForecast) -> disaggregation.MemberPowers:
        net = float(outlook.net[0])
        zero = np.zeros(self.groups)
        asked = disaggregation.StepTarget(zero + max(-net, 0) / self.groups, zero[:, None], zero, -net)
        return disaggregation.disaggregate(asked, now, disaggregation.StepOptions(HOURS))
