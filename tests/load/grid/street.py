"""A street over the wire for a day: the real server, its worker, and a client with a certificate of its own
for each device.

Time goes in steps. Everybody knows what is to come: that is given to the server as a forecast. What comes of
it is what the devices really did. Consumption is positive, in W; energy in Wh.
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
from server.grid.balance import controller
from server.grid.groups import virtualders
from server.grid.series import forecasts, measurements, signals
from server.models import Device, ResponseRecord
from server.resources import pollrates, store
from tests.flows.server import Server, until
from tests.load.grid import devicemodels
from tests.load.grid.devicemodels import QUARTER

AREA = "street"
LEAVES = {"batteries": "battery", "cars": "car", "pumps": "pump", "panels": "solar"}
LISTS = ("DERProgramList", "DemandResponseProgramList", "FlowReservationResponseList")
POLL, SELDOM = 300, 2 * 86400
# seconds after the worker's turn the devices poll, so that they are not due again when the step begins
HEARD = 2
BEFORE = 2  # quarters of an hour before it all begins the devices come
LEAST = 4   # steps that a plan has at least
# Of the server: nothing is asked for that is not needed, a car may be charged at any power.
SETTINGS: dict[str, Any] = {
    "poll_rate": SELDOM,
    "post_rate": QUARTER,
    "min_charge_w": 0,
    "reading_days": 4000,
}
Entry = dict[str, Any]
Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Street:
    """Devices (entries as `plants.made` takes them), and for each quarter of an hour from `begin` on what
    homes draw beside them, and what is delivered."""
    begin: int
    devices: Sequence[Entry]
    load: Floats
    supply: Floats

    @property
    def steps(self) -> int:
        return len(self.load)

    def series(self, plant: str) -> Floats:
        """The sum of what devices of a kind do left alone, as far as that is given."""
        return sum(
            (np.array(one["ratings"]["series"]) for one in self.devices if one["plant"] == plant),
            np.zeros(self.steps),
        )

    @property
    def trips(self) -> list[Sequence[float]]:
        """Each car's visits: arrival, departure, Wh, W."""
        return [
            [*trip, one["ratings"]["max_charge_w"]]
            for one in self.devices
            for trip in one["ratings"].get("trips", ())
        ]


@dataclass
class Lived:
    """By interval what was `left` of the imbalance, what it would have been had nobody asked for anything
    (`alone`), what each kind was moved (`moved`) and was to be (`planned`), and the lowest state of charge;
    at the end the Wh that each charger's cars were left without, and how many answers of each status there
    were."""
    left: list[float] = field(default_factory=list)
    alone: list[float] = field(default_factory=list)
    moved: dict[str, list[float]] = field(default_factory=dict)
    drawn: dict[str, list[float]] = field(default_factory=dict)
    lowest: list[float] = field(default_factory=list)
    unserved: list[float] = field(default_factory=list)
    answers: dict[int, int] = field(default_factory=dict)

    @property
    def cut(self) -> float:
        """The part by which the imbalance's root of the mean square was lowered."""
        return 1 - float(np.linalg.norm(self.left) / np.linalg.norm(self.alone))


def enrol(street: Street, certificates: Sequence[Entry]) -> list[Entry]:
    """Enrol the devices, make their virtual DERs, say what is to come; the entries of the devices.json."""
    known = [
        {**certificate, **one, "kind": "device"}
        for certificate, one in zip(certificates, street.devices, strict=True)
    ]
    with store.transaction():
        for one in known:
            enrolment.enrol(
                one["lfdi"],
                int(one["pin"]),
                one["name"],
                one["plant"],
                category=devicemodels.entry_model(one).category,
            )
    virtualders.create(AREA)
    for name, kind in LEAVES.items():
        virtualders.create(name, rule=f"kind = {kind}", parent=AREA)
    for kind in LISTS:
        pollrates.set_rate("poll", kind, "", POLL)
    for one in known:
        if one["plant"] in ("car", "pump"):     # nothing that a DERProgram says is for them
            pollrates.set_rate("poll", "DERProgramList", one["lfdi"], SELDOM)
    store.apply_rates()
    _foretell(street)
    controller.set_automatic(AREA, True, horizon=max(street.steps, LEAST), reserve=0.0)
    return known


