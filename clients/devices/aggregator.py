"""An aggregator: one certificate, many EndDevices that it manages (CSIP AGG-001 to 012).

The server's EndDeviceList shows it the EndDevices it manages; for each it follows the programs, answers under
that device's LFDI, and posts its readings.
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
    """Manages the plants in `fleet`, by LFDI. EndDevices that it does not know are left alone."""

    def __init__(self, name: str, fleet: dict[str, DeviceModel], connection: Connection, dcap: str = "/dcap",
                 rate: float = 1.0, tell: Callable[[Trace], None] = discard_trace,
                 clock: Callable[[], float] = time.time):
        super().__init__(name, connection, dcap, rate, tell, clock)
        self._followers = {lfdi: EventClient(lfdi, plant, connection, tell) for lfdi, plant in fleet.items()}

    @property
    def followers(self) -> list[EventClient]:
        return list(self._followers.values())

    def look_after(self, root: Root, now: float) -> None:
        rate = self.polls.rate(root.end_device_list or "")
        for lfdi, follower in self._followers.items():
            own = discovery.own_end_device(root.end_devices, lfdi)
            if own is not None and follower.found is None:
                self._tell(Trace(int(now), follower.plant.name, "enrolled", own["href"]))
                self.polls.forget(self.dcap)    # a server may show more to those it knows
            follower.found = discovery.discover(self.polls, own, rate, follower.plant.modes) if own else None
