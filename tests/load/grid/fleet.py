"""Homes from SimBench's profiles: a year of quarters of an hour, by row, since its time stamps are wrong at
the change to summer time. Consumption is positive, in W; energy in Wh.

Every home has the profile of a household, shifted by up to four weeks and three quarters of an hour; 45 %
have PV, 25 % a battery, 50 % a car, 25 % a heat pump. Supply is 30 % wind and a constant block, with which
supply and load of a day are equal.
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
PVS, WINDS = tuple(f"PV{number}" for number in range(1, 9)), ("WP4", "WP7", "WP10")
DAYS = (16, 61, 107, 153, 199, 244, 290, 336)
LEAK_HOURS = 20.0
EFFICIENCY = 0.95
RESERVE = 0.1


@cache
def profiles() -> dict[str, np.ndarray]:
    """Return a year of each profile by name, as a fraction of its rating."""
    folder = Path(simbench.__file__).parent / "networks" / "1-complete_data-mixed-all-2-sw"
    files = {"LoadProfile.csv": [f"{name}_pload" for name in HOUSES + CARS + PUMPS],
             "RESProfile.csv": [*PVS, *WINDS]}
    series = {}
    for file, columns in files.items():
        table = pandas.read_csv(folder / file, sep=";", usecols=columns)
        series |= {name.removesuffix("_pload"): table[name].to_numpy() for name in columns}
    return series


@dataclass(frozen=True)
class Homes:
    """Homes and their devices, as arrays by home or by device.

    `shape`, `pv`, `car` and `pump` are indices of profiles, owners are indices of homes, shifts are in steps.
    """
    shape: np.ndarray
    rating: np.ndarray
    shift: np.ndarray
    feeder: np.ndarray
    pv_owner: np.ndarray
    pv: np.ndarray
    pv_rating: np.ndarray
    battery_owner: np.ndarray
    battery_power: np.ndarray
    battery_capacity: np.ndarray
    car_owner: np.ndarray
    car: np.ndarray
    car_departure: np.ndarray
    pump_owner: np.ndarray
    pump: np.ndarray
    pump_rating: np.ndarray
    pump_band: np.ndarray


def homes(count: int, seed: int = 1, feeders: int = 1) -> Homes:
    """Return a neighbourhood, the same for a seed."""
    generator = np.random.default_rng(seed)

    def owners(fraction: float) -> np.ndarray:
        return np.flatnonzero(generator.random(count) < fraction)

    pv, battery, car, pump = owners(0.45), owners(0.25), owners(0.50), owners(0.25)
    power = generator.uniform(1700, 6800, len(battery))
    rating = generator.uniform(2000, 5000, len(pump))
    return Homes(
        shape=generator.integers(len(HOUSES), size=count),
        rating=generator.uniform(2000, 5000, count),
        shift=generator.integers(-4, 5, count) * WEEK + generator.integers(0, 4, count),
        feeder=np.arange(count) * feeders // count,
        pv_owner=pv,
        pv=generator.integers(len(PVS), size=len(pv)),
        pv_rating=generator.uniform(3000, 10_000, len(pv)),
        battery_owner=battery,
        battery_power=power,
        battery_capacity=power * generator.uniform(2.0, 2.7, len(battery)),
        car_owner=car,
        car=generator.integers(len(CARS), size=len(car)),
        car_departure=generator.integers(22, 37, len(car)),
        pump_owner=pump,
        pump=generator.integers(len(PUMPS), size=len(pump)),
        pump_rating=rating,
        pump_band=rating * generator.uniform(0.5, 1.0, len(pump)),
    )


def household(neighbourhood: Homes, start: int, steps: int) -> np.ndarray:
    """Return the inflexible load of households: [feeder, steps]."""
    return _stacked(
        HOUSES,
        neighbourhood.shape,
        neighbourhood.rating,
        neighbourhood.shift,
        neighbourhood.feeder,
        int(neighbourhood.feeder.max()) + 1,
        start,
        steps,
    )


def pv_generation(neighbourhood: Homes, start: int, steps: int) -> np.ndarray:
    """Return the PV generation, positive: [feeder, steps]. Profiles are not shifted."""
    owner = neighbourhood.pv_owner
    return _stacked(
        PVS,
        neighbourhood.pv,
        neighbourhood.pv_rating,
        np.zeros_like(owner),
        neighbourhood.feeder[owner],
        int(neighbourhood.feeder.max()) + 1,
        start,
        steps,
    )


def _stacked(
    names: tuple[str, ...],
    profile: np.ndarray,
    rating: np.ndarray,
    shift: np.ndarray,
    feeder: np.ndarray,
    feeders: int,
    start: int,
    steps: int,
) -> np.ndarray:
    """Return profiles times ratings, summed by feeder; equal profiles with equal shifts are summed first."""
    kinds, label = np.unique(np.stack((profile, shift)), axis=1, return_inverse=True)
    weight = np.bincount(feeder * kinds.shape[1] + label.reshape(-1), rating, feeders * kinds.shape[1])
    at = (start + kinds[1][:, None] + np.arange(steps)[None, :]) % YEAR
    shapes = np.stack([profiles()[name] for name in names])[kinds[0][:, None], at]
    return weight.reshape(feeders, -1) @ shapes


def pumps(neighbourhood: Homes, start: int, steps: int) -> np.ndarray:
    """Return the uncontrolled load of each heat pump: [owner, steps].

    Profiles are only shifted within an hour, since all have the same weather.
    """
    shift = neighbourhood.shift[neighbourhood.pump_owner] % WEEK
    at = (start + shift[:, None] + np.arange(steps)[None, :]) % YEAR
    shapes = np.stack([profiles()[name] for name in PUMPS])
    return np.clip(shapes[neighbourhood.pump[:, None], at], 0, 1) * neighbourhood.pump_rating[:, None]


@dataclass(frozen=True)
class Trips:
    """Charging sessions: car (index in `car_owner`), steps of arrival and departure, Wh, W."""
    car: np.ndarray
    arrive: np.ndarray
    depart: np.ndarray
    need: np.ndarray
    power: np.ndarray


@cache
def _charges(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the steps at which a charger's profile begins to charge, and the hours at full power."""
    values = profiles()[name]
    on = np.concatenate(((False,), values > 0.01, (False,)))
    begin, end = np.flatnonzero(~on[:-1] & on[1:]), np.flatnonzero(on[:-1] & ~on[1:])
    total = np.concatenate(((0.0,), np.cumsum(values)))
    return begin, (total[end] - total[begin]) * HOURS


