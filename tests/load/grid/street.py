"""A street over the wire for a day: the real server, its worker, and a client with a certificate of its own
for each device.

Time goes in steps. The server gets what is to come as a perfect forecast; the result is what the devices
really did. Consumption is positive, in W; energy in Wh.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from clients.simulation.processpool import ProcessPool, split_devices
from server import clock, worker
from server.devices import enrolment
from server.grid.balance import areasettings
from server.grid.groups import virtualders
from server.grid.series import devicereadings, forecasts, measurements, signals
from server.models import Device, ResponseRecord
from server.resources import pollrates, store
from tests.flows.server import Server, until
from tests.load.grid import devicemodels
from tests.load.grid.devicemodels import QUARTER

AREA = "street"
LEAVES = {"batteries": "battery", "cars": "car", "pumps": "pump", "panels": "solar"}
LISTS = ("DERProgramList", "DemandResponseProgramList", "FlowReservationResponseList")
POLL, SELDOM = 300, 2 * 86400
POLL_DELAY = 2
"""Seconds after the worker's pass at which the devices poll, so that they are not due again when the step
begins."""
BEFORE = 2
"""Quarters of an hour before the day at which the devices connect."""
MIN_HORIZON = 4
"""Steps that a plan has at least."""
# Of the server: nothing is read that is not needed, and a car may be charged at any power.
SETTINGS: dict[str, Any] = {
    "poll_rate": SELDOM,
    "post_rate": QUARTER,
    "min_charge_w": 0,
    "reading_days": 4000,
    "quarter_hour_days": 4000,
}
Entry = dict[str, Any]
Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Street:
    """The devices of a street and its day, in quarters of an hour from `begin` on.

    `devices` are entries for `devicemodels.entry_model`. `load_w` is what the homes consume besides them,
    `supply_w` what is delivered.
    """
    begin: int
    devices: Sequence[Entry]
    load_w: Floats
    supply_w: Floats

    @property
    def steps(self) -> int:
        return len(self.load_w)

    def series_w(self, model: str) -> Floats:
        """Return the sum of the series of the devices with this model."""
        return sum(
            (np.array(entry["ratings"]["series"]) for entry in self.devices if entry["model"] == model),
            np.zeros(self.steps),
        )

    @property
    def trips(self) -> list[Sequence[float]]:
        """Each car's sessions: arrival, departure, Wh, W."""
        return [
            [*trip, entry["ratings"]["max_charge_w"]]
            for entry in self.devices
            for trip in entry["ratings"].get("trips", ())
        ]


@dataclass
class DayResult:
    """The result of a day.

    By interval: the imbalance, and what it would have been without controls; by kind of device its load and
    how much of that is due to controls (`moved_w`); the lowest state of charge. At the end: the energy that
    the cars of each charger left without, and the number of Responses by status.
    """
    imbalance_w: list[float] = field(default_factory=list)
    uncontrolled_imbalance_w: list[float] = field(default_factory=list)
    moved_w: dict[str, list[float]] = field(default_factory=dict)
    load_w: dict[str, list[float]] = field(default_factory=dict)
    lowest_soc: list[float] = field(default_factory=list)
    unserved_wh: list[float] = field(default_factory=list)
    responses: dict[int, int] = field(default_factory=dict)

    @property
    def rms_cut(self) -> float:
        """The fraction by which controls lowered the root mean square of the imbalance."""
        return 1 - float(np.linalg.norm(self.imbalance_w) / np.linalg.norm(self.uncontrolled_imbalance_w))


def enrol(street: Street, certificates: Sequence[Entry]) -> list[Entry]:
    """Enrol the devices, create their virtual DERs and forecasts; return the entries of the devices.json."""
    entries = [
        {**certificate, **device, "kind": "device"}
        for certificate, device in zip(certificates, street.devices, strict=True)
    ]
    with store.transaction():
        for entry in entries:
            enrolment.enrol(
                entry["lfdi"],
                int(entry["pin"]),
                entry["name"],
                entry["model"],
                category=devicemodels.entry_model(entry).category,
            )
    virtualders.create(AREA)
    for name, kind in LEAVES.items():
        virtualders.create(name, rule=f"kind = {kind}", parent=AREA)
    for kind in LISTS:
        pollrates.set_rate("poll", kind, "", POLL)
    for entry in entries:
        if entry["model"] in ("car", "pump"):     # they follow no DERProgram
            pollrates.set_rate("poll", "DERProgramList", entry["lfdi"], SELDOM)
    store.apply_rates()
    _put_forecasts(street)
    areasettings.set_automatic(AREA, True, horizon_steps=max(street.steps, MIN_HORIZON), reserve=0.0)
    return entries


