"""Placebo events: the baseline of a time in which nothing was asked, beside what was metered.

Whatever differs would be paid, or not paid, for nothing. Days are those of a year from the 60th on, of
SimBench's households; consumption is positive, in W.
"""
from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np

from server.grid.optimisation import measurement
from tests.load.grid import fleet
from tests.load.grid.fleet import DAY, EFFICIENCY, HOURS, HOUSES, PVS, RESERVE
from tests.load.grid.gates import Gate

PER_HOUR, LOOK_BACK = 4, 42
FIRST_DAY, DAYS = 60, fleet.YEAR // DAY
EVENTS = {"11 to 15": (44, 60), "16 to 20": (64, 80)}
MOST_BIAS = 0.06  # of the mean power, for sums
STEEPEST = 0.1  # of days: those that rise most above their like days in the two hours before
WORKING = np.array([(date(2016, 1, 1) + timedelta(days=day)).weekday() < 5 for day in range(DAYS)])


class Error(NamedTuple):
    """Bias and mean error of baselines, of all days and of those of steep rise, of the mean power."""
    bias: float
    error: float
    steep_bias: float
    steep_error: float


def homes(count: int) -> dict[str, np.ndarray]:
    """Return the series [n, YEAR] of each kind of meter in a neighbourhood."""
    neighbourhood, profiles = fleet.homes(count, seed=3), fleet.profiles()
    at = (np.arange(fleet.YEAR) + neighbourhood.shift[:, None]) % fleet.YEAR
    shapes = np.stack([profiles[name] for name in HOUSES])
    load = shapes[neighbourhood.shape[:, None], at] * neighbourhood.rating[:, None]
    solar = np.stack([profiles[name] for name in PVS])[neighbourhood.pv] * neighbourhood.pv_rating[:, None]
    net = load[neighbourhood.pv_owner] - solar
    kept = np.isin(neighbourhood.pv_owner, neighbourhood.battery_owner)
    of_home = {home: number for number, home in enumerate(neighbourhood.battery_owner.tolist())}
    battery = np.array([of_home[home] for home in neighbourhood.pv_owner[kept].tolist()])
    return {
        "homes with solar": net,
        "heat pumps": fleet.pumps(neighbourhood, 0, fleet.YEAR),
        "households": load,
        "batteries in self-consumption": self_consumption(
            net[kept], neighbourhood.battery_power[battery], neighbourhood.battery_capacity[battery]),
    }


def self_consumption(net: np.ndarray, power: np.ndarray, capacity: np.ndarray) -> np.ndarray:
    """Return the load [n, steps] of batteries that take what solar leaves over and give what homes lack."""
    load, energy = np.zeros_like(net), capacity / 2
    for step in range(net.shape[1]):
        most = np.minimum(power, (capacity - energy) / (HOURS * EFFICIENCY))
        least = -np.minimum(power, np.maximum(energy - RESERVE * capacity, 0) * EFFICIENCY / HOURS)
        load[:, step] = np.clip(-net[:, step], least, most)
        energy += np.where(load[:, step] > 0, load[:, step] * EFFICIENCY, load[:, step] / EFFICIENCY) * HOURS
    return load


def errors(series: np.ndarray, event: tuple[int, int]) -> tuple[Error, Error]:
    """Return the errors of baselines of each series [n, YEAR], and those of the mean of ten like days
    unadjusted."""
    begin, end = event
    days = series.reshape(len(series), DAYS, DAY)
    found, rises = [], []
    for day in range(FIRST_DAY, DAYS):
        like = [number for number in range(day - LOOK_BACK, day) if WORKING[number] == WORKING[day]]
        for member in days:
            known = np.where(np.arange(DAY) < begin, member[day], np.nan)
            baseline = measurement.ten_of_ten(member[like], known, begin, end, PER_HOUR).values
            usual, metered = member[like[-10:]].mean(axis=0), member[day, begin:end].mean()
            found.append((day, baseline.mean() - metered, usual[begin:end].mean() - metered, metered))
            rises.append((day, (member[day] - usual)[begin - 2 * PER_HOUR:begin].mean()))
    steep = np.argsort(-_by_day(rises))[:round(STEEPEST * (DAYS - FIRST_DAY))]
    day, ours, unadjusted, metered = np.array(found).T
    chosen = np.isin(day, steep)
    ours_and_unadjusted = [
        Error(*(part for of in (slice(None), chosen) for part in _relative(error[of], metered[of])))
        for error in (ours, unadjusted)]
    return ours_and_unadjusted[0], ours_and_unadjusted[1]


def _by_day(rises: list[tuple[int, float]]) -> np.ndarray:
    day, rise = np.array(rises).T
    return np.bincount(day.astype(int), rise, DAYS)


def _relative(error: np.ndarray, metered: np.ndarray) -> tuple[float, float]:
    mean = np.abs(metered).mean()
    return float(error.mean() / mean), float(np.abs(error).mean() / mean)


def table(count: int = 200) -> Iterator[tuple[str, Error, Error]]:
    """Yield what was metered, and the errors of our baselines and of unadjusted ones: of sums, which are
    settled, and of single homes with solar."""
    for name, series in homes(count).items():
        for hours, event in EVENTS.items():
            yield f"{name}, {hours}", *errors(series.sum(axis=0, keepdims=True), event)
            if name == "homes with solar":
                yield f"each of 40 {name}, {hours}", *errors(series[:40], event)


def gates_of() -> Iterator[Gate]:
    """Measure bias and error of baselines. The bias of sums is bounded; on days of steep rise that of homes
    with solar is at most half of what it is without adjustment."""
    for name, ours, unadjusted in table():
        most = np.inf if name.startswith("each") else MOST_BIAS
        half = abs(unadjusted.steep_bias) / 2 if name.startswith("homes with solar") else np.inf
        yield Gate(f"placebo, {name}: bias", abs(ours.bias), most, True,
                   note=f"error {ours.error:.0%}; unadjusted {unadjusted.bias:+.1%}, {unadjusted.error:.0%}")
        yield Gate("  on days of steep rise", abs(ours.steep_bias), half, True, note=(
            f"error {ours.steep_error:.0%}; unadjusted {unadjusted.steep_bias:+.1%}, "
            f"{unadjusted.steep_error:.0%}"))
