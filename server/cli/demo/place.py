"""The place of the demonstration: certificates, an empty database, a tree of virtual DERs, a day's forecast;
and what the rest of the feeder does, which only its meter knows.

All of it is in `var/demo`, but for the certificates, which are those of the settings.
"""
from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, NamedTuple

import click

from certs import dev
from clients.simulation import neighbourhood, processpool, scenario
from server import audit, clock
from server.cli import common
from server.config import settings
from server.devices import enrolment
from server.grid.balance import controller
from server.grid.groups import virtualders
from server.grid.series import forecasts, signals
from server.grid.series.intervals import STEP
from server.resources import pollrates, store

FOLDER = Path("var/demo")
DATABASE, CLOCK, REPORT = FOLDER / "demo.db", FOLDER / "clock", FOLDER / "day.html"
TOP, FEEDER, LABEL = "neighbourhood", "feeder-1", "F1"
GROUPS = {"batteries": "battery", "chargers": "ev_charger", "thermostats": "thermostat", "solar": "pv"}
LISTS = ("DERProgramList", "DemandResponseProgramList", "FlowReservationResponseList")
SELDOM, PROCESSES = 3600, 2
# How often devices ask for what changes often. In steps that is once in each quarter of an hour: when it was
# decided, which is NOTICE before.
OFTEN, OFTEN_IN_STEPS, NOTICE = 300, 600, 300
# A forecast goes on behind the day, so that plans see where it leads.
AHEAD = 2 * scenario.STEPS
SOURCE = "demo: the day before"


class Place(NamedTuple):
    """A town on a day: `start` is its midnight; `fixed` is what the feeder draws in each interval beside the
    devices less what is delivered (W, consumption +); `shares` are the files of the client processes'
    devices."""
    start: int
    homes: int
    devices: int
    fixed: list[float]
    shares: list[Path]


def prepare(homes: int, seed: int, midnight: int, begin: int, pace: float | None) -> Place:
    """Everything, made anew; the clock begins at `begin`, `pace` times as fast as the system's (None: in
    steps)."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    wanted = scenario.devices(homes, seed, LABEL)
    yours, *given = _certificates(len(wanted) + 1)
    known = [{**certificate, **device, "called": device["kind"], "kind": "device"}
             for certificate, device in zip(given, wanted, strict=False)]
    settings.database, settings.reading_days = f"sqlite:///{DATABASE}", 400
    settings.poll_rate, settings.post_rate, settings.timezone = SELDOM, STEP, "UTC"
    settings.comfort_hours = scenario.COMFORT_HOURS
    if pace is None:
        clock.stand_in(CLOCK, begin)
        settings.workers = 1  # so that writers need not wait for each other: the devices are busy enough
    else:
        clock.run(pace, begin)
    settings.clock = clock.spec()
    common.open_database()
    _enrol(known, yours, OFTEN_IN_STEPS if pace is None else OFTEN)
    with audit.acting("demo"):
        fixed = _forecast(wanted, homes, midnight)
        controller.set_automatic(TOP, True)
    return Place(midnight, homes, len(known), fixed, processpool.split_devices(known, PROCESSES, FOLDER))


def _certificates(count: int) -> list[dict[str, Any]]:
    """The devices of the tree of certificates that the settings name; Refused by click where it is not ours
    to grow."""
    made = dev.make_dev(Path(settings.certificate).parent, count)
    found = [entry for entry in made if entry["kind"] == "device"]
    if len(found) < count:
        raise click.ClickException(
            f"{Path(settings.certificate).parent} holds {len(found)} devices; {count} are needed"
        )
    return found


def _enrol(known: list[dict[str, Any]], yours: dict[str, Any], often: int) -> None:
    with store.transaction():
        enrolment.enrol(yours["lfdi"], int(yours["pin"]), "yours")
        for one in known:
            href = enrolment.href(
                enrolment.enrol(one["lfdi"], int(one["pin"]), one["name"], one["called"], one["labels"])
            )
            category = f"{neighbourhood.KINDS[one['model']].category:08X}"
            document = store.get(href)
            assert document is not None, href
            store.put(href, {**document.submitted, "deviceCategory": category})
    virtualders.create(TOP, purpose="topology")
    virtualders.create(FEEDER, rule=f"feeder = {LABEL}", parent=TOP, purpose="topology")
    for name, kind in GROUPS.items():
        virtualders.create(name, rule=f"kind = {kind}", parent=FEEDER, purpose="kind")
    for kind in LISTS:
        pollrates.set_rate("poll", kind, "", often)
    store.apply_rates()


def _forecast(wanted: list[dict[str, Any]], homes: int, midnight: int) -> list[float]:
    """Put what might have been expected the day before: the imbalance if nobody moves anything, what of it
    sun and heat pumps are, and which cars come. What the feeder will draw beside its devices, less what is
    delivered, in each interval."""
    models = scenario.device_models(wanted)
    drawn = {
        kind: [
            sum(each)
            for each in zip(
                *(
                    scenario.uncontrolled_load_w(model, midnight, AHEAD)
                    for model in models
                    if model.kind == kind
                ),
                strict=True,
            )
        ]
        for kind in sorted({model.kind for model in models})
    }
    whole = [
        fixed + sum(each)
        for fixed, *each in zip(
            scenario.inflexible_load_w(homes, midnight, AHEAD), *drawn.values(), strict=True
        )
    ]
    delivered = [each for day in range(0, AHEAD, scenario.STEPS)
                 for each in scenario.supply_w(whole[day:day + scenario.STEPS], midnight + day * STEP)]
    truth = [load - supply for load, supply in zip(whole, delivered, strict=True)]
    signals.put(TOP, "imbalance", scenario.forecast_w(truth, midnight), midnight, STEP, source=SOURCE)
    for kind, what, leaf in (("inverter", "pv", "solar"), ("thermostat", "thermal", "thermostats")):
        if kind in drawn:
            for vder in (TOP, leaf):
                forecasts.put(
                    vder,
                    what,
                    [-value for value in scenario.forecast_w(drawn[kind], midnight)],
                    midnight,
                    STEP,
                    SOURCE,
                )
    if "evcharger" in drawn:
        forecasts.put(
            "chargers",
            "ev",
            scenario.expected_sessions(models, midnight, AHEAD // scenario.STEPS),
            midnight,
            STEP,
            SOURCE,
        )
    return [
        load - supply
        for load, supply in zip(scenario.inflexible_load_w(homes, midnight, AHEAD), delivered, strict=True)
    ]
