"""Homes made of SimBench's profiles: a year of quarters of an hour, by row, since its time stamps have a
fault at the change to summer time. Consumption is positive, in W; energy in Wh.

Every home has a household's shape, shifted by up to four weeks and three quarters of an hour; 45 % have PV,
25 % a battery, 50 % a car, 25 % a heat pump. Supply is 30 % wind and a flat block, such that the day nets to
zero.
"""
from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas
import simbench

DAY, WEEK = 96, 7 * 96
HOURS = 0.25
YEAR = 366 * DAY
HOUSES = ("H0-A", "H0-B", "H0-C", "H0-G", "H0-L")
CARS = ("HLS_A_3.7", "HLS_B_3.7", "HLS_C_3.7", "HLS_A_11.0", "HLS_B_11.0", "HLS_A_22.0")
PUMPS = ("Air_Alternative_1", "Air_Parallel_1", "Air_Semi-Parallel_1", "Soil_Alternative_1",
         "Air_Alternative_2", "Air_Parallel_2", "Air_Semi-Parallel_2", "Soil_Alternative_2")
SUNS, WINDS = tuple(f"PV{number}" for number in range(1, 9)), ("WP4", "WP7", "WP10")
DAYS = (16, 61, 107, 153, 199, 244, 290, 336)
LEAK_HOURS = 20.0
EFFICIENCY = 0.95
RESERVE = 0.1


@cache
def profiles() -> dict[str, np.ndarray]:
    """By name, a year of each profile, as a fraction of its rating."""
    folder = Path(simbench.__file__).parent / "networks" / "1-complete_data-mixed-all-2-sw"
    wanted = {"LoadProfile.csv": [f"{name}_pload" for name in HOUSES + CARS + PUMPS],
              "RESProfile.csv": [*SUNS, *WINDS]}
    found = {}
    for file, columns in wanted.items():
        table = pandas.read_csv(folder / file, sep=";", usecols=columns)
        found |= {name.removesuffix("_pload"): table[name].to_numpy() for name in columns}
    return found


@dataclass(frozen=True)
class Homes:
    """So many homes; arrays by home, or by owner of the device. Shifts are in steps."""
    shape: np.ndarray
    rating: np.ndarray
    shift: np.ndarray
    feeder: np.ndarray
    sun_owner: np.ndarray
    sun: np.ndarray
    sun_rating: np.ndarray
    store_owner: np.ndarray
    store_power: np.ndarray
    store_span: np.ndarray
    car_owner: np.ndarray
    car: np.ndarray
    car_leaves: np.ndarray
    pump_owner: np.ndarray
    pump: np.ndarray
    pump_rating: np.ndarray
    pump_band: np.ndarray


def homes(count: int, seed: int = 1, feeders: int = 1) -> Homes:
    """A neighbourhood, always the same for a seed."""
    numbers = np.random.default_rng(seed)

    def some(part: float) -> np.ndarray:
        return np.flatnonzero(numbers.random(count) < part)

    sun, store, car, pump = some(0.45), some(0.25), some(0.50), some(0.25)
    power = numbers.uniform(1700, 6800, len(store))
    rating = numbers.uniform(2000, 5000, len(pump))
    return Homes(
        shape=numbers.integers(len(HOUSES), size=count),
        rating=numbers.uniform(2000, 5000, count),
        shift=numbers.integers(-4, 5, count) * WEEK + numbers.integers(0, 4, count),
        feeder=np.arange(count) * feeders // count,
        sun_owner=sun,
        sun=numbers.integers(len(SUNS), size=len(sun)),
        sun_rating=numbers.uniform(3000, 10_000, len(sun)),
        store_owner=store,
        store_power=power,
        store_span=power * numbers.uniform(2.0, 2.7, len(store)),
        car_owner=car,
        car=numbers.integers(len(CARS), size=len(car)),
        car_leaves=numbers.integers(22, 37, len(car)),
        pump_owner=pump,
        pump=numbers.integers(len(PUMPS), size=len(pump)),
        pump_rating=rating,
        pump_band=rating * numbers.uniform(0.5, 1.0, len(pump)),
    )


def household(town: Homes, start: int, steps: int) -> np.ndarray:
    """[feeder, steps]: what nobody moves."""
    return _stacked(
        HOUSES, town.shape, town.rating, town.shift, town.feeder, int(town.feeder.max()) + 1, start, steps
    )


