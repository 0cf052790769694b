"""Now: whether all is well, and what areas do."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from server import alarms
from server.console.pages import now
from server.grid.groups import virtualders
from server.grid.series import measurements
from server.models import Balance, VirtualDER
from server.operators.roles import Role
from tests.conftest import NOON, on_sqlite
from tests.server.console.conftest import Person, text

pytestmark = on_sqlite
STEP = 900


@pytest.fixture
def area(server: None) -> VirtualDER:
    """An area with two measured intervals of today."""
    virtualders.create("F12")
    found = VirtualDER.get()
    Balance.create(vder=found, automatic=True)
    for number, (before, after) in enumerate([(3000.0, 1000.0), (4000.0, -500.0)]):
        measurements.record(found, NOON - (2 - number) * STEP, STEP, before=before, after=after,
                            storage=100.0)
    now._kept.clear()
    return found


def test_an_area_is_seen_at_one_glance(area: VirtualDER, admin: Person) -> None:
    page = admin.see("/console/now")
    said = text(page)
    assert "All is well: no alarm stands, and 1 area is kept in balance" in said
    assert "−500 W" in said and "4 kW without Counterpoise; RMS cut today 78%" in said
    assert "batteries, came" in page and "Nothing runs" in said
    assert "F12" in text(admin.see("/console/now/power"))


def test_an_alarm_is_the_first_thing_that_is_said(area: VirtualDER, person: Callable[..., Person]) -> None:
    alarms.raise_alarm("forecast", "area F12", "there is none")
    assert "Look today: 1 warning, the newest: area F12, there is none" in text(
        person(Role.VIEWER).see("/console/now"))
    alarms.raise_alarm("signal", "area F12", "it has stopped")
    assert "Act now: 1 critical alarm" in text(person(Role.VIEWER).see("/console/now"))


def test_somebody_of_a_part_sees_that_part_alone(area: VirtualDER, person: Callable[..., Person]) -> None:
    virtualders.create("F13")
    other = VirtualDER.get(VirtualDER.name == "F13")
    Balance.create(vder=other, automatic=True)
    for href in ("/console/now", "/console/now/power"):
        assert "F12" not in person(Role.VIEWER, other).see(href).replace("viewer of F12", "")


@pytest.mark.parametrize("areas, found, style", [
    ([], [], "good"), ([{"last_error": "no meter", "vder": "a", "automatic": True}], [], "look"),
    ([], [{"severity": "info"}], "good")])
def test_the_colour_is_that_of_the_worst(areas: list[Any], found: list[Any], style: str, server: None
                                         ) -> None:
    assert now.state(areas, found).style == style
