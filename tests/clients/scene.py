"""A client of the device interface in one process, with the clock turned."""
from __future__ import annotations

from typing import NamedTuple

from clients.devices.device import Device
from clients.reports.reporter import Trace
from server import clock
from server.grid.fleet import power
from server.resources import store
from tests import peers
from tests.clients.inprocess import InProcess

ME, PIN = peers.lfdi(1), 123455


class Scene(NamedTuple):
    """A device, its line to the server, and what it told."""
    device: Device
    line: InProcess
    told: list[Trace]

    def live(self, seconds: float) -> None:
        """Let the device live for so long, woken when it asks to be."""
        until, wake = clock.precise() + seconds, clock.precise()
        while wake <= until:
            clock.turn_to(max(wake, clock.precise()))
            wake = self.device.step(clock.precise())
        clock.turn_to(until)

    def live_until(self, instant: int) -> None:
        self.live(instant - clock.precise())

    def said(self, what: str) -> list[str]:
        return [one.detail for one in self.told if one.kind == what]


def coarsely(scene: Scene, until: int, every: int = 300) -> None:
    """Let the device live in steps of this many seconds, as where time goes in steps."""
    for instant in range(int(clock.precise()) // every * every + every, until + 1, every):
        clock.turn_to(instant)
        scene.device.step(instant)


def statuses() -> list[int]:
    data = [document.submitted for document in store.items("/rsps/1/rsp")]
    return [one["status"] for one in sorted(data, key=lambda one: one["createdDateTime"])]


def read(start: int, seconds: int) -> float:
    """Mean injection by the readings that were posted, W."""
    return power.mean([ME], start, start + seconds)[ME]
