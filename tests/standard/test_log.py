"""LogEvent: alarms and other news of a device; the newest are kept (IEEE 2030.5-2018, 9.6; CSIP
BASIC-027)."""
from __future__ import annotations

from typing import Any

import pytest

from server.config import settings
from tests.conftest import NOON
from tests.peers import Peer

LIST = "/edev/1/lel"


def event(number: int, **more: Any) -> dict[str, Any]:
    return {"createdDateTime": NOON + number, "functionSet": 11, "logEventCode": number, "logEventID": number,
            "logEventPEN": 40732, "profileID": 2, **more}


def ids(device: Peer) -> list[int]:
    """The logEventID of each, in the order of the list."""
    return [log_event["logEventID"] for log_event in device.get(f"{LIST}?l=99").data["LogEvent"]]


def test_an_alarm_and_its_end_are_kept(device: Peer) -> None:
    for number, body in enumerate((event(0, details="over-voltage", extendedData=253), event(1))):
        reply = device.post(LIST, "LogEvent", body)
        assert (reply.status, reply.location) == (201, f"{LIST}/{number + 1}")
        assert device.get(reply.location).data == {"href": reply.location, **body}
    listed = device.get(f"{LIST}?l=9").data
    assert (listed["all"], [log_event["logEventCode"] for log_event in listed["LogEvent"]]) == (2, [1, 0])
    assert device.get("/edev/1").data["LogEventListLink"]["all"] == 2


def test_a_new_log_event_is_the_first_of_its_list(device: Peer) -> None:
    """9.6.2, table 33, and 9.6.3.1: by createdDateTime and logEventID, both descending, so that a reader that
    takes one item has the newest."""
    for number in (1, 2, 3):
        device.post(LIST, "LogEvent", event(number))
        assert device.get(LIST).data["LogEvent"][0]["logEventID"] == number


def test_the_newest_are_kept(device: Peer) -> None:
    settings.log_events = 10
    for number in range(16):
        device.post(LIST, "LogEvent", event(number))
    listed = device.get(f"{LIST}?l=99").data
    assert (listed["all"], ids(device)) == (10, [*range(15, 5, -1)])
    assert device.get("/edev/1").data["LogEventListLink"]["all"] == 10


def test_the_newest_are_those_that_happened_last(device: Peer) -> None:
    settings.log_events = 10
    for number in (5, 9, 1, 7, 12, 3, 0, 11, 2, 10, 4, 8, 6):
        device.post(LIST, "LogEvent", event(number))
    assert ids(device) == [*range(12, 2, -1)]


def test_what_is_dated_ahead_does_not_outlive_the_others(device: Peer) -> None:
    """9.6.3.1: the oldest go; an event of a clock that is not set is not the newest for ever."""
    settings.log_events = 10
    for number, ahead_s in enumerate((10 ** 8, *range(10), 10 ** 7)):
        device.post(LIST, "LogEvent", event(ahead_s, logEventID=number, logEventCode=0))
    assert ids(device) == [*range(10, 0, -1)]


@pytest.mark.parametrize("codes, status", [
    ({"profileID": 0}, 201), ({"profileID": 1, "functionSet": 99}, 201), ({"profileID": 4}, 201),
    ({"profileID": 5}, 400), ({"profileID": 9}, 400),
    ({"functionSet": 0}, 201), ({"functionSet": 19}, 201), ({"functionSet": 24}, 201),
    ({"functionSet": 25}, 400), ({"functionSet": 99}, 400),
    ({"logEventPEN": 37244}, 201), ({"logEventPEN": 0}, 400), ({"logEventPEN": 0, "profileID": 1}, 201)])
def test_codes_are_those_that_their_profile_has(device: Peer, codes: dict[str, int], status: int) -> None:
    """The schema's LogEvent: profileID 0 to 4; with 2 a functionSet of the standard and an enterprise
    number."""
    assert device.post(LIST, "LogEvent", event(1, **codes)).status == status


def test_of_one_second_the_id_decides(device: Peer) -> None:
    settings.log_events = 10
    for number in (2, 3, 1, 12, 11, 10, 9, 8, 7, 6, 5, 4):
        device.post(LIST, "LogEvent", event(0, logEventID=number))
    assert ids(device) == [*range(12, 2, -1)]


def test_a_device_removes_and_corrects_its_events(device: Peer) -> None:
    href = device.post(LIST, "LogEvent", event(1)).location
    assert device.put(href, "LogEvent", event(1, details="corrected")).status == 204
    assert device.get(href).data["details"] == "corrected"
    assert device.delete(href).status == 204
    assert device.get(href).status == 404
    assert device.get(LIST).data["all"] == 0


def test_an_event_is_put_only_where_one_is(device: Peer) -> None:
    assert device.put(f"{LIST}/5", "LogEvent", event(1)).status == 404
