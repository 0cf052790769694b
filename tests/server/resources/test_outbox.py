"""What a transaction changes is recorded in it, where somebody subscribes to it and nowhere else."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from server import clock
from server.devices import enrolment
from server.grid.controls import dercontrols
from server.grid.groups import virtualders
from server.models import Device, ResourceChange, db, vder_audience
from server.operations import pollrates as rates
from server.resources import outbox, refresh, sql, store
from tests import peers
from tests.conftest import NOON
from tests.peers import Peer

CONNECT = {"opModConnect": True}
Watched = Callable[[], set[tuple[Any, ...]]]


def subscribe(client: Peer, *resources: str, **more: Any) -> None:
    for resource in resources:
        reply = client.post("/edev/1/sub", "Subscription", {
            "subscribedResource": resource, "encoding": 0, "level": "+S1", "limit": 10,
            "notificationURI": "https://10.0.0.1/n", **more})
        assert reply.status == 201, reply.body


@pytest.fixture
def street(device: Peer) -> Peer:
    virtualders.create("street", members=["one"])
    return device


def changes() -> set[tuple[Any, ...]]:
    """Return what has been recorded since the last time: watched, audience, active, status."""
    rows = {(row.watched, row.audience, bool(row.active), row.status) for row in ResourceChange.select()}
    ResourceChange.delete().execute()
    return rows


def own() -> str:
    """Return the audience of the street."""
    return vder_audience(virtualders.find("street").id)


def post(start: int = NOON + 60, duration_s: int = 600) -> str:
    return str(dercontrols.post("street", CONNECT, duration_s, start)["href"])


def test_nothing_is_recorded_or_asked_where_nobody_subscribes(
    street: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(outbox.sql, "among", lambda *args: asked.append(args[0]) or [])
    with store.transaction():
        assert not outbox.watching()
        outbox.audiences_changed(["A"])
        outbox.measured("/upt/1/mr/1/rs", "A", [1])
        outbox.rates_changed()
        outbox.flush()
    assert not asked and not ResourceChange.select().exists()


def test_a_change_of_an_item_is_one_of_its_list(street: Peer) -> None:
    subscribe(street, "/derp/1/derc", "/derp/1/actderc", "/edev/1")
    assert changes() == set(), "a subscription of its own is no change, nor a count in a link"
    href = post()
    assert changes() == {("/derp/1/derc", own(), True, 0)}
    subscribe(street, href)
    clock.turn_to(NOON + 60)
    refresh.forget()
    refresh.run()
    assert changes() == {("/derp/1/derc", own(), True, 0), (href, own(), True, 0)}, "it became active"
    clock.turn_to(NOON + 700)
    refresh.forget()
    refresh.run()
    assert ("/derp/1/derc", own(), True, 0) in changes(), "it has left"


def test_an_item_that_is_not_active_leaves_the_list_of_active_ones_alone(street: Peer) -> None:
    subscribe(street, "/derp/1/derc")
    href = post(NOON + 3600)
    changes()
    document = store.get(href)
    assert document is not None
    with store.transaction():
        store.reevaluate({"/derp/1/derc": [(NOON + 3600, NOON + 4200)]})
    assert changes() == set(), "nothing has changed"
    dercontrols.post("street", {**CONNECT, "opModMaxLimW": 5000}, 600, NOON + 3600)
    assert ("/derp/1/derc", own(), False, 0) in changes(), "the first is superseded in part later"


def test_what_is_written_as_it_was_is_no_change(street: Peer) -> None:
    subscribe(street, "/derp", "/derp/1")
    document = store.get("/derp/1")
    assert document is not None
    store.put("/derp/1", document.submitted)
    assert changes() == set()
    store.put("/derp/1", {**document.submitted, "primacy": 7})
    assert changes() == {("/derp", own(), True, 0), ("/derp/1", own(), True, 0)}


def test_what_is_removed_ends_what_is_subscribed_at_and_below_it(street: Peer) -> None:
    subscribe(street, "/derp", "/derp/1/derc")
    store.remove("/derp/1")
    assert changes() == {("/derp", own(), True, 0), ("/derp/1", "", True, 4)}


def test_an_aggregator_is_told_of_a_device_that_goes(peer: Callable[[int], Peer]) -> None:
    aggregator = enrolment.enrol(peers.lfdi(1), kind="aggregator")
    subscribe(peer(1), "/edev")
    device = enrolment.enrol(peers.lfdi(2), manager=aggregator.lfdi)
    assert ("/edev", peers.lfdi(2), True, 0) in changes()
    enrolment.remove(Device.get(Device.id == device.id))
    assert ("/edev", peers.lfdi(1), True, 0) in changes()


def test_joining_changes_what_a_device_sees(street: Peer) -> None:
    subscribe(street, "/derp", "/edev/1/fsa")
    virtualders.create("area", members=["one"])
    found = changes()
    assert ("", peers.lfdi(1), True, 0) in found and ("/edev/1/fsa", peers.lfdi(1), True, 0) in found


def test_a_poll_rate_changes_the_lists_of_its_kind(street: Peer) -> None:
    subscribe(street, "/derp", "/derp/1/derc", "/edev")
    rates.set_poll_rate(60, kind="DERProgramList")
    assert changes() == {("/derp", "", True, 0)}


def test_readings_are_recorded_with_their_extremes(street: Peer) -> None:
    def mirror(*values: int) -> dict[str, Any]:
        return {"mRID": "0F", "roleFlags": "0009", "serviceCategoryKind": 0, "status": 1,
                "deviceLFDI": peers.lfdi(1), "MirrorMeterReading": [
                    {"mRID": "1F", "ReadingType": {"uom": 38}, "MirrorReadingSet": [
                        {"mRID": "2F", "timePeriod": {"start": NOON - 300, "duration": 300},
                         "Reading": [{"value": value} for value in values]}]}]}
    assert street.post("/mup", "MirrorUsagePoint", mirror(1)).status == 201
    subscribe(street, "/upt/1/mr/1/rs/0/r/0")
    street.post("/mup", "MirrorUsagePoint", mirror(5, -3, 9))
    change = ResourceChange.get()
    assert (change.watched, change.audience, change.least, change.greatest) == (
        "/upt/1/mr/1/rs", peers.lfdi(1), -3, 9)


def test_a_transaction_that_fails_leaves_no_record(street: Peer) -> None:
    subscribe(street, "/derp/1")
    document = store.get("/derp/1")
    assert document is not None

    def fail() -> None:
        with store.transaction():
            store.put("/derp/1", {**document.submitted, "primacy": 8})
            raise ZeroDivisionError
    with pytest.raises(ZeroDivisionError):
        fail()
    assert changes() == set()
    with store.transaction():
        assert outbox.watching()
    assert changes() == set(), "nor is it written with the next"
    assert sql.row("SELECT count(*) FROM subscription")[0] == 1 and not db.in_transaction()
