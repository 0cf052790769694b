"""Set up the demonstration: certificates, an empty database, virtual DERs, forecasts, and the feeder's other
load.

Everything is in `var/demo`. One demonstration at a time runs there.
"""
from __future__ import annotations

import fcntl
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import click

from certs import dev
from clients.simulation import neighbourhood, processpool, scenario
from server import actors, clock
from server.cli import common
from server.config import settings
from server.devices import enrolment
from server.grid.balance import areasettings
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
LISTS = ("DERProgramList", "DemandResponseProgramList", "FlowReservationResponseList")
DEFAULT_POLL_RATE_S, PROCESSES = 3600, 2
# Poll rate in seconds of lists that change often. With a stepped clock devices poll once in each quarter of
# an hour, LEAD_S before it begins, when the step has been decided.
POLL_RATE_S, POLL_RATE_STEPPED_S, LEAD_S = 300, 600, 300
# Forecasts reach beyond the day, so that plans have a horizon at its end.
FORECAST_STEPS = 2 * scenario.STEPS
SOURCE = "demo: the day before"


class Scenario(NamedTuple):
    """A neighbourhood on a day.

    `start` is the midnight it begins at. `fixed_w` is the load of the feeder beside the devices, less the
    scheduled supply, in each interval (W, consumption positive). `device_files` has the devices of each
    client process.
    """
    start: int
    homes: int
    devices: int
    fixed_w: list[float]
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


def prepare(homes: int, seed: int, midnight: int, begin: int, rate: float | None) -> Scenario:
    """Set everything up from nothing but the certificates of the last time.

    The clock begins at `begin` and runs `rate` times as fast as the system's (None: in steps).
    """
    clear()
    devices = scenario.devices(homes, seed, LABEL)
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
    _enrol(entries, spare, POLL_RATE_STEPPED_S if rate is None else POLL_RATE_S)
    with actors.acting("demo"):
        fixed_w = _put_forecasts(devices, homes, midnight)
        areasettings.set_automatic(TOP, True)
    files = processpool.split_devices(entries, PROCESSES, FOLDER)
    return Scenario(midnight, homes, len(entries), fixed_w, files)


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


def _enrol(entries: list[dict[str, Any]], spare: dict[str, Any], poll_rate_s: int) -> None:
    """Enrol the devices, and a spare one for the user; create the virtual DERs."""
    with store.transaction():
        enrolment.enrol(spare["lfdi"], int(spare["pin"]), "yours")
        for entry in entries:
            href = enrolment.href(
                enrolment.enrol(
                    entry["lfdi"], int(entry["pin"]), entry["name"], entry["called"], entry["labels"])
            )
            category = f"{neighbourhood.KINDS[entry['model']].category:08X}"
            document = store.get(href)
            assert document is not None, href
            store.put(href, {**document.submitted, "deviceCategory": category})
    virtualders.create(TOP, purpose="topology")
    virtualders.create(FEEDER, rule=f"feeder = {LABEL}", parent=TOP, purpose="topology")
    for name, kind in GROUPS.items():
        virtualders.create(name, rule=f"kind = {kind}", parent=FEEDER, purpose="kind")
    for kind in LISTS:
        pollrates.set_rate("poll", kind, "", poll_rate_s)
    store.apply_rates()


def _put_forecasts(devices: list[dict[str, Any]], homes: int, midnight: int) -> list[float]:
    """Put what could have been forecast the day before: the imbalance without control, PV, thermal load, and
    charging sessions. Return the fixed load of the feeder less the supply, in W, by interval."""
    models = scenario.device_models(devices)
    load_w = {
        kind: _sum_series(
            scenario.uncontrolled_load_w(model, midnight, FORECAST_STEPS)
            for model in models if model.kind == kind
        )
        for kind in sorted({model.kind for model in models})
    }
    inflexible_w = scenario.inflexible_load_w(homes, midnight, FORECAST_STEPS)
    total_w = _sum_series([inflexible_w, *load_w.values()])
    supply_w = [
        value
        for first in range(0, FORECAST_STEPS, scenario.STEPS)
        for value in scenario.supply_w(total_w[first:first + scenario.STEPS], midnight + first * STEP)
    ]
    imbalance_w = [load - supply for load, supply in zip(total_w, supply_w, strict=True)]
    signals.put(TOP, "imbalance", scenario.forecast_w(imbalance_w, midnight), midnight, STEP, source=SOURCE)
    for model_kind, kind, vder in (("inverter", "pv", "solar"), ("thermostat", "thermal", "thermostats")):
        if model_kind in load_w:
            injection_w = [-value for value in scenario.forecast_w(load_w[model_kind], midnight)]
            for name in (TOP, vder):
                forecasts.put(name, kind, injection_w, midnight, STEP, SOURCE)
    if "evcharger" in load_w:
        sessions = scenario.expected_sessions(models, midnight, FORECAST_STEPS // scenario.STEPS)
        forecasts.put("chargers", "ev", sessions, midnight, STEP, SOURCE)
    return [load - supply for load, supply in zip(inflexible_w, supply_w, strict=True)]


def _sum_series(series: Iterable[Sequence[float]]) -> list[float]:
    return [sum(values) for values in zip(*series, strict=True)]
