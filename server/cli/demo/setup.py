"""Set up the demonstration: certificates, an empty database, virtual DERs, forecasts, and the feeder's other
load.

Everything is in `var/demo`. One demonstration at a time runs there.
"""
from __future__ import annotations

import fcntl
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import click

from certs import dev
from clients.devices.devicemodel import DeviceModel
from clients.simulation import neighbourhood, processpool, scenario
from server import actors, clock
from server.cli import common
from server.config import settings
from server.devices import enrolment
from server.grid.balance import areasettings
from server.grid.fleet import contracts
from server.grid.groups import virtualders
from server.grid.series import forecasts, signals
from server.grid.series.intervals import STEP
from server.resources import pollrates, store

FOLDER = Path("var/demo")
DATABASE, CLOCK, REPORT = FOLDER / "demo.db", FOLDER / "clock", FOLDER / "day.html"
# What one demonstration leaves to the next. The certificates are its own: those in certs/dev are for the
# devices that somebody starts by hand.
CERTS, LOCK = FOLDER / "certs", FOLDER / "lock"
TOP, FEEDER, LABEL = "neighbourhood", "feeder-1", "F1"
GROUPS = {"batteries": "battery", "chargers": "ev_charger", "thermostats": "thermostat", "solar": "pv"}
# A street beside it that follows a price, a third as many homes, with businesses; its groups are named after
# it. No more may flow out of it than the limit, for each home.
STREET, STREET_LABEL, STREET_PART, EXPORT_LIMIT_W = "street", "F2", 1 / 3, 1000.0
CONTRACTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "cold store": ("compressors", "load", {
        "power_w": 1200.0, "notice_s": 1800, "shortest_s": 1800, "longest_s": 7200, "rest_s": 14_400,
        "events_day": 2, "price_event": 1.0, "price_kwh": 0.20, "nominated_w": 1000.0, "penalty_kwh": 0.50}),
    "gas engine": ("engine", "generator", {
        "power_w": 3000.0, "least_power_w": 1000.0, "notice_s": 600, "shortest_s": 1800, "rest_s": 3600,
        "price_kwh": 0.45, "emissions_kg_kwh": 0.6, "ramp_w_per_s": 25.0}),
}
"""What is agreed with each business: block, kind, clauses; those that grow with the street are for a home."""
GROWING = ("power_w", "least_power_w", "nominated_w", "price_event", "ramp_w_per_s")
LISTS = ("DERProgramList", "DemandResponseProgramList", "FlowReservationResponseList")
DEFAULT_POLL_RATE_S, PROCESSES = 3600, 2
# Poll rate in seconds of lists that change often. With a stepped clock devices poll once in each quarter of
# an hour, LEAD_S before it begins, when the step has been decided.
POLL_RATE_S, POLL_RATE_STEPPED_S, LEAD_S = 300, 600, 300
# Forecasts reach beyond the day, so that plans have a horizon at its end.
FORECAST_STEPS = 2 * scenario.STEPS
SOURCE = "demo: the day before"


class FeederScenario(NamedTuple):
    """What a feeder carries beside the devices on it, in each interval (W, consumption positive).

    `label` is that of its devices, `area` the virtual DER that is kept in balance. `fixed_w` is less what is
    delivered by schedule. `prices` are per kWh; None where the area follows an imbalance. No more than
    `export_limit_w` may flow out.
    """
    label: str
    area: str
    fixed_w: list[float]
    prices: list[float] | None = None
    export_limit_w: float = math.inf


class Scenario(NamedTuple):
    """A neighbourhood, and a street with prices beside it, on a day.

    `start` is the instant at which it begins. `device_files` has the devices of each client process.
    """
    start: int
    homes: int
    devices: int
    feeders: list[FeederScenario]
    device_files: list[Path]


