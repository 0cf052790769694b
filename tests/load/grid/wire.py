"""A day of a neighbourhood over the wire, compared with the same day in arrays."""
from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from certs import dev
from server import clock, functionsets, grid, models
from server.config import settings
from server.resources import pollrates
from tests.flows.server import Server
from tests.load.grid import fleet, gates, street
from tests.load.grid.day import Foresight, Truth, run_day
from tests.load.grid.devicemodels import QUARTER
from tests.load.grid.gates import Gate
from tests.load.grid.street import Entry, Street

NOON = 1_776_427_200  # 17 April 2026, UTC


def street_of(truth: Truth) -> Street:
    """Return the devices of a neighbourhood on a day, as they are when it begins (see `day.beginning`)."""
    homes, trips = truth.neighbourhood, truth.trips
    pv = np.stack([fleet.profiles()[name] for name in fleet.PVS])[
        :, (truth.noon + np.arange(fleet.DAY)) % fleet.YEAR
    ]

    def entry(kind: str, number: int, **ratings: Any) -> Entry:
        return {"name": f"{kind} {number}", "model": kind, "ratings": ratings}
    devices = [entry("solar", number, max_w=float(rated), panel_w=float(rated), begin=NOON,
                     series=(pv[homes.pv[number]] * rated).tolist())
               for number, rated in enumerate(homes.pv_rating)]
    devices += [
        entry(
            "battery",
            number,
            max_w=float(power),
            max_charge_w=float(power),
            max_discharge_w=float(power),
            max_wh=float(capacity),
            stored_wh=float(capacity) / 2,
            reserve_soc=fleet.RESERVE,
            round_trip_efficiency=fleet.EFFICIENCY**2,
        )
        for number, (power, capacity) in enumerate(
            zip(homes.battery_power, homes.battery_capacity, strict=True)
        )
    ]
    powers = [float(fleet.CARS[kind].rsplit("_", 1)[1]) * 1000 for kind in homes.car]
    for car, power in enumerate(powers):
        sessions = [
            [
                NOON + int(trips.arrive[trip]) * QUARTER,
                NOON + int(trips.depart[trip]) * QUARTER,
                float(trips.need[trip]),
            ]
            for trip in np.flatnonzero(trips.car == car)
        ]
        devices += [
            entry("car", len(devices) + index, max_charge_w=power, trips=charger)
            for index, charger in enumerate(_chargers(sessions))
        ]
    devices += [
        entry(
            "pump",
            number,
            max_charge_w=float(rated),
            span_wh=float(homes.pump_band[number]),
            begin=NOON,
            retention=float(np.exp(-fleet.HOURS / fleet.LEAK_HOURS)),
            series=truth.pumps[number].tolist(),
        )
        for number, rated in enumerate(homes.pump_rating)
    ]
    return Street(NOON, devices, truth.load.sum(axis=0), truth.supply)


def _chargers(sessions: list[list[float]]) -> list[list[list[float]]]:
    """Return the sessions of each charger: as many chargers as there are cars at a time, at least one."""
    chargers: list[list[list[float]]] = [[]]
    for session in sorted(sessions):
        free = next(
            (charger for charger in chargers if not charger or charger[-1][1] <= session[0]), None
        )
        if free is None:
            chargers.append(free := [])
        free.append(session)
    return chargers


@contextmanager
def running_server(folder: Path, devices: int, **options: Any) -> Iterator[tuple[Server, Sequence[Entry]]]:
    """Run a server on an empty database, in stepped time; yield it with certificates for so many devices."""
    saved, pace = dict(settings.__dict__), clock.spec()
    entries = [entry for entry in dev.make_dev(folder / "certs", devices) if entry["kind"] == "device"]
    clock.stand_in(folder / "clock", NOON - street.BEFORE * QUARTER)
    server = Server(
        folder,
        folder / "certs",
        f"sqlite:///{folder}/grid.db",
        clock=clock.spec(),
        access_log=True,
        **street.SETTINGS,
        **options,
    )
    try:
        settings.read(os.environ | server.environment)
        settings.require()
        models.connect()
        functionsets.load()
        grid.load()
        pollrates.forget()
        with server:
            yield server, entries
    finally:
        models.db.close()
        settings.__dict__.update(saved)
        clock.follow(pace)
        pollrates.forget()


def gates_of(count: int = 300, day: int = 107) -> Iterator[Gate]:
    """Measure the same day over the wire and in arrays, with perfect foresight, hybrid addressing and a plan
    each hour."""
    truth = next(gates.days(count, chosen=(day,)))
    arrays = gates.cut(
        truth, run_day(truth, Foresight(truth), gates.planner(truth, broadcast=True)).imbalance
    ).rms
    same_day = street_of(truth)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        server, certificates = stack.enter_context(running_server(folder, len(same_day.devices)))
        enrolled = street.enrol(same_day, certificates)
        start = time.perf_counter()
        result = street.run_day(same_day, server, enrolled, folder)
        seconds, requests = time.perf_counter() - start, server.log.count("\n")
    counts = sorted(result.responses.items())
    responses = ", ".join(f"{number} of status {status}" for status, number in counts)
    yield Gate(
        f"{count} homes over mutual TLS: RMS cut falls short of arrays by",
        arrays - result.rms_cut,
        0.03,
        True,
        note=f"{result.rms_cut:.1%} over the wire, {arrays:.1%} in arrays",
    )
    yield Gate(
        "  homes without controls: differ by",
        float(np.abs(result.uncontrolled_imbalance_w - truth.uncontrolled).max()),
        1,
        True,
        "W",
        f"{len(enrolled)} devices",
    )
    # Reservations and readings are in whole W and Wh, so the gate on this is for arrays.
    yield Gate(
        "  energy a car leaves without, at worst, no gate",
        max(result.unserved_wh),
        np.inf,
        True,
        "Wh",
        f"responses: {responses}",
    )
    lowest_soc = min(result.lowest_soc)
    yield Gate("  a battery is down to", lowest_soc, fleet.RESERVE - 1e-4, note="of its capacity")
    yield Gate("  duration, no gate", seconds, np.inf, True, "s", f"{requests:,} requests")
