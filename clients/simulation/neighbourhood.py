"""A neighbourhood from certificates: which household has which device, and the clients that speak for
them."""
from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from clients.devices.aggregator import Aggregator
from clients.devices.battery import Battery
from clients.devices.client import Client, discard_trace
from clients.devices.device import Device, Identity
from clients.devices.devicemodel import DeviceModel
from clients.devices.evcharger import EvCharger
from clients.devices.faults import NONE, Faults
from clients.devices.inverter import Inverter
from clients.devices.thermostat import Thermostat
from clients.reports.reporter import Trace
from clients.simulation.weather import Site, noise
from clients.transport.connection import Connection
from clients.transport.mtls import Https, tls_context

Entry = dict[str, Any]
KINDS: dict[str, type[DeviceModel]] = {kind.kind: kind for kind in (Inverter, Battery, EvCharger, Thermostat)}
# What a street has, house by house.
DEFAULT_KINDS = (
    "inverter",
    "battery",
    "evcharger",
    "inverter",
    "thermostat",
    "battery",
    "inverter",
    "evcharger",
)


class Server(NamedTuple):
    """Where to and by what trust: address, href of DeviceCapability, directory of the certificates (with
    `ca.pem`), and the rate of the server's clock where it is known."""
    address: str = "https://127.0.0.1:8443"
    dcap: str = "/dcap"
    certs: Path = Path("certs/dev")
    rate: float = 1.0


def device_model(kind: str, name: str, lfdi: str) -> DeviceModel:
    """A device of this kind at a site of its own; how large it is, and what happens there, comes from its
    LFDI."""
    def spread(what: str, low: float, high: float) -> float:
        return low + (high - low) * (noise(f"{lfdi} {what}", 0, 1) + 1) / 2
    site = Site(lfdi, peak_load=round(spread("load", 1500, 3500)), rise=spread("rise", 1, 6))
    if kind == "inverter":
        rated = round(spread("size", 3000, 8000), -2)
        return Inverter(name=name, site=site, max_w=rated, panel_w=1.2 * rated)
    if kind == "battery":
        stored = round(13500 * spread("charge", 0.2, 0.9))
        return Battery(name=name, site=site, stored=stored, panel_w=round(spread("panels", 0, 6000), -2))
    if kind == "evcharger":
        return EvCharger(name=name, site=site)
    if kind == "thermostat":
        return Thermostat(name=name, site=site, setpoint=round(spread("taste", 19, 23)))
    raise ValueError(f"{kind!r} is none of {', '.join(KINDS)}")


def read_entries(path: str | Path) -> list[Entry]:
    """The entries of a devices.json: name, kind ("device" or "aggregator"), lfdi, sfdi, pin, certificate,
    key; also `plant` (one of KINDS; else as the street has it), `ratings` (fields of the plant and, in
    `site`, of its Site that are otherwise drawn) and, for an aggregator, `manages` (entries like these)."""
    listed: list[Entry] = json.loads(Path(path).read_text())
    return listed


def entry_model(entry: Entry, index: int) -> DeviceModel:
    """The plant of an entry."""
    drawn = device_model(
        entry.get("plant") or DEFAULT_KINDS[index % len(DEFAULT_KINDS)], entry["name"], entry["lfdi"]
    )
    ratings = dict(entry.get("ratings", {}))
    return replace(drawn, site=drawn.site._replace(**ratings.pop("site", {})), **ratings)


def create_clients(
    known: Iterable[Entry],
    server: Server,
    tell: Callable[[Trace], None] = discard_trace,
    pins: bool = True,
    clock: Callable[[], float] = time.time,
    make: Callable[[Entry, int], DeviceModel] = entry_model,
    manner: Callable[[str], Faults] = lambda lfdi: NONE,
) -> list[Client]:
    """A client for each entry. An aggregator that manages nothing has nothing to do and is left out. `make`
    gives the plant of an entry and its place in the list, `manner` that of the client with an LFDI; a clock
    in steps is `clock.precise`."""
    found: list[Client] = []
    for index, entry in enumerate(known):
        managed = entry.get("manages", [])
        if entry["kind"] == "aggregator" and not managed:
            continue
        tls = tls_context(
            *(str(server.certs / name) for name in ("ca.pem", entry["certificate"], entry["key"]))
        )
        connection = Connection(Https(server.address, tls), clock)
        rest = (connection, server.dcap, server.rate, tell, clock)
        if entry["kind"] == "aggregator":
            plants = {one["lfdi"]: make(one, number) for number, one in enumerate(managed)}
            found.append(Aggregator(entry["name"], plants, *rest))
        else:
            identity = Identity(entry["lfdi"], int(entry["sfdi"]), int(entry["pin"]) if pins else None)
            found.append(Device(identity, make(entry, index), *rest))
        found[-1].behave(manner(entry["lfdi"]))
    return found