@contextmanager
def alone() -> Iterator[None]:
    """Hold FOLDER until the block ends. ClickException where another demonstration holds it."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with LOCK.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise click.ClickException(
                f"another demonstration runs in {FOLDER.absolute()}; stop it first, or start this one in "
                "another directory with another port"
            ) from None
        yield


def prepare(homes: int, seed: int, start: int, begin: int, rate: float | None) -> Scenario:
    """Set everything up from nothing but the certificates of the last time.

    The clock begins at `begin`, before `start`, and runs `rate` times as fast as the system's (None: in
    steps).
    """
    clear()
    street_homes = max(round(homes * STREET_PART), 2)
    town = scenario.devices(homes, seed, LABEL)
    street = scenario.devices(street_homes, seed + 1, STREET_LABEL, homes + 1)
    devices = [*town, *street, *scenario.businesses(street_homes, STREET_LABEL)]
    spare, *entries = certificates(len(devices) + 1)
    entries = [{**entry, **device, "called": device["kind"], "kind": "device"}
               for entry, device in zip(entries, devices, strict=False)]
    settings.database, settings.reading_days = f"sqlite:///{DATABASE}", 400
    settings.poll_rate, settings.post_rate, settings.timezone = DEFAULT_POLL_RATE_S, STEP, "UTC"
    settings.comfort_hours = scenario.COMFORT_HOURS
    if rate is None:
        clock.stand_in(CLOCK, begin)
        settings.workers = 1  # the devices take the other core, and one writer never waits for another
    else:
        clock.run(rate, begin)
    settings.clock = clock.spec()
    common.open_database(create=True)
    limit_w = street_homes * EXPORT_LIMIT_W
    _enrol(entries, spare, POLL_RATE_STEPPED_S if rate is None else POLL_RATE_S, limit_w)
    with actors.acting("demo"):
        for name, (block, kind, clauses) in CONTRACTS.items():
            contracts.set_block(name, block, kind, {
                clause: value * street_homes if clause in GROWING else value
                for clause, value in clauses.items()})
        inflexible_w = scenario.inflexible_load_w(homes, start, FORECAST_STEPS)
        fixed_w = _put_imbalance(town, inflexible_w, start)
        street_w = scenario.inflexible_load_w(street_homes, start, FORECAST_STEPS, homes + 1)
        prices = _put_prices(devices[len(town):], street_w, start)
        for area in (TOP, STREET):
            areasettings.set_automatic(area, True)
    files = processpool.split_devices(entries, PROCESSES, FOLDER)
    feeders = [
        FeederScenario(LABEL, TOP, fixed_w),
        FeederScenario(STREET_LABEL, STREET, street_w, prices, limit_w),
    ]
    return Scenario(start, homes + street_homes, len(entries), feeders, files)


def clear() -> None:
    """Remove what the last demonstration left, except the certificates."""
    for path in FOLDER.iterdir():
        if path.is_file() and path != LOCK:
            path.unlink()


def certificates(count: int) -> list[dict[str, Any]]:
    """Return device certificates of the demonstration's own tree, at least `count`; the settings name it."""
    settings.certificate, settings.key = str(CERTS / "server.pem"), str(CERTS / "server.key")
    settings.client_ca = str(CERTS / "ca.pem")
    return [entry for entry in dev.make_dev(CERTS, count) if entry["kind"] == "device"]


def _place(feeder: str, home: str, device: int) -> dict[str, str]:
    """Return the coordinates of a device as labels: homes stand in rows of ten, what is in one side by side.

    The street of the second feeder lies north of the first.
    """
    row, column = divmod(int(home), 10)
    north = 48.2080 + 0.0006 * row + (0.0070 if feeder == STREET_LABEL else 0)
    return {"lat": f"{north:.5f}", "lon": f"{16.3700 + 0.0009 * column + 0.0001 * device:.5f}"}


