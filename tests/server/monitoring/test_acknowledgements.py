"""Somebody acknowledges an alarm; that holds until it is over."""
from __future__ import annotations

import pytest

from server import actors, alarms, audit, clock
from server.errors import Refused
from server.monitoring import acknowledgements
from tests.conftest import NOON


def raised(count: int) -> list[int]:
    """Raise alarms of devices; their numbers."""
    for number in range(1, count + 1):
        alarms.raise_alarm("quota", f"device {number}", "17 requests")
    return [row["id"] for row in reversed(alarms.rows())]


def test_who_acknowledged_it_when_and_why(server: None) -> None:
    first, _ = raised(2)
    clock.turn_to(NOON + 100)
    with actors.acting("alice"):
        (row,) = acknowledgements.acknowledge_all([first], "the installer is on the way")
    assert (row["acknowledged_at"], row["acknowledged_by"]) == (NOON + 100, "alice")
    assert row["acknowledged_reason"] == "the installer is on the way" and row["cleared_at"] is None
    assert [row["source"] for row in alarms.rows(unacknowledged=True)] == ["device 2"]
    entry = audit.entries(limit=1)[0]
    assert (entry["operation"], entry["subject"]) == ("alarm ack", f"alarm {first}, quota, device 1")
    alarms.raise_alarm("quota", "device 1", "18 requests")
    assert alarms.rows(numbers=[first])[0]["acknowledged_by"] == "alice"
    alarms.clear("quota", "device 1")
    alarms.raise_alarm("quota", "device 1", "19 requests")
    assert alarms.rows(numbers=[first])[0]["acknowledged_by"] is None, "it has come again"


def test_what_cannot_be_acknowledged(server: None) -> None:
    first, second = raised(2)
    with actors.acting("alice"):
        with pytest.raises(Refused, match=f"there is no alarm {second + 1}"):
            acknowledgements.acknowledge_all([first, second + 1])
        assert alarms.rows(numbers=[first])[0]["acknowledged_by"] is None, "all or none"
        acknowledgements.acknowledge_all([first])
        with pytest.raises(Refused, match="acknowledged already, by alice"):
            acknowledgements.acknowledge_all([first])
        alarms.clear("quota", "device 2")
        with pytest.raises(Refused, match="is over"):
            acknowledgements.acknowledge_all([second])
