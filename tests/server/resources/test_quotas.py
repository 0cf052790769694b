"""Quotas: at the limit and beyond, for each list; the alarm; what an aggregator may do."""
from __future__ import annotations

from typing import Any

import pytest

from server import alarms, clock
from server.config import settings
from server.devices import enrolment
from server.grid.controls import dercontrols
from server.grid.groups import virtualders
from server.models import Document
from server.resources import quotas, table
from tests import peers
from tests.conftest import NOON
from tests.peers import Peer

W = {"multiplier": 0, "value": 7000}


def mirror(number: int, lfdi: str, **more: Any) -> dict[str, Any]:
    return {"mRID": f"A{number:X}", "roleFlags": "0049", "serviceCategoryKind": 0, "status": 1,
            "deviceLFDI": lfdi, **more}


def quantity(number: int, values: int = 0) -> dict[str, Any]:
    sets = [{"mRID": f"C{number:X}", "timePeriod": {"duration": 300, "start": NOON - 300},
             "Reading": [{"value": value} for value in range(values)]}] if values else []
    return {"mRID": f"B{number:X}", "ReadingType": {"flowDirection": 1, "uom": 38, "powerOfTenMultiplier": 0},
            **({"MirrorReadingSet": sets} if sets else {})}


def request(number: int) -> dict[str, Any]:
    return {"mRID": f"F{number:X}", "creationTime": NOON, "energyRequested": W, "powerRequested": W,
            "RequestStatus": {"dateTime": NOON, "requestStatus": 0},
            "intervalRequested": {"start": NOON, "duration": 36_000}}


POSTS = {
    "DER": ("quota_ders", "/edev/1/der", lambda number: {}),
    "Subscription": ("quota_subscriptions", "/edev/1/sub", lambda number: {
        "subscribedResource": "/derp", "encoding": 0, "level": "+S1", "limit": 1,
        "notificationURI": f"http://x/{number}"}),
    "FlowReservationRequest": ("quota_reservation_requests", "/edev/1/frq", request),
    "IPInterface": ("quota_items", "/edev/1/ns", lambda number: {}),
}


@pytest.mark.parametrize("kind", POSTS)
def test_a_list_takes_as_many_of_a_device_as_its_quota(device: Peer, kind: str) -> None:
    quota, href, data = POSTS[kind]
    present = Document.select().where(Document.parent == href).count()
    setattr(settings, quota, present + 2)
    for number in range(2):
        assert device.post(href, kind, data(number)).status == 201
    reply = device.post(href, kind, data(3))
    assert (reply.status, reply.data) == (403, {"reasonCode": 2})
    (alarm,) = alarms.rows()
    assert (alarm["kind"], alarm["source"]) == ("quota", "device 1") and kind in alarm["detail"]
    assert Document.select().where(Document.parent == href).count() == present + 2


def test_every_quota_of_the_table_is_a_setting() -> None:
    for row in table.rows.values():
        if row.quota and row.quota != quotas.UNLIMITED:
            assert quotas.limit(row.quota) > 0, row.name


def test_a_request_that_is_over_or_cancelled_does_not_count(device: Peer) -> None:
    settings.quota_reservation_requests = 1
    href = device.post("/edev/1/frq", "FlowReservationRequest", request(1)).location

    def ask(data: dict[str, Any]) -> int:
        return device.post("/edev/1/frq", "FlowReservationRequest", data).status
    assert ask(request(1)) == 204, "the same once more"
    assert ask(request(2)) == 403
    cancelled = {**request(1), "RequestStatus": {"dateTime": NOON, "requestStatus": 1}}
    assert device.put(href, "FlowReservationRequest", cancelled).status == 204
    assert ask(request(2)) == 201
    clock.turn_to(NOON + 36_000)
    assert ask({**request(3), "intervalRequested": {"start": NOON + 40_000, "duration": 3600}}) == 201


def test_responses_to_one_event(device: Peer) -> None:
    settings.quota_responses = 3
    virtualders.create("street", members=["one"])
    events = [dercontrols.post("street", {"opModConnect": True}, 600, NOON + 60 + 900 * number)["mrid"]
              for number in range(2)]

    def respond(event: str, at: int) -> peers.Reply:
        return device.post("/rsps/1/rsp", "DERControlResponse", {
            "createdDateTime": at, "endDeviceLFDI": device.lfdi, "status": 1, "subject": event})
    assert [respond(events[0], NOON + number).status for number in range(3)] == [201] * 3
    reply = respond(events[0], NOON + 3)
    assert (reply.status, reply.data) == (403, {"reasonCode": 2})
    assert respond(events[0], NOON).status == 204, "one of them once more"
    assert respond(events[1], NOON).status == 201