def _enrol(
    entries: list[dict[str, Any]], spare: dict[str, Any], poll_rate_s: int, export_limit_w: float
) -> None:
    """Enrol the devices, and a spare one for the user; create the virtual DERs."""
    devices_of: Counter[tuple[str, str]] = Counter()
    with store.transaction():
        enrolment.enrol(spare["lfdi"], int(spare["pin"]), "yours")
        for entry in entries:
            home = entry["labels"]["feeder"], entry["labels"].get("home", "0")
            place = _place(*home, devices_of[home])
            devices_of[home] += 1
            href = enrolment.href(
                enrolment.enrol(
                    entry["lfdi"], int(entry["pin"]), entry["name"], entry["called"],
                    entry["labels"] | place)
            )
            category = f"{neighbourhood.KINDS[entry['model']].category:08X}"
            document = store.get(href)
            assert document is not None, href
            store.put(href, {**document.submitted, "deviceCategory": category})
    virtualders.create(TOP, purpose="topology")
    virtualders.create(FEEDER, rule=f"feeder = {LABEL}", parent=TOP, purpose="topology")
    virtualders.create(STREET, rule=f"feeder = {STREET_LABEL}", purpose="topology",
                       export_limit_w=export_limit_w)
    for parent, label, prefix in ((FEEDER, LABEL, ""), (STREET, STREET_LABEL, f"{STREET}-")):
        for name, kind in GROUPS.items():
            virtualders.create(f"{prefix}{name}", rule=f"kind = {kind} and feeder = {label}", parent=parent,
                               purpose="kind")
    virtualders.create("businesses", parent=STREET, members=CONTRACTS, purpose="kind")
    for kind in LISTS:
        pollrates.set_rate("poll", kind, "", poll_rate_s)
    store.apply_rates()


def _uncontrolled_w(models: list[DeviceModel], start: int) -> dict[str, list[float]]:
    """Return what the devices of each kind consume in each interval without control, in W."""
    return {
        kind: _sum_series(
            scenario.uncontrolled_load_w(model, start, FORECAST_STEPS)
            for model in models if model.kind == kind
        )
        for kind in sorted({model.kind for model in models})
    }


def _put_imbalance(devices: list[dict[str, Any]], inflexible_w: list[float], start: int) -> list[float]:
    """Put what could have been forecast the day before of the neighbourhood: the imbalance without control,
    and what its devices do. Return the fixed load of the feeder less the supply, in W, by interval."""
    models = scenario.device_models(devices)
    load_w = _uncontrolled_w(models, start)
    total_w = _sum_series([inflexible_w, *load_w.values()])
    supply_w = [
        value
        for first in range(0, FORECAST_STEPS, scenario.STEPS)
        for value in scenario.supply_w(total_w[first:first + scenario.STEPS], start + first * STEP)
    ]
    imbalance_w = [load - supply for load, supply in zip(total_w, supply_w, strict=True)]
    signals.put(TOP, "imbalance", scenario.forecast_w(imbalance_w, start), start, STEP, source=SOURCE)
    _put_forecasts(TOP, "", models, load_w, start)
    return [load - supply for load, supply in zip(inflexible_w, supply_w, strict=True)]


def _put_prices(devices: list[dict[str, Any]], inflexible_w: list[float], start: int) -> list[float]:
    """Put the prices of the street, and what could have been forecast of it; return the prices."""
    models = scenario.device_models(devices)
    load_w = _uncontrolled_w(models, start)
    prices = scenario.prices(start, FORECAST_STEPS)
    signals.put(STREET, "price", prices, start, STEP, source=SOURCE)
    draws_w = scenario.forecast_w(_sum_series([inflexible_w, load_w["interruptible"]]), start)
    forecasts.put(STREET, "load", [-value for value in draws_w], start, STEP, SOURCE)
    _put_forecasts(STREET, f"{STREET}-", models, load_w, start)
    return prices


def _put_forecasts(
    area: str, prefix: str, models: list[DeviceModel], load_w: dict[str, list[float]], start: int
) -> None:
    """Put forecasts of PV, thermal load and charging sessions; the groups of the area have this prefix."""
    for model_kind, kind, group in (("inverter", "pv", "solar"), ("thermostat", "thermal", "thermostats")):
        if model_kind in load_w:
            injection_w = [-value for value in scenario.forecast_w(load_w[model_kind], start)]
            for name in (area, f"{prefix}{group}"):
                forecasts.put(name, kind, injection_w, start, STEP, SOURCE)
    if "evcharger" in load_w:
        sessions = scenario.expected_sessions(models, start, FORECAST_STEPS // scenario.STEPS)
        forecasts.put(f"{prefix}chargers", "ev", sessions, start, STEP, SOURCE)


def _sum_series(series: Iterable[Sequence[float]]) -> list[float]:
    return [sum(values) for values in zip(*series, strict=True)]
