"""A neighbourhood from certificates: which household has which device, and a client for each certificate."""
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
from clients.devices.pricebattery import PriceBattery
from clients.devices.thermostat import Thermostat
from clients.events.eventclient import EventClient
from clients.reports.reporter import Trace
from clients.simulation.businesses import BUSINESSES
from clients.simulation.weather import Site, noise
from clients.transport.connection import Connection
from clients.transport.mtls import Https, tls_context

Entry = dict[str, Any]
KINDS: dict[str, type[DeviceModel]] = {
    **{kind.kind: kind for kind in (Inverter, Battery, PriceBattery, EvCharger, Thermostat)},
    **{name: business.model for name, business in BUSINESSES.items()},
}
"""The device models by the names that entries have for them: kinds of homes, and businesses."""
# The kinds of a street without models in its devices.json, house by house, then from the beginning again.
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
    """A server and what its clients need: its address, the href of DeviceCapability, the directory of the
    certificates (with `ca.pem`), and the rate of the server's clock if it is known."""
    address: str = "https://127.0.0.1:8443"
    dcap: str = "/dcap"
    certs: Path = Path("certs/dev")
    rate: float = 1.0


def device_model(kind: str, name: str, lfdi: str) -> DeviceModel:
    """Return a device of this kind at a site of its own; ratings and site are drawn from the LFDI."""
    def draw(purpose: str, low: float, high: float) -> float:
        return low + (high - low) * (noise(f"{lfdi} {purpose}", 0, 1) + 1) / 2
    site = Site(
        lfdi, peak_load_w=round(draw("load", 1500, 3500)), voltage_rise_percent=draw("rise", 1, 6)
    )
    if kind == "inverter":
        max_w = round(draw("size", 3000, 8000), -2)
        return Inverter(name=name, site=site, max_w=max_w, panel_w=1.2 * max_w)
    if kind in (Battery.kind, PriceBattery.kind):
        stored_wh = round(13500 * draw("charge", 0.2, 0.9))
        battery = Battery if kind == Battery.kind else PriceBattery
        return battery(
            name=name, site=site, stored_wh=stored_wh, panel_w=round(draw("panels", 0, 6000), -2)
        )
    if kind == "evcharger":
        return EvCharger(name=name, site=site)
    if kind == "thermostat":
        return Thermostat(name=name, site=site, setpoint_c=round(draw("taste", 19, 23)))
    if kind in BUSINESSES:
        model, ratings = BUSINESSES[kind]
        return model(name=name, site=site, **ratings)
    raise ValueError(f"{kind!r} is none of {', '.join(KINDS)}")


def read_entries(path: str | Path) -> list[Entry]:
    """Return the entries of a devices.json.

    Each has name, kind ("device" or "aggregator"), lfdi, sfdi, pin, certificate and key. It may have `model`
    (one of KINDS; otherwise DEFAULT_KINDS apply) and `ratings` (fields of the device model and, under `site`,
    of its Site; other fields are drawn), and an aggregator has `manages` (a list of entries).
    """
    entries: list[Entry] = json.loads(Path(path).read_text())
    return entries


def entry_model(entry: Entry, index: int) -> DeviceModel:
    """Return the device model of an entry, which is at this index of its list."""
    kind = entry.get("model") or DEFAULT_KINDS[index % len(DEFAULT_KINDS)]
    model = device_model(kind, entry["name"], entry["lfdi"])
    ratings = dict(entry.get("ratings", {}))
    return replace(model, site=model.site._replace(**ratings.pop("site", {})), **ratings)


def create_clients(
    entries: Iterable[Entry],
    server: Server,
    on_event: Callable[[Trace], None] = discard_trace,
    *,
    check_pins: bool = True,
    clock: Callable[[], float] = time.time,
    create_model: Callable[[Entry, int], DeviceModel] = entry_model,
    draw_faults: Callable[[str], Faults] = lambda lfdi: NONE,
) -> list[Client]:
    """Return a client for each entry; an aggregator that manages nothing is left out.

    `clock` is `server.clock.precise` where time goes in steps. `create_model` returns the device model of an
    entry and its index, `draw_faults` the faults of the client with an LFDI.
    """
    clients: list[Client] = []
    for index, entry in enumerate(entries):
        managed = entry.get("manages", [])
        if entry["kind"] == "aggregator" and not managed:
            continue
        tls = tls_context(
            *(str(server.certs / name) for name in ("ca.pem", entry["certificate"], entry["key"]))
        )
        connection = Connection(Https(server.address, tls), clock)
        options = (connection, server.dcap, server.rate, on_event, clock)
        client: Client
        if entry["kind"] == "aggregator":
            models = {member["lfdi"]: create_model(member, number) for number, member in enumerate(managed)}
            client = Aggregator(entry["name"], models, *options)
        else:
            pin = int(entry["pin"]) if check_pins else None
            identity = Identity(entry["lfdi"], int(entry["sfdi"]), pin)
            client = Device(identity, create_model(entry, index), *options)
        client.set_faults(draw_faults(entry["lfdi"]))
        clients.append(client)
    return clients


def event_clients(clients: Iterable[Client]) -> list[EventClient]:
    """Return the event clients of all clients."""
    return [event_client for client in clients for event_client in client.event_clients]


def by_feeder(clients: Iterable[Client]) -> dict[str, list[EventClient]]:
    """Return the event clients of all clients by the feeder of their sites."""
    found: dict[str, list[EventClient]] = {}
    for event_client in event_clients(clients):
        found.setdefault(event_client.model.site.feeder, []).append(event_client)
    return found
