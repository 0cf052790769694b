"""A device is erased, and reports of past events have the figures that they had."""
from __future__ import annotations

from typing import Any

import pytest

from server import clock
from server.devices import personaldata
from server.grid.controls import drevents
from server.grid.groups import virtualders
from server.grid.reports import erasure, performance
from server.grid.reports.results import EventPerformance
from server.models import ErasedMember, Share
from server.resources import retention, store
from tests.conftest import NOON
from tests.ordered import create_order


@pytest.fixture
def ordered(battery: Any) -> int:
    """Two batteries that delivered an order, an hour ago; its number."""
    homes = [battery(number) for number in (1, 2)]
    virtualders.create("street", members=["d1", "d2"])
    number = int(create_order("street", 1800, watts=4000.0)["id"])
    for home in homes:
        home.answer(Share.get((Share.order == number) & (Share.lfdi == home.lfdi)).mrid, 2)
    clock.turn_to(NOON + 900)
    for home in homes:
        home.post(1500, NOON, 900)
    clock.turn_to(NOON + 1800)
    for home in homes:
        home.post(1700, NOON + 900, 900)
    clock.turn_to(NOON + 5400)
    return number


def figures(report: EventPerformance) -> Any:
    return {key: report[key] for key in ("group", "responses", "opted_out", "nonresponders")}  # type: ignore


def test_the_report_of_an_order_adds_up(ordered: int) -> None:
    before = performance.event_performance(ordered)
    assert before["group"]["delivered_w"] == pytest.approx(3200)
    erasure.erase(personaldata.subject("d1"))
    after = performance.event_performance(ordered)
    assert figures(after) == figures(before)
    erased, = (device for device in after["devices"] if device["lfdi"].startswith("erased-"))
    assert erased["name"] == erased["lfdi"] and erased["delivered_w"] == pytest.approx(1600)


def test_two_that_are_erased_have_names_of_their_own(ordered: int) -> None:
    before = performance.event_performance(ordered)
    for name in ("d1", "d2"):
        erasure.erase(personaldata.subject(name))
    after = performance.event_performance(ordered)
    assert figures(after) == figures(before)
    assert len({device["lfdi"] for device in after["devices"]}) == 2


def test_an_event_that_is_to_come_has_no_figures(battery: Any) -> None:
    battery(1)
    virtualders.create("street", members=["d1"])
    create_order("street", 600, NOON + 3600, watts=1000.0)
    erasure.erase(personaldata.subject("d1"))
    assert not ErasedMember.select().exists() and Share.get().lfdi.startswith("erased-")


def test_a_load_control_event_adds_up(home: Any) -> None:
    thermostat = home(1, "thermostat", category=1)
    virtualders.create("warmth", members=["d1"])
    href = drevents.create("warmth", {"DutyCycle": {"normalValue": 50}}, 1800, category=1)["href"]
    document = store.get(href)
    assert document is not None
    thermostat.answer(document.submitted["mRID"], 2, kind="DrResponse")
    clock.turn_to(NOON + 3600)
    before = performance.event_performance(href)
    erasure.erase(personaldata.subject("d1"))
    assert figures(performance.event_performance(href)) == figures(before)
    assert before["group"]["members"] == 1


def test_figures_go_with_their_event(ordered: int) -> None:
    erasure.erase(personaldata.subject("d1"))
    retention.remove("figures of erased devices", NOON + 1799)
    assert ErasedMember.select().count() == 1
    retention.remove("figures of erased devices", NOON + 1801)
    assert not ErasedMember.select().exists()
