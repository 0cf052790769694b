"""Which alarms of devices are open, by the LogEvents that begin and end them."""
from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.devices import enrolment
from server.errors import Refused
from server.grid.fleet import devicealarms
from server.grid.groups import virtualders
from tests import peers
from tests.conftest import NOON
from tests.peers import Peer

OVER_VOLTAGE, OVER_VOLTAGE_IS_OVER, PHASE_ROTATION = 2, 3, 20


def event(code: int, number: int, **changes: Any) -> dict[str, Any]:
    return {"createdDateTime": NOON + number, "details": f"event {number}", "functionSet": 11,
            "logEventCode": code, "logEventID": number, "logEventPEN": 40732, "profileID": 2, **changes}


def names(*events: dict[str, Any]) -> list[str]:
    return [alarm.name for alarm in devicealarms.open_alarms(
        (f"/edev/1/lel/{number}", data) for number, data in enumerate(events))]


def test_an_alarm_is_open_from_the_event_that_begins_it_to_that_which_ends_it() -> None:
    begun, over = event(OVER_VOLTAGE, 1), event(OVER_VOLTAGE_IS_OVER, 2)
    assert names(begun) == ["over voltage"] and names(over) == names(begun, over) == names(over, begun) == []
    assert names(over, begun, event(OVER_VOLTAGE, 3)) == ["over voltage"]
    assert names(event(PHASE_ROTATION, 5), begun) == ["over voltage", "phase rotation"]
    same_second = {"createdDateTime": NOON}
    assert not names(event(OVER_VOLTAGE_IS_OVER, 9, **same_second), event(OVER_VOLTAGE, 8, **same_second))


@pytest.mark.parametrize("changes", [
    {"functionSet": 12}, {"profileID": 1}, {"logEventCode": 22}, {"logEventCode": 254}])
def test_other_events_are_no_alarms(changes: dict[str, Any]) -> None:
    assert not names({**event(OVER_VOLTAGE, 1), **changes})


@given(st.lists(st.tuples(st.integers(0, 21), st.integers(0, 50)), max_size=30))
def test_the_order_in_which_they_come_does_not_matter(codes: list[tuple[int, int]]) -> None:
    events = [event(code, number) for number, (code, _) in enumerate(codes)]
    shuffled = [data for _, data in sorted(zip([key for _, key in codes], events, strict=True),
                                           key=lambda entry: entry[0])]
    assert names(*shuffled) == names(*events)


def test_alarms_of_members_are_listed(device: Peer, peer: Any) -> None:
    enrolment.enrol(peers.lfdi(2), name="two")
    virtualders.create("street", members=["one"])
    virtualders.create("elsewhere", members=["two"])
    href = device.post("/edev/1/lel", "LogEvent", event(OVER_VOLTAGE, 1)).location
    peer(2).post("/edev/2/lel", "LogEvent", event(PHASE_ROTATION, 1))
    assert list(devicealarms.rows("street")) == [{
        "device": "one", "lfdi": device.lfdi, "alarm": "over voltage", "since": NOON + 1,
        "details": "event 1", "log_event": href}]
    assert [row["device"] for row in devicealarms.rows()] == ["one", "two"]
    device.post("/edev/1/lel", "LogEvent", event(OVER_VOLTAGE_IS_OVER, 2))
    assert not list(devicealarms.rows("street"))
    with pytest.raises(Refused):
        devicealarms.rows("nowhere")