def test_mirrors_and_the_link_to_them(device: Peer) -> None:
    settings.quota_mirrors = 2
    assert "MirrorUsagePointListLink" in device.get("/dcap").data
    hrefs = [device.post("/mup", "MirrorUsagePoint", mirror(number, device.lfdi)).location
             for number in range(2)]
    assert "MirrorUsagePointListLink" not in device.get("/dcap").data
    reply = device.post("/mup", "MirrorUsagePoint", mirror(3, device.lfdi))
    assert (reply.status, reply.data) == (413, {"reasonCode": 2})
    assert device.post("/mup", "MirrorUsagePoint", mirror(1, device.lfdi)).status == 204, "stated again"
    assert device.delete(hrefs[0]).status == 204
    assert device.get("/dcap").data["MirrorUsagePointListLink"]["all"] == 1
    assert device.post("/mup", "MirrorUsagePoint", mirror(3, device.lfdi)).status == 201


def test_mirrors_of_others_do_not_count(device: Peer, peer: Any) -> None:
    """What an aggregator stores counts on the device that it is for."""
    settings.quota_mirrors = 1
    aggregator = peer(9)
    enrolment.enrol(aggregator.lfdi, name="aggregator", kind="aggregator")
    for number in (2, 3):
        enrolment.enrol(peers.lfdi(number), name=f"d{number}", manager=aggregator.lfdi)
        assert aggregator.post("/mup", "MirrorUsagePoint", mirror(number, peers.lfdi(number))).status == 201
    assert "MirrorUsagePointListLink" in aggregator.get("/dcap").data
    assert aggregator.post("/mup", "MirrorUsagePoint", mirror(4, peers.lfdi(3))).status == 413
    assert [row["source"] for row in alarms.rows()] == ["device 4"]
    assert device.post("/mup", "MirrorUsagePoint", mirror(5, device.lfdi)).status == 201


def test_quantities_of_a_mirror(device: Peer) -> None:
    settings.quota_mirror_readings = 2
    document = mirror(1, device.lfdi, MirrorMeterReading=[quantity(1)])
    href = device.post("/mup", "MirrorUsagePoint", document).location
    assert device.post(href, "MirrorMeterReading", quantity(2)).status == 201
    assert device.post(href, "MirrorMeterReading", quantity(2)).status == 201, "the same again"
    assert device.post(href, "MirrorMeterReading", quantity(3)).status == 403
    three = mirror(2, device.lfdi, MirrorMeterReading=[quantity(number) for number in range(3)])
    assert device.post("/mup", "MirrorUsagePoint", three).status == 403
    assert Document.select().where(Document.parent == "/mup").count() == 1, "nothing of it was stored"


def test_readings_a_day(device: Peer) -> None:
    settings.quota_readings_per_day = 100
    href = device.post("/mup", "MirrorUsagePoint", mirror(1, device.lfdi)).location
    assert device.post(href, "MirrorMeterReading", quantity(1, 60)).status == 201
    reply = device.post(href, "MirrorMeterReading", quantity(1, 60))
    assert (reply.status, reply.data["reasonCode"]) == (429, 4)
    assert reply.headers["Retry-After"] == str(reply.data["maxRetryDuration"]) == "17280"
    clock.turn_to(NOON + 17279)
    assert device.post(href, "MirrorMeterReading", quantity(1, 60)).status == 429
    clock.turn_to(NOON + 17280)
    assert device.post(href, "MirrorMeterReading", quantity(1, 60)).status == 201


def test_bytes_of_a_document_and_of_a_device(device: Peer) -> None:
    settings.quota_document_bytes, settings.quota_device_bytes = 9000, 10_000
    log_event = {"createdDateTime": 1, "functionSet": 11, "logEventCode": 0, "logEventID": 1,
                 "logEventPEN": 1, "profileID": 2}

    def post(size: int) -> int:
        xml = '<x:a xmlns:x="urn:x">' + "y" * (size // 2) + '</x:a>'
        body = (b'<LogEvent xmlns="urn:ieee:std:2030.5:ns">' + xml.encode() * 2 + b"".join(
            f"<{key}>{value}</{key}>".encode() for key, value in sorted(log_event.items())) + b"</LogEvent>")
        return device.request("POST", "/edev/1/lel", body).status
    assert post(9000) == 413, "too long by itself"
    assert post(5000) == 201
    assert post(5000) == 413, "too much with the other"
    assert post(1000) == 201, "what is small is bounded by the number of items"
    assert device.request("DELETE", "/edev/1/lel/1").status == 204
    assert post(5000) == 201


def test_operators_have_no_quota(device: Peer) -> None:
    settings.quota_items = settings.quota_ders = 1
    virtualders.create("street", members=["one"])
    for number in range(3):
        dercontrols.post("street", {"opModConnect": True}, 600, NOON + 900 * number)
    assert not alarms.rows()
