"""Subscriptions of aggregators and devices when another aggregator comes to act for a device."""
from __future__ import annotations

from collections.abc import Callable

import pytest

from server.config import settings
from server.devices import aggregators, enrolment
from server.grid.groups import virtualders
from server.models import Subscription
from server.notifications import service
from tests import peers
from tests.peers import Peer
from tests.server.notifications.conftest import subscribe
from tests.server.notifications.receiver import Receiver

pytestmark = pytest.mark.usefixtures("credentials")
OLD, NEW = 100, 101


@pytest.fixture
def two(peer: Callable[[int], Peer]) -> tuple[Peer, Peer]:
    """Two aggregators, /edev/1 with the devices /edev/3 (d1) and /edev/4 (d2), and /edev/2 with none."""
    settings.notification_networks, settings.notification_interval_s = "127.0.0.0/8", 0
    for number, name in ((OLD, "old"), (NEW, "new")):
        enrolment.enrol(peers.lfdi(number), kind=enrolment.AGGREGATOR, name=name)
    for number in (1, 2):
        enrolment.enrol(peers.lfdi(number), name=f"d{number}", manager=peers.lfdi(OLD))
    virtualders.create("all", members=["d1", "d2"])
    virtualders.create("alone", members=["d1"])
    return peer(OLD), peer(NEW)


def move(name: str, to: str) -> None:
    aggregators.move([enrolment.find(name)], enrolment.find(to))
    service.deliver_due()


def test_what_an_aggregator_no_longer_sees_ends_its_subscriptions(
    two: tuple[Peer, Peer], receiver: Receiver
) -> None:
    """The list of devices is sent to both; what was the device's is cancelled, since it is there still."""
    old, new = two
    kept = {subscribe(old, href, receiver.uri(f"/old{href}")) for href in ("/edev", "/derp", "/edev/4/fsa")}
    for href in ("/edev/3", "/edev/3/fsa", "/edev/3/der/1/derp", "/derp/2/derc"):
        subscribe(old, href, receiver.uri(f"/old{href}"))
    kept.add(subscribe(new, "/edev", receiver.uri("/new/edev"), device=2))
    move("d1", "new")
    told = {received.path: received.data for received in receiver.received}
    ended = {path: data["status"] for path, data in told.items() if data["status"]}
    assert ended == {f"/old{href}": 1 for href in (
        "/edev/3", "/edev/3/fsa", "/edev/3/der/1/derp", "/derp/2/derc")}
    assert told["/old/edev"]["Resource"]["all"] == told["/new/edev"]["Resource"]["all"] == 2
    assert {row.href for row in Subscription.select()} == kept
    assert old.get("/edev/1").data["SubscriptionListLink"]["all"] == 3


def test_a_device_that_comes_under_an_aggregator_subscribes_no_longer(
    two: tuple[Peer, Peer], peer: Callable[[int], Peer], receiver: Receiver
) -> None:
    settings.registration = True
    enrolment.enrol(peers.lfdi(4), name="d4")
    own = peer(4)
    for href in ("/edev", "/edev/5/fsa"):
        subscribe(own, href, receiver.uri(href), device=5)
    move("d4", "old")
    assert {(received.path, received.data["status"]) for received in receiver.received} == {
        ("/edev", 1), ("/edev/5/fsa", 1)}
    assert not Subscription.select().exists() and "SubscriptionListLink" not in own.get("/edev/5").data
