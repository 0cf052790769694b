"""MAINT-001 to -006: devices, groups, controls and primacies change while an aggregator runs.

On both engines, since what is told is found by SQL of its own.
"""
from __future__ import annotations

import pytest

from server.config import settings
from server.devices import enrolment
from server.grid.controls import dercontrols
from server.grid.groups import virtualders
from server.operations import subscriptions
from tests.conftest import NOON
from tests.peers import Peer
from tests.standard.csip import client, topology
from tests.standard.csip.client import Subscriber
from tests.standard.csip.scenarios import FIRST


def test_maint_001_a_device_is_removed(aggregator: Subscriber) -> None:
    """Out of band: a notification of the list, with at most as many items as the subscriber has asked for,
    one for the device itself, which is 404 from then on."""
    device = client.end_device(aggregator.client, "EDA2")["href"]
    aggregator.subscribe("/edev", limit=2)
    aggregator.subscribe(device)
    enrolment.remove(enrolment.find("EDA2"))
    assert aggregator.told() == [("/edev", 0), (device, 4)]
    listed = aggregator.notice("/edev")["Resource"]
    assert (listed["all"], listed["results"], len(listed["EndDevice"])) == (4, 2, 2)
    assert aggregator.shows("/edev") and "Resource" not in aggregator.notice(device)
    assert aggregator.client.get(device).status == 404
    left = client.items(aggregator.client, "/edev/1/sub")
    assert [item["subscribedResource"] for item in left] == ["/edev"]


@pytest.mark.parametrize("registration, answered", [(True, 204), (False, 403)])
def test_maint_002_an_aggregator_deletes_a_device(
    fleet: Peer, registration: bool, answered: int
) -> None:
    """Optional (erratum 32): where devices may register, they may be taken back."""
    settings.registration = registration
    device = client.end_device(fleet, "EDB2")["href"]
    assert fleet.delete(device).status == answered
    assert fleet.get(device).status == (404 if registration else 200)


def test_maint_003_a_device_is_moved(aggregator: Subscriber) -> None:
    """From SPB1 to SPA1: its assignments and programs are others, and its list is told."""
    device = client.end_device(aggregator.client, "EDB1")["href"]
    aggregator.subscribe(f"{device}/fsa")
    virtualders.update("SPB1", remove=["EDB1"])
    virtualders.update("SPA1", add=["EDB1"])
    assert aggregator.told() == [(f"{device}/fsa", 0)] and aggregator.shows(f"{device}/fsa")
    assert client.programs(aggregator.client, "EDB1") == ["SPA1", *topology.ABOVE["EDA"]]


@pytest.mark.parametrize("limit, shown", [(255, 2), (1, 1)])
def test_maint_004_a_control_is_added(aggregator: Subscriber, limit: int, shown: int) -> None:
    """In a quarter of an hour for five minutes, beside another: all items, as far as the limit allows."""
    dercontrols.post("SY", FIRST, 300, NOON + 300)
    href = f"{topology.program('SY')}/derc"
    aggregator.subscribe(href, limit=limit)
    dercontrols.post("SY", FIRST, 300, NOON + 900)
    assert aggregator.told() == [(href, 0)] and aggregator.shows(href)
    listed = aggregator.notice(href)["Resource"]
    assert (listed["all"], len(listed["DERControl"])) == (2, shown)


def test_maint_005_primacies_are_swapped(aggregator: Subscriber) -> None:
    """The list of programs is told, and each of them; they are in another order (limit 100, erratum 34)."""
    (assignment,) = client.linked(
        aggregator.client, client.end_device(aggregator.client, "EDA1"), "FunctionSetAssignmentsList")
    listed = assignment["DERProgramListLink"]["href"]
    points = {name: topology.program(name) for name in ("SPA1", "SY")}
    aggregator.subscribe(listed, *points.values(), limit=100)
    virtualders.update("SPA1", primacy=10)
    virtualders.update("SY", primacy=4)
    assert aggregator.told() == sorted((href, 0) for href in (listed, *points.values()))
    assert aggregator.shows(listed)
    assert {name: aggregator.notice(href)["Resource"]["primacy"] for name, href in points.items()} == {
        "SPA1": 10, "SY": 4}
    order = ["SY", *topology.ABOVE["EDA"][:-1], "SPA1"]
    assert client.programs(aggregator.client, "EDA1") == order
    told = aggregator.notice(listed)["Resource"]["DERProgram"]
    assert [program["description"] for program in told] == order


@pytest.mark.parametrize("moved_to", ["", "https://other.example/edev"])
def test_maint_006_the_server_ends_a_subscription(aggregator: Subscriber, moved_to: str) -> None:
    """A notification with a status from 1 to 4 and the subscription's URI; then it is gone."""
    (href,) = aggregator.subscribe("/edev")
    subscriptions.end(href, moved_to=moved_to)
    assert aggregator.told() == [("/edev", 2 if moved_to else 1)]
    assert aggregator.notice("/edev")["subscriptionURI"].endswith(href)
    assert aggregator.client.get(href).status == 404 and aggregator.told() == []
