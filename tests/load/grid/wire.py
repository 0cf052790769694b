"""A day of a neighbourhood over the wire beside the same day in arrays."""
from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from certs import dev
from server import clock, functionsets, models
from server.config import settings
from server.resources import pollrates
from tests.flows.server import Server
from tests.load.grid import fleet, gates, street
from tests.load.grid.day import Foresight, Truth, live
from tests.load.grid.devicemodels import QUARTER
from tests.load.grid.gates import Gate
from tests.load.grid.street import Entry, Street

NOON = 1_776_427_200  # 17 April 2026, UTC


def street_of(truth: Truth) -> Street:
    """The devices of a neighbourhood on a day, as they are when it begins (see `day.beginning`)."""
    town, trips = truth.town, truth.trips
    suns = np.stack([fleet.profiles()[name] for name in fleet.SUNS])[
        :, (truth.noon + np.arange(fleet.DAY)) % fleet.YEAR
    ]

    def entry(kind: str, number: int, **ratings: Any) -> Entry:
        return {"name": f"{kind} {number}", "model": kind, "ratings": ratings}
    devices = [entry("solar", number, max_w=float(rated), panel_w=float(rated), begin=NOON,
                     series=(suns[town.sun[number]] * rated).tolist())
               for number, rated in enumerate(town.sun_rating)]
    devices += [
        entry(
            "battery",
            number,
            max_w=float(power),
            max_charge_w=float(power),
            max_discharge_w=float(power),
            max_wh=float(span),
            stored_wh=float(span) / 2,
            reserve_soc=fleet.RESERVE,
            round_trip_efficiency=fleet.EFFICIENCY**2,
        )
        for number, (power, span) in enumerate(zip(town.store_power, town.store_span, strict=True))
    ]
    powers = [float(fleet.CARS[kind].rsplit("_", 1)[1]) * 1000 for kind in town.car]
    for car, power in enumerate(powers):
        visits = [
            [
                NOON + int(trips.arrive[trip]) * QUARTER,
                NOON + int(trips.depart[trip]) * QUARTER,
                float(trips.need[trip]),
            ]
            for trip in np.flatnonzero(trips.car == car)
        ]
        devices += [
            entry("car", len(devices) + place, max_charge_w=power, trips=one)
            for place, one in enumerate(_apart(visits))
        ]
    devices += [
        entry(
            "pump",
            number,
            max_charge_w=float(rated),
            span_wh=float(town.pump_band[number]),
            begin=NOON,
            retention=float(np.exp(-fleet.HOURS / fleet.LEAK_HOURS)),
            series=truth.pumps[number].tolist(),
        )
        for number, rated in enumerate(town.pump_rating)
    ]
    return Street(NOON, devices, truth.load.sum(axis=0), truth.supply)


def _apart(visits: list[list[float]]) -> list[list[list[float]]]:
    """Visits to as many chargers as there are cars at a time, at least one."""
    found: list[list[list[float]]] = [[]]
    for visit in sorted(visits):
        free = next((one for one in found if not one or one[-1][1] <= visit[0]), None)
        if free is None:
            found.append(free := [])
        free.append(visit)
    return found


@contextmanager
def opened(folder: Path, devices: int, **chosen: Any) -> Iterator[tuple[Server, Sequence[Entry]]]:
    """A server on an empty database whose clock goes in steps, and certificates for so many devices."""
    kept, pace = dict(settings.__dict__), clock.spec()
    made = [entry for entry in dev.make_dev(folder / "certs", devices) if entry["kind"] == "device"]
    clock.stand_in(folder / "clock", NOON - street.BEFORE * QUARTER)
    server = Server(
        folder,
        folder / "certs",
        f"sqlite:///{folder}/grid.db",
        clock=clock.spec(),
        access_log=True,
        **street.SETTINGS,
        **chosen,
    )
    try:
        settings.reload(os.environ | server.environment)
        models.connect()
        functionsets.load()
        pollrates.forget()
        with server:
            yield server, made
    finally:
        models.db.close()
        settings.__dict__.update(kept)
        clock.follow(pace)
        pollrates.forget()


def gates_of(count: int = 300, day: int = 107) -> Iterator[Gate]:
    """The same day lived twice, with everything known, hybrid addressing and a plan an hour."""
    truth = next(gates.days(count, chosen=(day,)))
    arrays = gates.cut(
        truth, live(truth, Foresight(truth), gates.planner(truth, broadcast=True)).imbalance
    ).rms
    here = street_of(truth)
    with TemporaryDirectory() as name, opened(Path(name), len(here.devices)) as (server, certificates):
        known = street.enrol(here, certificates)
        begun = time.perf_counter()
        result = street.run_day(here, server, known, Path(name))
        seconds, requests = time.perf_counter() - begun, server.log.count("\n")
    answers = ", ".join(f"{number} of status {status}" for status, number in sorted(result.responses.items()))
    yield Gate(
        f"{count} homes over mutual TLS: RMS cut falls short of arrays by",
        arrays - result.rms_cut,
        0.03,
        True,
        note=f"{result.rms_cut:.1%} over the wire, {arrays:.1%} in arrays",
    )
    yield Gate(
        "  homes that nobody asks for anything: differ by",
        float(np.abs(result.uncontrolled_imbalance_w - truth.alone).max()),
        1,
        True,
        "W",
        f"{len(known)} devices",
    )
    # A grant counts whole W and Wh, and so does a reading: the gate on this is for arrays.
    yield Gate(
        "  energy a car leaves without, at worst, no gate",
        max(result.unserved_wh),
        np.inf,
        True,
        "Wh",
        f"answers: {answers}",
    )
    lowest_soc = min(result.lowest_soc)
    yield Gate("  a battery is down to", lowest_soc, fleet.RESERVE - 1e-4, note="of what it holds")
    yield Gate("  seconds that took, no gate", seconds, np.inf, True, "s", f"{requests:,} requests")
