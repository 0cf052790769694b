"""Mirrors as operators look at them, and the meter that is dead."""
from __future__ import annotations

import pytest

from server.devices import mirrors
from server.errors import Refused
from server.models import Reading
from server.resources import store
from tests.conftest import NOON
from tests.peers import Peer
from tests.standard.test_metering import POWER, mirror, post, reading


def test_a_dead_meter_is_removed_with_its_usage_point(device: Peer) -> None:
    """IEEE 2030.5-2018, 10.11.3 l; what was read stays for reports."""
    device.post("/mup", "MirrorUsagePoint", mirror(device))
    post(device, {**POWER, "Reading": reading(5, NOON - 300)})
    row, = mirrors.list_mirrors()
    assert row == {"href": "/mup/1", "device": "one", "description": "meter", "usage_point": "/upt/1",
                   "quantities": 1, "last_set": NOON // 86400 * 86400}
    assert list(mirrors.list_mirrors("one")) == [row]
    assert dict(mirrors.remove("/mup/1")) == {
        "href": "/mup/1", "lfdi": device.lfdi, "device": "one", "usage_point": "/upt/1", "quantities": 1}
    for href in ("/mup/1", "/upt/1", "/upt/1/mr/1", "/upt/1/mr/1/rs/0/r/0"):
        assert device.get(href).status == 404, href
    assert device.get("/upt").data["all"] == 0 and Reading.select().count() == 1
    assert list(mirrors.list_mirrors()) == [] and store.reindex() == 0
    with pytest.raises(Refused, match="there is no mirror /mup/1"):
        mirrors.remove("/mup/1")


def test_a_meter_that_is_alive_comes_back_with_what_it_read(device: Peer) -> None:
    device.post("/mup", "MirrorUsagePoint", mirror(device))
    post(device, {**POWER, "Reading": reading(5, NOON - 300)})
    mirrors.remove("/mup/1")
    assert device.post("/mup", "MirrorUsagePoint", mirror(device)).location == "/mup/2"
    assert device.get("/upt/1").status == 200