def sunshine(town: Homes, start: int, steps: int) -> np.ndarray:
    """[feeder, steps]: what PV generates, positive. The sun shines on all at once: no shift."""
    owner = town.sun_owner
    return _stacked(
        SUNS,
        town.sun,
        town.sun_rating,
        np.zeros_like(owner),
        town.feeder[owner],
        int(town.feeder.max()) + 1,
        start,
        steps,
    )


def _stacked(
    names: tuple[str, ...],
    which: np.ndarray,
    rating: np.ndarray,
    shift: np.ndarray,
    feeder: np.ndarray,
    feeders: int,
    start: int,
    steps: int,
) -> np.ndarray:
    """Profiles times ratings, summed by feeder; those with one profile and shift are summed before."""
    kinds, label = np.unique(np.stack((which, shift)), axis=1, return_inverse=True)
    weight = np.bincount(feeder * kinds.shape[1] + label.reshape(-1), rating, feeders * kinds.shape[1])
    at = (start + kinds[1][:, None] + np.arange(steps)[None, :]) % YEAR
    shapes = np.stack([profiles()[name] for name in names])[kinds[0][:, None], at]
    return weight.reshape(feeders, -1) @ shapes


def pumps(town: Homes, start: int, steps: int) -> np.ndarray:
    """[owner, steps]: what each heat pump draws if left alone. Cold is cold for all: shifted by quarters
    only."""
    at = (start + (town.shift[town.pump_owner] % WEEK)[:, None] + np.arange(steps)[None, :]) % YEAR
    shapes = np.stack([profiles()[name] for name in PUMPS])
    return np.clip(shapes[town.pump[:, None], at], 0, 1) * town.pump_rating[:, None]


@dataclass(frozen=True)
class Trips:
    """The cars that come home: whose (place in `car_owner`), steps of arrival and departure, Wh, W."""
    car: np.ndarray
    arrive: np.ndarray
    depart: np.ndarray
    need: np.ndarray
    power: np.ndarray


@cache
def _charges(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Of a charger's profile: the steps at which it begins to charge, and the hours at full power that it
    takes."""
    values = profiles()[name]
    on = np.concatenate(((False,), values > 0.01, (False,)))
    begin, end = np.flatnonzero(~on[:-1] & on[1:]), np.flatnonzero(on[:-1] & ~on[1:])
    total = np.concatenate(((0.0,), np.cumsum(values)))
    return begin, (total[end] - total[begin]) * HOURS


def trips(town: Homes, noon: int) -> Trips:
    """Whoever arrives from noon to noon. Arrived after 15:00, a car leaves in the morning, at its own time
    between 05:30 and 09:00; before, after three times as long as it takes to charge. All leave by the next
    noon."""
    power = np.array([float(name.rsplit("_", 1)[1]) for name in CARS])[town.car] * 1000
    shift = town.shift[town.car_owner]
    found = []
    for place, name in enumerate(CARS):
        begin, hours = _charges(name)
        for car in np.flatnonzero(town.car == place):
            at = (begin - shift[car] - noon) % YEAR
            inside = at < DAY
            found += [(car, arrive, long) for arrive, long in zip(at[inside], hours[inside], strict=True)]
    if not found:
        return Trips(*(np.zeros(0, dtype=int) for _ in range(3)), np.zeros(0), np.zeros(0))
    car, arrive, hours = (np.array(part) for part in zip(*sorted(found), strict=True))
    last = 48 + town.car_leaves[car]
    long = np.ceil(hours / HOURS).astype(int)
    depart = np.where((arrive >= 12) & (arrive + long < last), last, arrive + 3 * long)
    depart = np.minimum(depart, DAY)
    need = np.minimum(hours, (depart - arrive) * HOURS) * power[car]
    return Trips(car, arrive, depart, need, power[car])


def unmanaged(visits: Trips, feeder: np.ndarray, feeders: int) -> np.ndarray:
    """[feeder, DAY]: cars that charge at full power from when they come."""
    drawn = np.zeros((feeders, DAY))
    for step in range(DAY):
        done = np.maximum(step - visits.arrive, 0) * HOURS * visits.power
        on = (visits.arrive <= step) & (step < visits.depart)
        drawn[:, step] = np.bincount(
            feeder, np.where(on, np.clip((visits.need - done) / HOURS, 0, visits.power), 0), feeders
        )
    return drawn


def wind(start: int, steps: int) -> np.ndarray:
    """What the wind gives, as a fraction of its rating."""
    at = (start + np.arange(steps)) % YEAR
    return np.mean([profiles()[name][at] for name in WINDS], axis=0)
