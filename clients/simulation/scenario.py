"""A made-up town: which home has which devices, how much the rest of each home draws, and what supplies them.
Pure.

Everything is drawn from a seed, so that a day can be lived twice; no profiles are kept. Power in W; here
consumption is positive, as a balance sheet of a feeder has it.
"""
from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from clients.devices.devicemodel import DeviceModel
from clients.devices.evcharger import EvCharger, evening_session, local_day
from clients.events.control import PowerOrder
from clients.simulation import neighbourhood, weather
from clients.simulation.totals import INTERVAL, mean_injection_w
from clients.simulation.weather import DAY, Site

Entry = dict[str, Any]
STEPS = DAY // INTERVAL
# Which part of the homes has it, and what an operator calls it.
KINDS = {"inverter": (0.45, "pv"), "battery": (0.25, "battery"), "evcharger": (0.5, "ev_charger"),
         "thermostat": (0.4, "thermostat")}
# How long plants have lived alone before a day begins, so that cars are as full and rooms as warm as they
# would be (s).
SETTLING_S = DAY // 2
WIND_FRACTION, HOURLY_FRACTION = 0.3, 0.5
# Heat pumps that go up and down, rather than on and off: seen over a quarter of an hour they keep a room so
# close (K).
THERMOSTAT_BAND_K = 0.1
# For how long they have to run at full power to store what comfort allows (h).
COMFORT_HOURS = 1.0
# How coarsely a day is lived ahead for a forecast (s), and by how much a forecast errs.
FORECAST_STEP_S, FORECAST_ERROR, MAX_LATENESS_S = 300.0, 0.08, 1200


def devices(homes: int = 60, seed: int = 1, feeder: str = "F1") -> list[Entry]:
    """The devices of so many homes, without certificates: `name`, `kind` as the operator calls it, `labels`,
    `plant` and `ratings` as `neighbourhood.made` takes them."""
    chance = random.Random(seed)
    having = {
        kind: set(chance.sample(range(homes), round(part * homes))) for kind, (part, _) in KINDS.items()
    }
    return [
        _device(kind, home, chance, feeder) for home in range(homes) for kind in KINDS if home in having[kind]
    ]


def _device(kind: str, home: int, chance: random.Random, feeder: str) -> Entry:
    site = sites(home + 1)[home]
    said = {"seed": site.seed, "peak_load": site.peak_load, "rise": 2.0}
    called = KINDS[kind][1]
    return {
        "name": f"home-{home + 1}-{called.replace('_', '-')}",
        "kind": called,
        "plant": kind,
        "labels": {"feeder": feeder, "home": str(home + 1)},
        "ratings": RATINGS[kind](chance) | {"site": said | ({"peak_load": 0.0} if kind == "battery" else {})},
    }


def _inverter(chance: random.Random) -> Entry:
    rated = round(chance.uniform(3000, 7000), -2)
    return {"max_w": rated, "panel_w": 1.2 * rated}


def _battery(chance: random.Random) -> Entry:
    """It serves no household: left alone it rests."""
    rated = round(chance.uniform(2500, 5000), -2)
    size = round(rated * chance.uniform(2.0, 2.7), -2)
    return {"max_w": rated, "max_charge_w": rated, "max_discharge_w": rated, "max_wh": size,
            "stored": round(size * chance.uniform(0.4, 0.6)), "panel_w": 0.0}


RATINGS: dict[str, Callable[[random.Random], Entry]] = {
           "inverter": _inverter, "battery": _battery,
           "evcharger": lambda chance: {"max_charge_w": chance.choice((3700.0, 7400.0, 7400.0, 11000.0))},
           "thermostat": lambda chance: {"max_charge_w": round(chance.uniform(1500, 2500), -2),
                                         "setpoint": float(chance.randint(20, 22)),
                                         "band": THERMOSTAT_BAND_K}}


def sites(homes: int) -> list[Site]:
    """The homes themselves."""
    return [Site(f"home {home}", peak_load=2200 + 800 * weather.noise(f"home {home} load", 0, 1))
            for home in range(1, homes + 1)]


def inflexible_load_w(homes: int, start: int, steps: int = STEPS) -> list[float]:
    """What all homes draw beside their devices: the mean of each interval from `start` on."""
    return [
        sum(weather.household_load_w(site, start + step * INTERVAL + INTERVAL / 2) for site in sites(homes))
        for step in range(steps)
    ]


def device_models(known: Iterable[Entry]) -> list[DeviceModel]:
    """The plants of the devices as they are when the day begins but for what they lived before."""
    return [neighbourhood.entry_model({"lfdi": "0", **one}, index) for index, one in enumerate(known)]


def uncontrolled_load_w(plant: DeviceModel, start: int, steps: int = STEPS) -> list[float]:
    """What a plant draws in each interval if nobody asks anything of it, seen coarsely."""
    plant, drawn = plant.run(PowerOrder(), start - SETTLING_S, start, FORECAST_STEP_S), []
    for step in range(steps):
        after = plant.run(
            PowerOrder(), start + step * INTERVAL, start + (step + 1) * INTERVAL, FORECAST_STEP_S
        )
        drawn.append(-mean_injection_w(plant, after))
        plant = after
    return drawn


def supply_w(drawn: Sequence[float], start: int) -> list[float]:
    """What is delivered: wind; and what was bought the day before, partly by the hour and partly as much all
    the time, such that in the whole nothing is missing or left."""
    shape = [(1.2 + weather.noise("wind", start + step * INTERVAL, 5 * 3600)
              + 0.3 * weather.noise("gusts", start + step * INTERVAL, 1800)) for step in range(len(drawn))]
    total, mean_ = max(sum(drawn), 0.0), sum(drawn) / len(drawn)
    blown = [WIND_FRACTION * total * each / sum(shape) for each in shape]
    hourly = [mean_ + HOURLY_FRACTION * (sum(drawn[at:at + 4]) / len(drawn[at:at + 4]) - mean_)
              for at in (step - step % 4 for step in range(len(drawn)))]
    return [wind + bought - sum(blown) / len(drawn) for wind, bought in zip(blown, hourly, strict=True)]


def forecast_w(truth: Sequence[float], start: int) -> list[float]:
    """What somebody might have expected the day before."""
    scale = FORECAST_ERROR * sum(map(abs, truth)) / len(truth)
    return [value + 2 * scale * weather.noise("forecast", start + step * INTERVAL, 2 * 3600)
            for step, value in enumerate(truth)]


def expected_sessions(known: Iterable[DeviceModel], start: int, days: int) -> list[list[float]]:
    """The cars that somebody might have expected the day before, from `start` on: arrival and departure
    (server seconds), Wh, W of each. They come within LATE seconds of when they were expected."""
    found = []
    for plant in known:
        if isinstance(plant, EvCharger):
            for day in range(days):
                arrival, departure, energy = evening_session(plant.site, local_day(plant.site, start) + day)
                late = round(MAX_LATENESS_S * weather.noise(f"{plant.site.seed} "
                                                            "late", start + day * DAY, DAY))
                found.append([arrival + late, departure, energy, plant.max_charge_w])
    return found