def _put_forecasts(street: Street) -> None:
    """Put what is to come as signal and forecasts; some steps after the day nothing is out of balance."""
    def extended(values: Floats) -> list[float]:
        return [*values.tolist(), *values[-1:].tolist() * MIN_HORIZON]
    load, solar, heat = street.load_w, street.series_w("solar"), street.series_w("pump")
    supply = extended(street.supply_w)[:street.steps] + extended(load - solar + heat)[street.steps:]
    signals.put(AREA, "schedule", supply, street.begin, QUARTER)
    for vder, kind, values in ((AREA, "load", -load), (AREA, "pv", solar), ("pumps", "thermal", -heat)):
        forecasts.put(vder, kind, extended(values), street.begin, QUARTER)
    if street.trips:
        forecasts.put("cars", "ev", street.trips, street.begin, QUARTER)


def run_day(
    street: Street, server: Server, entries: Sequence[Entry], folder: Path, processes: int = 1
) -> DayResult:
    """Run the day and return its result.

    The clock must go in steps, and be BEFORE quarters of an hour before the day.
    """
    result = DayResult()
    # The server reads rates once a second, and a device that came before would poll too seldom all day.
    until(lambda: server.get("device-1", "/derp")["pollRate"] == POLL)
    arguments = ("--server", server.address, "--certs", str(server.certs))
    files = split_devices(entries, processes, folder)
    with ProcessPool(files, *arguments, module="tests.load.grid.homes") as pool:
        pool.run_due(clock.precise())
        # the server writes down in batches which devices have connected
        until(lambda: not Device.select().where(Device.last_contact_at.is_null()).exists())
        for number in range(1 - BEFORE, street.steps + 1):
            start = street.begin + number * QUARTER
            remaining = street.steps - number if 0 <= number < street.steps else None
            for totals in _step(pool, start, remaining):
                _record(result, street, totals)
    result.unserved_wh = _unserved_wh(street)
    statuses = ResponseRecord.select(ResponseRecord.status)
    result.responses = dict(Counter(response.status for response in statuses))
    return result


def _step(pool: ProcessPool, start: int, remaining: int | None) -> Iterator[dict[str, Any]]:
    """Plan the step (if any remain), let the devices poll, and begin it; yield the totals of the intervals
    that have ended by then."""
    if remaining is not None:
        clock.turn_to(start - POLL)
        areasettings.set_automatic(AREA, None, horizon_steps=max(remaining, MIN_HORIZON))
        worker.turn()
        yield from pool.run_until(start - POLL + POLL_DELAY)
    yield from pool.run_until(start)
    yield from pool.run_until(start + 1)    # a charger includes a car the second after its arrival


def _record(result: DayResult, street: Street, totals: dict[str, Any]) -> None:
    """Add an interval to the result, and push the measured load to the server."""
    start = totals["at"] - QUARTER
    number = (start - street.begin) // QUARTER
    if not 0 <= number < street.steps:
        return
    load_w, supply_w = float(street.load_w[number]), float(street.supply_w[number])
    net_load_w = load_w - sum(totals["injection_w"].values())
    uncontrolled_w = load_w - sum(totals["uncontrolled_w"].values())
    signals.push(AREA, "measured", net_load_w, start, QUARTER, issue_interval_s=QUARTER)
    result.imbalance_w.append(net_load_w - supply_w)
    result.uncontrolled_imbalance_w.append(uncontrolled_w - supply_w)
    for kind, injection_w in totals["injection_w"].items():
        result.load_w.setdefault(kind, []).append(-injection_w)
        result.moved_w.setdefault(kind, []).append(totals["uncontrolled_w"][kind] - injection_w)
    result.lowest_soc.append(min(totals["soc"], default=1.0))


def planned_w(street: Street, kind: str) -> Floats:
    """Return the load that was planned for a kind ("storage", "ev", "thermal", "pv") in each interval."""
    return -measurements.read(AREA, f"planned_{kind}", street.begin, street.steps, QUARTER)


def _unserved_wh(street: Street) -> list[float]:
    """Return the energy that the cars of each charger left without, by the charger's own readings."""
    cars = [entry for entry in street.devices if entry["model"] == "car"]
    ids = {device.name: device.id for device in Device.select().where(Device.kind == "car")}
    injection_w = devicereadings.mean_injection_w(
        [ids[entry["name"]] for entry in cars], street.begin, street.begin + street.steps * QUARTER
    )
    needs_wh = [sum(trip[2] for trip in entry["ratings"]["trips"]) for entry in cars]
    return [
        need_wh + float(np.nansum(series)) * QUARTER / 3600
        for need_wh, series in zip(needs_wh, injection_w, strict=True)
    ]
