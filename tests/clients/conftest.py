"""Fixtures of the tests of whole devices."""
from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from clients.devices.devicemodel import DeviceModel
from server import clock
from server.config import settings
from server.devices import enrolment
from server.grid.groups import virtualders
from tests.clients import fixtures
from tests.clients.fixtures import LFDI, PIN, DeviceFixture


@pytest.fixture
def start(server: None, application: Flask) -> Callable[..., DeviceFixture]:
    """Start a device with this model, enrolled and in `street`, at this second: `start(model, now)`.

    It polls and posts every `rate` seconds. Further arguments are limits of the virtual DER.
    """
    def start_device(model: DeviceModel, now: int, rate: int = 60, **limits: float) -> DeviceFixture:
        clock.turn_to(now)
        settings.poll_rate = settings.post_rate = rate
        enrolment.enrol(LFDI, pin=PIN, name="one")
        virtualders.create("street", members=["one"], **limits)
        return fixtures.create(application, model)
    return start_device
