"""LogEvent: alarms and other news of a device; the newest are kept (IEEE 2030.5-2018, 9.6; CSIP
BASIC-027)."""
from __future__ import annotations

from typing import Any

from server.config import settings
from tests.conftest import NOON
from tests.peers import Peer

LIST = "/edev/1/lel"


def event(number: int, **more: Any) -> dict[str, Any]:
    return {"createdDateTime": NOON + number, "functionSet": 11, "logEventCode": number, "logEventID": number,
            "logEventPEN": 40732, "profileID": 2, **more}


def test_an_alarm_and_its_end_are_kept(device: Peer) -> None:
    for number, body in enumerate((event(0, details="over-voltage", extendedData=253), event(1))):
        reply = device.post(LIST, "LogEvent", body)
        assert (reply.status, reply.location) == (201, f"{LIST}/{number + 1}")
        assert device.get(reply.location).data == {"href": reply.location, **body}
    listed = device.get(f"{LIST}?l=9").data
    assert (listed["all"], [log_event["logEventCode"] for log_event in listed["LogEvent"]]) == (2, [0, 1])
    assert device.get("/edev/1").data["LogEventListLink"]["all"] == 2


def test_the_newest_are_kept(device: Peer) -> None:
    settings.log_events = 4
    for number in range(10):
        device.post(LIST, "LogEvent", event(number))
    listed = device.get(f"{LIST}?l=9").data
    assert (listed["all"], [log_event["logEventID"] for log_event in listed["LogEvent"]]) == (4, [6, 7, 8, 9])
    assert device.get("/edev/1").data["LogEventListLink"]["all"] == 4


def test_the_newest_are_those_that_happened_last(device: Peer) -> None:
    settings.log_events = 3
    for number in (5, 9, 1, 7, 3):
        device.post(LIST, "LogEvent", event(number))
    assert [log_event["logEventID"] for log_event in device.get(f"{LIST}?l=9").data["LogEvent"]] == [5, 7, 9]


def test_of_one_second_the_id_decides(device: Peer) -> None:
    settings.log_events = 2
    for number in (2, 3, 1):
        device.post(LIST, "LogEvent", event(0, logEventID=number))
    assert [log_event["logEventID"] for log_event in device.get(f"{LIST}?l=9").data["LogEvent"]] == [2, 3]


def test_a_device_removes_and_corrects_its_events(device: Peer) -> None:
    href = device.post(LIST, "LogEvent", event(1)).location
    assert device.put(href, "LogEvent", event(1, details="corrected")).status == 204
    assert device.get(href).data["details"] == "corrected"
    assert device.delete(href).status == 204
    assert device.get(href).status == 404
    assert device.get(LIST).data["all"] == 0


def test_an_event_is_put_only_where_one_is(device: Peer) -> None:
    assert device.put(f"{LIST}/5", "LogEvent", event(1)).status == 404
