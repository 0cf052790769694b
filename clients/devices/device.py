"""A device with a certificate of its own: finds or registers its EndDevice, then follows, answers and
reports."""
from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from clients.devices.client import Client, discard_trace
from clients.devices.devicemodel import DeviceModel
from clients.events.eventclient import EventClient
from clients.reports.reporter import Trace
from clients.transport import discovery
from clients.transport.connection import Connection
from clients.transport.discovery import Root


class Identity(NamedTuple):
    """What a certificate makes of its holder: LFDI (40 hexadecimal digits), SFDI, and the registration PIN
    that the utility was given for it (None: not checked; nor is it where the device registered itself: then
    none was given)."""
    lfdi: str
    sfdi: int
    pin: int | None = None


class Device(Client):
    """One device. It follows nothing before its EndDevice is there and, where it has a PIN, that of the
    Registration is the same (CSIP BASIC-001)."""

    def __init__(self, identity: Identity, plant: DeviceModel, connection: Connection, dcap: str = "/dcap",
                 rate: float = 1.0, tell: Callable[[Trace], None] = discard_trace,
                 clock: Callable[[], float] = time.time):
        super().__init__(plant.name, connection, dcap, rate, tell, clock)
        self.identity = identity
        self.follower = EventClient(identity.lfdi, plant, connection, tell)
        self._asked_for: object = None
        self._complained_of: object = None
        self._pin = identity.pin

    @property
    def followers(self) -> list[EventClient]:
        return [self.follower]

    @property
    def plant(self) -> DeviceModel:
        """The hardware as it is now."""
        return self.follower.plant

    def look_after(self, root: Root, now: float) -> None:
        own = discovery.own_end_device(root.end_devices, self.identity.lfdi)
        if own is None:
            self.follower.found = None
            self._register(root)
            return
        found = discovery.discover(
            self.polls, own, self.polls.rate(root.end_device_list or ""), self.plant.modes
        )
        pin = found.registration["pIN"] if found.registration else None
        if self._pin is not None and pin != self._pin:
            if self._complained_of is not found.registration:
                self._tell(Trace(int(now), self.name, "trouble", f"Registration has another PIN ({pin})"))
            self.follower.found, self._complained_of = None, found.registration
            return
        if self.follower.found is None:
            self._tell(Trace(int(now), self.name, "enrolled", own["href"]))
            self.polls.forget(self.dcap)    # a server may show more to those it knows
        self.follower.found = found

    def _register(self, root: Root) -> None:
        """Register in band, once for each time the list was read without us in it. A server that has no such
        list for us enrols devices by itself."""
        if root.end_device_list is None:
            if self._complained_of is not root.capability:
                why = ("DeviceCapability has no EndDeviceListLink: this certificate is not enrolled, and may "
                       "not register itself")
                self._tell(Trace(int(self.now), self.name, "trouble", why))
            self._complained_of = root.capability
            return
        if self._asked_for is root.end_devices:
            return
        self._asked_for = root.end_devices
        category = f"{self.plant.category:08X}"
        document = {"deviceCategory": category, "lFDI": self.identity.lfdi, "sFDI": self.identity.sfdi,
                    "changedTime": int(self.now)}
        href = root.end_device_list
        if self._try(lambda: self._connection.post(href, "EndDevice", document), "registration"):
            self._tell(Trace(int(self.now), self.name, "registered", self.identity.lfdi))
            self.polls.forget(href)
            self._pin = None
