"""What the tests of whole devices share."""
from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from clients.devices.device import Device, Identity
from clients.devices.devicemodel import DeviceModel
from server import clock
from server.config import settings
from server.devices import enrolment, identity
from server.grid.groups import virtualders
from tests.clients.inprocess import InProcess
from tests.clients.scene import ME, PIN, Scene


@pytest.fixture
def play(server: None, application: Flask) -> Callable[..., Scene]:
    """A device with this plant, enrolled and in `street`, from this second on; it polls and posts at this
    rate."""
    def begin(model: DeviceModel, now: int, rate: int = 60, **limits: float) -> Scene:
        clock.turn_to(now)
        settings.poll_rate = settings.post_rate = rate
        enrolment.enrol(ME, pin=PIN, name="one")
        virtualders.create("street", members=["one"], **limits)
        line, told = InProcess(application, ME), []
        device = Device(Identity(ME, identity.sfdi(ME), PIN), model, line.connection(), on_event=told.append,
                        clock=clock.precise)
        return Scene(device, line, told)
    return begin
