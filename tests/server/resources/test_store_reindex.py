"""Reindex: nothing to do on a healthy database, everything put right on a damaged one."""
from __future__ import annotations

from typing import Any

import pytest

from server import clock
from server.devices import enrolment
from server.models import Device
from server.resources import refresh, sql, store
from tests import peers
from tests.conftest import NOON

pytestmark = pytest.mark.usefixtures("server")
TABLES = ("document", "device", "audience", "response_record", "counter", "reading", "reading_set")


def content() -> dict[str, list[str]]:
    return {name: sorted(map(repr, sql.rows(f"SELECT * FROM {name}"))) for name in TABLES}


@pytest.fixture
def lived(device: peers.Peer) -> peers.Peer:
    """A server with documents and rows of every kind."""
    enrolment.enrol(peers.lfdi(2), manager="")
    program = store.add("DERProgram", "/derp", {"primacy": 1})
    for start, duration in ((0, 1000), (500, 100), (3000, 50), (10, 5)):
        clock.advance(1)
        store.add("DERControl", f"{program}/derc", {"interval": {"start": NOON + start, "duration": duration},
                                                    "DERControlBase": {"opModMaxLimW": 100}})
    store.cancel(f"{program}/derc/3")
    clock.turn_to(NOON + 550)
    refresh.run()
    event = store.get(f"{program}/derc/1")
    assert event is not None and event.status["currentStatus"] == 4
    mirror = {
        "mRID": "0A",
        "deviceLFDI": device.lfdi,
        "roleFlags": "0000",
        "serviceCategoryKind": 0,
        "status": 1,
        "MirrorMeterReading": [{"mRID": "0B", "ReadingType": {"uom": 38}, "Reading": {"value": 5}}],
    }
    assert device.post("/mup", "MirrorUsagePoint", mirror).status == 201
    answer = {"endDeviceLFDI": device.lfdi, "subject": event.mrid, "status": 1, "createdDateTime": NOON}
    assert device.post("/rsps/1/rsp", "DERControlResponse", answer).status == 201
    assert device.put("/edev/1/der/1/ders", "DERStatus", {"readingTime": NOON}).status == 204
    return device


def test_a_healthy_database_is_left_alone(lived: peers.Peer) -> None:
    was = content()
    assert store.reindex() == 0
    assert content() == was


@pytest.mark.parametrize("damage", [
    "UPDATE document SET body = ''", "UPDATE document SET sort = ''",
    "UPDATE document SET at = 1, until = 2", "UPDATE document SET visibility = 1, fresh_until = NULL",
    "UPDATE document SET status = '{}' WHERE status IS NOT NULL", "UPDATE document SET status = NULL",
    "UPDATE document SET mrid = NULL", "DELETE FROM response_record", "DELETE FROM audience",
    "UPDATE document SET visibility = 2 WHERE status IS NOT NULL"])
def test_a_damaged_one_is_put_right(lived: peers.Peer, damage: str) -> None:
    was = content()
    sql.execute(damage)
    assert content() != was
    assert store.reindex() > 0
    assert without_times(content()) == without_times(was)
    assert store.reindex() == 0


def without_times(documents: dict[str, list[str]]) -> dict[str, Any]:
    """When an answer came is not in its document."""
    return {**documents, "response_record": len(documents["response_record"])}


def test_devices_come_back_from_their_documents(lived: peers.Peer) -> None:
    was = {(device.id, device.lfdi, device.sfdi) for device in Device.select()}
    sql.execute("DELETE FROM audience")
    sql.execute("DELETE FROM device")
    assert store.reindex() > 0
    assert {(device.id, device.lfdi, device.sfdi) for device in Device.select()} == was
    assert lived.get("/edev/1").status == 200