def trips(neighbourhood: Homes, noon: int) -> Trips:
    """Return the sessions with an arrival from noon to noon.

    A car that arrives after 15:00 leaves in the morning, at its own time between 05:30 and 09:00; any other
    after three times as long as it takes to charge. All leave by the next noon.
    """
    power = np.array([float(name.rsplit("_", 1)[1]) for name in CARS])[neighbourhood.car] * 1000
    shift = neighbourhood.shift[neighbourhood.car_owner]
    sessions = []
    for profile, name in enumerate(CARS):
        begin, hours = _charges(name)
        for car in np.flatnonzero(neighbourhood.car == profile):
            at = (begin - shift[car] - noon) % YEAR
            inside = at < DAY
            sessions += [
                (car, arrive, charging)
                for arrive, charging in zip(at[inside], hours[inside], strict=True)
            ]
    if not sessions:
        return Trips(*(np.zeros(0, dtype=int) for _ in range(3)), np.zeros(0), np.zeros(0))
    car, arrive, hours = (np.array(part) for part in zip(*sorted(sessions), strict=True))
    morning = 48 + neighbourhood.car_departure[car]
    steps = np.ceil(hours / HOURS).astype(int)
    depart = np.where((arrive >= 12) & (arrive + steps < morning), morning, arrive + 3 * steps)
    depart = np.minimum(depart, DAY)
    need = np.minimum(hours, (depart - arrive) * HOURS) * power[car]
    return Trips(car, arrive, depart, need, power[car])


def uncontrolled_charging(sessions: Trips, feeder: np.ndarray, feeders: int) -> np.ndarray:
    """Return the load of cars that charge at full power from their arrival: [feeder, DAY]."""
    load = np.zeros((feeders, DAY))
    for step in range(DAY):
        charged = np.maximum(step - sessions.arrive, 0) * HOURS * sessions.power
        present = (sessions.arrive <= step) & (step < sessions.depart)
        power = np.clip((sessions.need - charged) / HOURS, 0, sessions.power)
        load[:, step] = np.bincount(feeder, np.where(present, power, 0), feeders)
    return load


def wind(start: int, steps: int) -> np.ndarray:
    """Return the generation of wind, as a fraction of its rating."""
    at = (start + np.arange(steps)) % YEAR
    return np.mean([profiles()[name][at] for name in WINDS], axis=0)
