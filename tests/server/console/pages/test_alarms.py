"""The page of alarms."""
from __future__ import annotations

from collections.abc import Callable

from server import alarms, clock
from server.models import AlarmRecord
from server.operators.roles import Role
from tests.conftest import NOON, on_sqlite
from tests.server.console.conftest import Person, text

pytestmark = on_sqlite
HREF = "/console/alarms"


def test_that_all_is_well(admin: Person) -> None:
    page = text(admin.see(HREF))
    assert "No alarm stands" in page and "What is watched" in page


def test_alarms_stand_are_acknowledged_and_are_over(admin: Person) -> None:
    alarms.raise_alarm("quota", "device 1", "17 <requests>, 16 are allowed")
    alarms.raise_alarm("device certificate", "device 2", "its certificate ends in 3 days")
    page = admin.see(HREF)
    assert "17 <requests>" in text(page) and 'href="/console/devices/1"' in page
    assert "device 2" not in text(admin.see(f"{HREF}?kind=quota"))
    numbers = [alarm.id for alarm in AlarmRecord.select()]
    admin.do("alarm ack", 303, numbers=numbers, reason="Ann drives there", back=HREF)
    assert text(admin.see(HREF)).count("Ann drives there") == 2
    clock.turn_to(NOON + 400)
    alarms.clear("quota", "device 1")
    assert "device 1" not in text(admin.see(HREF)) and "over" in text(admin.see(f"{HREF}?all=true"))


def test_a_viewer_sees_and_acknowledges_nothing(person: Callable[..., Person]) -> None:
    alarms.raise_alarm("quota", "device 1", "17 requests")
    viewer = person(Role.VIEWER)
    assert "17 requests" in (page := viewer.see(HREF)) and "Acknowledge those" not in page
    viewer.do("alarm ack", 403, numbers=[1])
