"""A simulated device at the real device interface, in one process, with the clock turned by the test."""
from __future__ import annotations

from typing import NamedTuple

from flask import Flask

from clients.devices.client import Client
from clients.devices.device import Device, Identity
from clients.devices.devicemodel import DeviceModel
from clients.reports.reporter import Trace
from server import clock
from server.devices import identity
from server.grid.fleet import power
from server.models import Document
from server.resources import documents
from tests import peers
from tests.clients.inprocess import InProcess

LFDI, PIN = peers.lfdi(1), 123455


class DeviceFixture(NamedTuple):
    """A device, its transport, and the traces that it has passed on."""
    device: Device
    transport: InProcess
    traces: list[Trace]

    @property
    def model(self) -> DeviceModel:
        """The hardware as it is now."""
        return self.device.model

    def run(self, seconds: float) -> None:
        """Run for so many seconds, with a step whenever one is due."""
        run(self.device, seconds)

    def run_until(self, instant: int) -> None:
        """Run until an instant, likewise."""
        self.run(instant - clock.precise())

    def run_in_steps(self, until: int, step_s: int = 300) -> None:
        """Run until an instant with a step every so many seconds, as where time goes in steps."""
        for instant in range(int(clock.precise()) // step_s * step_s + step_s, until + 1, step_s):
            clock.turn_to(instant)
            self.device.step(instant)

    def details(self, kind: str) -> list[str]:
        """Return the details of the traces of one kind."""
        return [trace.detail for trace in self.traces if trace.kind == kind]


def create(application: Flask, model: DeviceModel) -> DeviceFixture:
    """Return a device with this model and the certificate of LFDI, which need not be enrolled."""
    transport, traces = InProcess(application, LFDI), list[Trace]()
    device = Device(
        Identity(LFDI, identity.sfdi(LFDI), PIN),
        model,
        transport.connection(),
        on_event=traces.append,
        clock=clock.precise,
    )
    return DeviceFixture(device, transport, traces)


def run(client: Client, seconds: float) -> None:
    """Run a client for so many seconds, with a step whenever one is due."""
    until, due = clock.precise() + seconds, clock.precise()
    while due <= until:
        clock.turn_to(max(due, clock.precise()))
        due = client.step(clock.precise())
    clock.turn_to(until)


def stored_responses() -> list[Document]:
    """Return all Responses that the server has, of every ResponseSet."""
    return documents.select("parent LIKE ? AND parent <> ?", "/rsps/%", "/rsps")


def statuses() -> list[int]:
    """Return the statuses of all Responses that the server has, by their time."""
    responses = [document.submitted for document in stored_responses()]
    return [
        response["status"] for response in sorted(responses, key=lambda response: response["createdDateTime"])
    ]


def mean_injection_w(start: int, seconds: int) -> float:
    """Return the mean injection by the readings that the device has posted."""
    return power.mean([LFDI], start, start + seconds)[LFDI]
