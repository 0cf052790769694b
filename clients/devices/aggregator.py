"""An aggregator: one certificate, many EndDevices that it manages (CSIP AGG-001 to 012).

The server's EndDeviceList shows it the EndDevices that it manages. For each it follows the programs, responds
under that device's LFDI, and posts its readings.
"""
from __future__ import annotations

import time
from collections.abc import Callable

from clients.devices.client import Client, discard_trace
from clients.devices.devicemodel import DeviceModel
from clients.events.eventclient import EventClient
from clients.reports.reporter import Trace
from clients.transport import discovery
from clients.transport.connection import Connection
from clients.transport.discovery import Root


class Aggregator(Client):
    """Manages the devices in `models`, by LFDI. EndDevices that it does not know are ignored."""

    def __init__(self, name: str, models: dict[str, DeviceModel], connection: Connection,
                 dcap: str = "/dcap", rate: float = 1.0, on_event: Callable[[Trace], None] = discard_trace,
                 clock: Callable[[], float] = time.time):
        super().__init__(name, connection, dcap, rate, on_event, clock)
        self._event_clients = {
            lfdi: EventClient(lfdi, model, connection, on_event) for lfdi, model in models.items()
        }

    @property
    def event_clients(self) -> list[EventClient]:
        return list(self._event_clients.values())

    def discover(self, root: Root, now: float) -> None:
        rate = self.polls.rate(root.end_device_list or "")
        for lfdi, event_client in self._event_clients.items():
            end_device = discovery.own_end_device(root.end_devices, lfdi)
            if end_device is None:
                event_client.discovered = None
                continue
            if event_client.discovered is None:
                self._on_event(Trace(int(now), event_client.model.name, "enrolled", end_device["href"]))
                self.polls.forget(self.dcap)    # a server may show more to devices that it knows
            modes = event_client.model.modes
            event_client.discovered = discovery.discover(
                self.polls, end_device, rate, modes, self.time_href)
