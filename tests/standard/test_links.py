"""Everything that is advertised is there: from DeviceCapability on, every link and every item's href
resolves.

IEEE 2030.5-2018, 8.3 and the schema's words on Link and ListLink; CSIP COMM-002.
"""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from server import clock
from server.config import settings
from server.devices import enrolment
from server.grid.groups import virtualders
from server.resources import schema, table
from tests import peers
from tests.peers import Peer
from tests.standard import every_resource
from tests.wsgi import Client


def links(data: Any, key: str = "") -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(key, href, the element) of everything in a document that names a place."""
    if isinstance(data, list):
        for part in data:
            yield from links(part, key)
    elif isinstance(data, dict):
        if "href" in data:
            yield key, data["href"], data
        for name, value in data.items():
            if name == "replyTo":
                yield name, value, {}
            else:
                yield from links(value, name)


def crawl(device: Peer) -> dict[str, Any]:
    """Every document that can be reached, by its href, lists asked for whole; each is checked on the way."""
    hrefs: dict[str, Any] = {}
    waiting = [("", "/dcap", {})]
    while waiting:
        key, href, element = waiting.pop()
        if href not in hrefs:
            row = table.match(href)
            reply = device.get(f"{href}?l=255" if row and row.row.is_list else href)
            assert reply.status == 200, f"{key} leads to {href}: {reply.status}"
            if "href" in schema.type_spec(reply.name).by_key:
                assert reply.data["href"] == href, (
                    f"{key} leads to {href}, which says it is {reply.data['href']}"
                )
            hrefs[href] = reply
            waiting += [link for link in links(reply.data) if link[1] != href]
        if key.endswith("ListLink"):
            assert element.get("all", hrefs[href].data["all"]) == hrefs[href].data["all"], f"{key} to {href}"
            assert hrefs[href].name == table.match(href).row.element, key  # type: ignore[union-attr]
        if key.endswith("Link"):
            assert device.request("HEAD", href).status == 200
    return hrefs


def kinds(hrefs: dict[str, Any]) -> set[str]:
    return {reply.name for reply in hrefs.values()}


def test_a_device_that_has_said_nothing(device: Peer) -> None:
    reached = kinds(crawl(device))
    assert {
        "EndDevice",
        "Registration",
        "DER",
        "DERStatus",
        "DERSettings",
        "Time",
        "SelfDevice",
        "ResponseList",
        "MirrorUsagePointList",
        "DERProgramList",
        "FunctionSetAssignmentsList",
        "LogEventList",
    } <= reached


def test_a_device_of_a_virtual_der_before_it_is_given_anything(device: Peer) -> None:
    virtualders.create("top")
    virtualders.create("below", parent="top", members=["one"])
    assert {"FunctionSetAssignments", "DERProgram", "DERControlList", "DERCurveList"} <= kinds(crawl(device))


@pytest.fixture
def owner(server: None, application: Any) -> Peer:
    settings.profile = "csip-aus"  # whose link to the ConnectionPoint others are not sent
    every_resource.fill()
    return Peer(Client(application), every_resource.LFDI)


# What nothing in the standard links to from DeviceCapability on: lists of a subscriber, and of billing
# readings.
UNREACHABLE = {
    "NotificationList",
    "Notification",
    "BillingReadingSetList",
    "BillingReadingSet",
    "BillingReadingList",
    "BillingReading",
}


def test_links_of_every_resource_resolve(owner: Peer) -> None:
    hrefs = crawl(owner)
    wanted = {row.element for row in table.rows.values() if not row.edition} - UNREACHABLE
    assert kinds(hrefs) >= wanted, wanted - kinds(hrefs)


def test_every_link_to_a_list_says_how_many_there_are(owner: Peer) -> None:
    """The schema's ListLink: `all` is there where the list is of this server, and agrees with it."""
    for href, reply in crawl(owner).items():
        for key, to, element in links(reply.data):
            if key.endswith("ListLink"):
                assert element.get("all") == owner.get(to).data["all"], (href, key)


@pytest.mark.parametrize("later", [600, 86400, 400 * 86400])
def test_the_same_later(owner: Peer, later: int) -> None:
    clock.advance(later)
    crawl(owner)


def test_an_aggregator_with_devices(server: None, peer: Any) -> None:
    enrolment.enrol(peers.lfdi(100), kind=enrolment.AGGREGATOR)
    for number in (1, 2, 3):
        enrolment.enrol(
            peers.lfdi(number), name=f"device {number}", manager=peers.lfdi(100) if number < 3 else ""
        )
    virtualders.create("all", members=["device 1", "device 2", "device 3"])
    virtualders.create("one", members=["device 3"])
    peer(2).post("/mup", "MirrorUsagePoint", {"mRID": "0A", "deviceLFDI": peers.lfdi(2), "roleFlags": "0001",
                                              "serviceCategoryKind": 0, "status": 1})
    hrefs = crawl(peer(100))
    assert {"/edev/1", "/edev/2", "/edev/3", "/mup/1", "/upt/1"} <= hrefs.keys()
    assert not {"/edev/4", "/derp/2"} & hrefs.keys()


def test_a_stranger(server: None, peer: Any) -> None:
    assert set(crawl(peer(9))) == {"/dcap", "/tm"}
    settings.registration = True
    assert set(crawl(peer(9))) == {"/dcap", "/tm", "/sdev", "/sdev/di", "/sdev/dstat", "/sdev/lel", "/edev",
                                   "/mup", "/derp", "/rsps", "/upt"}
