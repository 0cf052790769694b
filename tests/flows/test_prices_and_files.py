"""A simulated battery follows a price and loads software, over real TLS: what an operator publishes, what the
battery does, and what it answers."""
from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from clients.devices.device import Device
from clients.simulation import neighbourhood
from server.devices import enrolment
from server.models import ResponseRecord
from server.resources import store
from server.resources.codes import FileStatus
from tests.flows.conftest import own_sqlite
from tests.flows.server import Server, entries

pytestmark = [pytest.mark.flow, own_sqlite]
IMAGE = bytes(range(256)) * 200
NAME = "device-1"


def run(device: Device, condition: Callable[[], bool], seconds: float = 40) -> None:
    """Step a device, whenever one is due, until a condition is true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, device.event_client.active_modes
        time.sleep(max(0.0, min(0.1, device.step(time.time()) - time.time())))


def test_a_price_is_followed_and_answered_and_a_file_loaded_and_activated(
    serve: Callable[..., Server]
) -> None:
    server = serve(poll_rate=1, post_rate=1)
    entry = entries(server.certs)[NAME] | {"model": "price_battery"}
    battery = enrolment.enrol(entry["lfdi"], int(entry["pin"]), name=NAME)
    server.operator("vder", "create", "street", "--member", NAME)
    server.operator("tariff", "set", "street", "0.10", "--for", "1h", "--response-required", "3")
    image = server.folder / "image.bin"
    image.write_bytes(IMAGE)
    device, = neighbourhood.create_clients([entry], neighbourhood.Server(server.address, certs=server.certs))
    assert isinstance(device, Device)
    try:
        run(device, lambda: device.model.injection_w == -device.model.max_charge_w)
        run(device, lambda: {row.status for row in ResponseRecord.select()} >= {1, 2})
        file = server.operator("file", "publish", str(image), "--mf-id", "0", "--mf-model",
                               "Counterpoise price_battery", "--mf-ver", "2")["href"]
        status = f"{enrolment.href(battery)}/fs"

        def told() -> int | None:
            document = store.get(status)
            return document.submitted["status"] if document and document.submitted else None

        run(device, lambda: told() == FileStatus.VERIFIED)
        server.operator("file", "activate", file)
        run(device, lambda: told() == FileStatus.ACTIVATED)
        information = f"{enrolment.href(battery)}/di"
        run(device, lambda: store.get(information).submitted["swVer"] == "2")
    finally:
        device.close()
    assert server.operator("file", "devices", file)[0]["status"] == "activated"