def _foretell(street: Street) -> None:
    """Signal and forecasts are what will be; a few steps behind the day nothing is out of balance."""
    def longer(values: Floats) -> list[float]:
        return [*values.tolist(), *values[-1:].tolist() * LEAST]
    load, sun, heat = street.load, street.series("solar"), street.series("pump")
    supply = longer(street.supply)[:street.steps] + longer(load - sun + heat)[street.steps:]
    signals.put(AREA, "schedule", supply, street.begin, QUARTER)
    for vder, what, values in ((AREA, "load", -load), (AREA, "pv", sun), ("pumps", "thermal", -heat)):
        forecasts.put(vder, what, longer(values), street.begin, QUARTER)
    if street.trips:
        forecasts.put("cars", "ev", street.trips, street.begin, QUARTER)


def live(street: Street, server: Server, known: Sequence[Entry], folder: Path, processes: int = 1) -> Lived:
    """The whole of it. The clock goes in steps and stands BEFORE quarters of an hour before it begins."""
    lived = Lived()
    words = ("--server", server.address, "--certs", str(server.certs))
    with ProcessPool(split_devices(known, processes, folder), *words, module="tests.load.grid.homes") as crew:
        crew.poke(clock.precise())
        # the server gathers who was there
        until(lambda: not Device.select().where(Device.last_contact_at.is_null()).exists())
        for number in range(1 - BEFORE, street.steps + 1):
            start = street.begin + number * QUARTER
            for sums in _step(
                crew, start, street.steps - number if number >= 0 and number < street.steps else None
            ):
                _note(lived, street, sums)
    lived.unserved = _unserved(street)
    lived.answers = dict(Counter(answer.status for answer in ResponseRecord.select(ResponseRecord.status)))
    return lived


def _step(crew: ProcessPool, start: int, ahead: int | None) -> Iterator[dict[str, Any]]:
    """Decide the step, let the devices hear of it, and begin it; sums of the intervals that are over by
    then."""
    if ahead is not None:
        clock.turn_to(start - POLL)
        controller.set_automatic(AREA, None, horizon=max(ahead, LEAST))
        worker.turn()
        yield from crew.until(start - POLL + HEARD)
    yield from crew.until(start)
    yield from crew.until(start + 1)    # a charger notices a second later that a car has come


def _note(lived: Lived, street: Street, sums: dict[str, Any]) -> None:
    """What was measured of an interval."""
    start = sums["at"] - QUARTER
    number = (start - street.begin) // QUARTER
    if not 0 <= number < street.steps:
        return
    drawn, alone = (float(street.load[number]) - sum(sums[key].values()) for key in ("power", "alone"))
    signals.push(AREA, "measured", drawn, start, QUARTER, every=QUARTER)
    lived.left.append(drawn - float(street.supply[number]))
    lived.alone.append(alone - float(street.supply[number]))
    for kind, power in sums["power"].items():
        lived.drawn.setdefault(kind, []).append(-power)
        lived.moved.setdefault(kind, []).append(sums["alone"][kind] - power)
    lived.lowest.append(min(sums["charge"], default=1.0))


def planned(street: Street, what: str) -> Floats:
    """What was asked of a kind ("store", "car", "heat", "sun") in each interval."""
    return -measurements.read(AREA, f"planned_{what}", street.begin, street.steps, QUARTER)


def _unserved(street: Street) -> list[float]:
    """By charger, by its own readings."""
    cars = [one for one in street.devices if one["plant"] == "car"]
    numbers = {device.name: device.id for device in Device.select().where(Device.kind == "car")}
    read = measurements.series(
        [numbers[one["name"]] for one in cars], street.begin, street.begin + street.steps * QUARTER
    )
    needs = [sum(trip[2] for trip in one["ratings"]["trips"]) for one in cars]
    return [need + float(np.nansum(each)) * QUARTER / 3600 for need, each in zip(needs, read, strict=True)]
