"""A device with a certificate of its own: it finds or registers its EndDevice, then follows events, responds
and reports."""
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
from clients.transport.discovery import DiscoveredDevice, Root


class Identity(NamedTuple):
    """The identity that follows from a certificate: LFDI (40 hexadecimal digits), SFDI, and the registration
    PIN that the utility has for it.

    With `pin` None the PIN is not checked; nor is it where the device has registered itself, since the
    utility has none then.
    """
    lfdi: str
    sfdi: int
    pin: int | None = None


class Device(Client):
    """One device. It follows no event before its EndDevice is there and, if it has a PIN, the Registration
    has the same (CSIP BASIC-001)."""

    def __init__(self, identity: Identity, model: DeviceModel, connection: Connection, dcap: str = "/dcap",
                 rate: float = 1.0, on_event: Callable[[Trace], None] = discard_trace,
                 clock: Callable[[], float] = time.time):
        super().__init__(model.name, connection, dcap, rate, on_event, clock)
        self.identity = identity
        self.event_client = EventClient(identity.lfdi, model, connection, on_event)
        # the documents of the last registration and the last error, so that neither is repeated unless read
        # again
        self._registered_in: object = None
        self._reported_error_of: object = None
        self._pin = identity.pin

    @property
    def event_clients(self) -> list[EventClient]:
        return [self.event_client]

    @property
    def model(self) -> DeviceModel:
        """The hardware as it is now."""
        return self.event_client.model

    def discover(self, root: Root, now: float) -> None:
        end_device = discovery.own_end_device(root.end_devices, self.identity.lfdi)
        if end_device is None:
            self.event_client.discovered = None
            self._register(root)
            return
        rate = self.polls.rate(root.end_device_list or "")
        discovered = discovery.discover(
            self.polls, end_device, rate, self.model.modes, self.time_href)
        if not self._check_pin(discovered, now):
            self.event_client.discovered = None
            return
        if self.event_client.discovered is None:
            self._on_event(Trace(int(now), self.name, "enrolled", end_device["href"]))
            self.polls.forget(self.dcap)    # a server may show more to a device that it knows
        files = discovery.files(self.polls, root.capability, self.polls.rate(self.dcap))
        self.event_client.discovered = discovered._replace(files=files)

    def _check_pin(self, discovered: DiscoveredDevice, now: float) -> bool:
        """Return whether the Registration has the device's PIN; report an error once if not."""
        pin = discovered.registration["pIN"] if discovered.registration else None
        if self._pin is None or pin == self._pin:
            return True
        if self._reported_error_of is not discovered.registration:
            self._on_event(Trace(int(now), self.name, "error", f"Registration has another PIN ({pin})"))
        self._reported_error_of = discovered.registration
        return False

    def _register(self, root: Root) -> None:
        """Register in band, once for each time that the list was read without this device in it.

        A server that links no EndDeviceList enrols devices by itself.
        """
        if root.end_device_list is None:
            if self._reported_error_of is not root.capability:
                reason = ("DeviceCapability has no EndDeviceListLink: this certificate is not enrolled, and "
                          "may not register itself")
                self._on_event(Trace(int(self.now), self.name, "error", reason))
            self._reported_error_of = root.capability
            return
        if self._registered_in is root.end_devices:
            return
        self._registered_in = root.end_devices
        document = {"deviceCategory": f"{self.model.category:08X}", "lFDI": self.identity.lfdi,
                    "sFDI": self.identity.sfdi, "changedTime": int(self.now)}
        href = root.end_device_list
        if self._try(lambda: self._connection.post(href, "EndDevice", document), "registration"):
            self._on_event(Trace(int(self.now), self.name, "registered", self.identity.lfdi))
            self.polls.forget(href)
            self._pin = None
