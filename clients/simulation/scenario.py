"""An invented town: which home has which devices, what the homes consume besides, and what supplies them.
Pure.

Everything is drawn from a seed, so that a day can be repeated; no profiles are stored. Power in W;
consumption is positive here, as a feeder's meter has it.
"""
from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from typing import Any

from clients.devices.devicemodel import DeviceModel
from clients.devices.evcharger import EvCharger, evening_session, local_day
from clients.events.control import PowerOrder
from clients.simulation import neighbourhood, weather
from clients.simulation.totals import INTERVAL, mean_injection_w
from clients.simulation.weather import DAY, Site

Entry = dict[str, Any]
STEPS = DAY // INTERVAL
# The fraction of the homes that have one, and the operator's name for it.
KINDS = {"inverter": (0.45, "pv"), "battery": (0.25, "battery"), "evcharger": (0.5, "ev_charger"),
         "thermostat": (0.4, "thermostat")}
BUSINESS_HOMES = 20  # beside which businesses have the powers of their table
BUSINESS_POWERS = ("max_charge_w", "steady_w", "working_w", "sheddable_w", "max_w", "least_w", "ramp_w_per_s")
BUSINESSES = (("cold store", "load_switch", "cold_store"), ("gas engine", "generator", "gas_engine"))
# Per kWh: the price, and that of the evening hours in which energy is short (by the clock, UTC).
PRICE, SPIKE_PRICE, SPIKE_HOURS = 0.30, 3.00, (18, 20)
# How long devices run without controls before a day begins, so that cars and rooms have a typical state (s).
SETTLING_S = DAY // 2
WIND_FRACTION, HOURLY_FRACTION = 0.3, 0.5
# Heat pumps that modulate, rather than switch on and off: over a quarter of an hour they keep a room so
# close (K).
THERMOSTAT_BAND_K = 0.1
# For how long they have to run at full power to store what comfort allows (h).
COMFORT_HOURS = 1.0
# The step of the device models in a forecast (s), and by how much a forecast errs.
FORECAST_STEP_S, FORECAST_ERROR, MAX_LATENESS_S = 300.0, 0.08, 1200


def devices(homes: int = 60, seed: int = 1, feeder: str = "F1", first: int = 1) -> list[Entry]:
    """Return the devices of so many homes, which are numbered from `first` on, without certificates.

    Each entry has `name`, `kind` (the operator's name for it), `labels`, and the `model` and `ratings` that
    `neighbourhood.entry_model` takes.
    """
    generator = random.Random(seed)
    owners = {
        kind: set(generator.sample(range(homes), round(fraction * homes)))
        for kind, (fraction, _) in KINDS.items()
    }
    return [
        _device(kind, first + home, generator, feeder)
        for home in range(homes)
        for kind in KINDS
        if home in owners[kind]
    ]


def _device(model: str, home: int, generator: random.Random, feeder: str) -> Entry:
    site = sites(1, home)[0]
    # the battery has no household: see _battery
    peak_load_w = 0.0 if model == "battery" else site.peak_load_w
    kind = KINDS[model][1]
    return {
        "name": f"home-{home}-{kind.replace('_', '-')}",
        "kind": kind,
        "model": model,
        "labels": {"feeder": feeder, "home": str(home)},
        "ratings": RATINGS[model](generator) | {
            "site": {"seed": site.seed, "peak_load_w": peak_load_w, "voltage_rise_percent": 2.0,
                     "feeder": feeder}},
    }


def businesses(homes: int, feeder: str) -> list[Entry]:
    """Return the devices of the businesses beside so many homes, likewise; their powers grow with those."""
    return [
        {"name": name, "kind": kind, "model": model, "labels": {"feeder": feeder},
         "ratings": _scaled(model, homes / BUSINESS_HOMES) | {
             "site": {"seed": name, "peak_load_w": 0.0, "feeder": feeder}}}
        for name, kind, model in BUSINESSES
    ]


def _scaled(model: str, factor: float) -> Entry:
    """Return the powers of a business, so many times as large as they are in the table."""
    usual = neighbourhood.device_model(model, "", "0")
    return {field.name: factor * getattr(usual, field.name) for field in fields(usual)
            if field.name in BUSINESS_POWERS}


def _inverter(generator: random.Random) -> Entry:
    max_w = round(generator.uniform(3000, 7000), -2)
    return {"max_w": max_w, "panel_w": 1.2 * max_w}


def _battery(generator: random.Random) -> Entry:
    """Return the ratings of a battery without household or panels, which rests without a control."""
    max_w = round(generator.uniform(2500, 5000), -2)
    max_wh = round(max_w * generator.uniform(2.0, 2.7), -2)
    return {"max_w": max_w, "max_charge_w": max_w, "max_discharge_w": max_w, "max_wh": max_wh,
            "stored_wh": round(max_wh * generator.uniform(0.4, 0.6)), "panel_w": 0.0}


