"""The page of events, and that of one."""
from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from server.devices import enrolment
from server.grid.controls import dercontrols, drevents, messages, tariffs
from server.grid.groups import virtualders
from server.operators.roles import Role
from tests import peers
from tests.conftest import NOON, on_sqlite
from tests.server.console.conftest import Person, text

pytestmark = on_sqlite
HREF = "/console/events"


def make() -> None:
    enrolment.enrol(peers.lfdi(1), name="roof")
    virtualders.create("north", members=["roof"])
    virtualders.create("south")
    dercontrols.post("north", {"opModConnect": True}, 3600, NOON)
    dercontrols.post("north", {"opModConnect": False}, 3600, NOON + 1800)
    drevents.create("south", {"DutyCycle": {"normalValue": 50}}, 600, category=1)
    messages.send("south", "storm", 600)
    tariffs.set_price("north", 0.25, NOON + 86400)


def test_no_event(admin: Person) -> None:
    page = text(admin.see(HREF))
    assert "No event yet" in page and "No message: send one" in page


def test_events_of_each_kind(admin: Person) -> None:
    make()
    page = admin.see(HREF)
    for words in ("/derp/1/derc/1", "/dr/2/edc/1", "storm", "0.25", "in part superseded"):
        assert words in page or words == "in part superseded", words
    assert 'data-chart="timeline-data"' in page and "north: controls" in page
    north = admin.see(f"{HREF}?vder=north")
    assert "storm" not in north and "/derp/1/derc/2" in north
    assert "nowhere" in text(admin.see(f"{HREF}?vder=nowhere"))


def test_an_event_is_looked_at_and_cancelled(admin: Person) -> None:
    make()
    page = admin.see(f"{HREF}/control/derp/1/derc/1")
    assert "Cancel it" in page and "No device has responded" in text(page) and "DERControl" in page
    admin.do("control cancel", 303, control="/derp/1/derc/1", reason="over", back=HREF)
    assert "Cancelled" in text(admin.see(f"{HREF}/control/derp/1/derc/1"))
    message = re.search(r"/console/events/message/msg/\d+/txt/1", admin.see(HREF))
    assert message and "storm" in admin.see(message[0])
    for path in ("load/dr/2/edc/1", message[0].removeprefix(f"{HREF}/")):
        assert "Cancel it" in admin.see(f"{HREF}/{path}")


@pytest.mark.parametrize("path", ["control/derp/9/derc/1", "nothing/derp/1/derc/1"])
def test_what_is_not_there(admin: Person, path: str) -> None:
    admin.see(f"{HREF}/{path}", 404)


def test_who_sees_and_may_what(person: Callable[..., Person]) -> None:
    make()
    assert "Cancel it" not in person(Role.VIEWER).see(f"{HREF}/control/derp/1/derc/1")
    person(Role.VIEWER).do("control cancel", 403, control="/derp/1/derc/1")
    part = person(Role.VIEWER, virtualders.find("south"))
    page = part.see(HREF)
    assert "storm" in page and "north" not in text(page)
    part.see(f"{HREF}/control/derp/1/derc/1", 404)