def _ev_charger(generator: random.Random) -> Entry:
    return {"max_charge_w": generator.choice((3700.0, 7400.0, 7400.0, 11000.0))}


def _thermostat(generator: random.Random) -> Entry:
    return {"max_charge_w": round(generator.uniform(1500, 2500), -2),
            "setpoint_c": float(generator.randint(20, 22)),
            "band_k": THERMOSTAT_BAND_K}


RATINGS: dict[str, Callable[[random.Random], Entry]] = {
    "inverter": _inverter,
    "battery": _battery,
    "evcharger": _ev_charger,
    "thermostat": _thermostat,
}


def sites(homes: int, first: int = 1) -> list[Site]:
    """Return the sites of so many homes, which are numbered from `first` on."""
    return [Site(f"home {home}", peak_load_w=2200 + 800 * weather.noise(f"home {home} load", 0, 1))
            for home in range(first, first + homes)]


def inflexible_load_w(homes: int, start: int, steps: int = STEPS, first: int = 1) -> list[float]:
    """Return what homes consume besides their devices: the mean of each interval from `start` on."""
    at_home = sites(homes, first)
    return [
        sum(weather.household_load_w(site, start + step * INTERVAL + INTERVAL / 2) for site in at_home)
        for step in range(steps)
    ]


def device_models(entries: Iterable[Entry]) -> list[DeviceModel]:
    """Return the device models of entries, before they have run."""
    return [neighbourhood.entry_model({"lfdi": "0", **entry}, index) for index, entry in enumerate(entries)]


def uncontrolled_load_w(model: DeviceModel, start: int, steps: int = STEPS) -> list[float]:
    """Return what a device consumes in each interval without controls, in coarse steps."""
    model = model.run(PowerOrder(), start - SETTLING_S, start, FORECAST_STEP_S)
    load_w = []
    for step in range(steps):
        after = model.run(
            PowerOrder(), start + step * INTERVAL, start + (step + 1) * INTERVAL, FORECAST_STEP_S
        )
        load_w.append(-mean_injection_w(model, after))
        model = after
    return load_w


def supply_w(load_w: Sequence[float], start: int) -> list[float]:
    """Return the supply of a day with this load: wind, and what was bought the day before.

    The purchase follows the hourly mean in part, and is constant otherwise; over the day supply and load are
    equal.
    """
    steps = len(load_w)
    wind_shape = [(1.2 + weather.noise("wind", start + step * INTERVAL, 5 * 3600)
                   + 0.3 * weather.noise("gusts", start + step * INTERVAL, 1800)) for step in range(steps)]
    total, mean = max(sum(load_w), 0.0), sum(load_w) / steps
    wind_w = [WIND_FRACTION * total * value / sum(wind_shape) for value in wind_shape]
    mean_wind_w = sum(wind_w) / steps
    supply = []
    for step in range(steps):
        hour = load_w[step - step % 4:step - step % 4 + 4]
        bought_w = mean + HOURLY_FRACTION * (sum(hour) / len(hour) - mean)
        supply.append(wind_w[step] + bought_w - mean_wind_w)
    return supply


def prices(start: int, steps: int = STEPS) -> list[float]:
    """Return the price per kWh of each interval from `start` on."""
    opens, closes = SPIKE_HOURS
    hours = ((start + step * INTERVAL) % DAY / 3600 for step in range(steps))
    return [SPIKE_PRICE if opens <= hour < closes else PRICE for hour in hours]


def forecast_w(truth_w: Sequence[float], start: int) -> list[float]:
    """Return a forecast, as of the day before, of what comes true."""
    scale_w = FORECAST_ERROR * sum(map(abs, truth_w)) / len(truth_w)
    return [value + 2 * scale_w * weather.noise("forecast", start + step * INTERVAL, 2 * 3600)
            for step, value in enumerate(truth_w)]


def expected_sessions(models: Iterable[DeviceModel], start: int, days: int) -> list[list[float]]:
    """Return the charging sessions that are expected the day before, from `start` on.

    Each is arrival and departure (server seconds), Wh, W. The cars arrive up to MAX_LATENESS_S seconds before
    or after the time that is expected.
    """
    sessions: list[list[float]] = []
    for model in models:
        if not isinstance(model, EvCharger):
            continue
        for day in range(days):
            arrival, departure, energy_wh = evening_session(model.site, local_day(model.site, start) + day)
            error = weather.noise(f"{model.site.seed} late", start + day * DAY, DAY)
            expected = arrival + round(MAX_LATENESS_S * error)
            sessions.append([expected, departure, energy_wh, model.max_charge_w])
    return sessions
