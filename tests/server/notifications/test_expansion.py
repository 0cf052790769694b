"""From changes to what is due: whom a change concerns, in slices, whoever is killed."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from server import clock
from server.config import settings
from server.devices import enrolment
from server.grid.controls import dercontrols
from server.grid.groups import assignments, virtualders
from server.models import ResourceChange, Subscription, db
from server.notifications import expansion, queue, subscriptions
from server.resources import refresh, store
from tests import peers
from tests.conftest import NOON
from tests.peers import Peer
from tests.server.notifications.conftest import due, subscribe

CONNECT = {"opModConnect": True}


def test_a_burst_is_one_notification(street: Peer) -> None:
    settings.notification_interval_s = 5
    href = subscribe(street, "/derp/1/derc")
    for number in range(5):
        dercontrols.post("street", CONNECT, 600, NOON + 3600 * (number + 1))
    assert due() == {href: False}
    row = Subscription.get()
    assert row.due_at == NOON and not ResourceChange.select().exists()
    Subscription.update(due_at=None, sent_at=NOON).execute()
    dercontrols.post("street", CONNECT, 600, NOON + 7 * 3600)
    due()
    assert Subscription.get().due_at == NOON + 5, "not sooner than the interval allows"


def test_views_are_told_of_what_they_show(street: Peer) -> None:
    active = subscribe(street, "/derp/1/actderc")
    assigned = subscribe(street, f"/fsa/{virtualders.find('street').id}/derp")
    associated = subscribe(street, "/edev/1/der/1/derp")
    virtualders.create("elsewhere")
    assert due() == {}
    dercontrols.post("street", CONNECT, 600, NOON + 3600)
    first = due()
    clock.turn_to(NOON + 3600)
    refresh.forget()
    refresh.run()
    assert active in due()
    Subscription.update(due_at=None).execute()
    document = store.get("/derp/1")
    assert document is not None and associated not in first
    store.put("/derp/1", {**document.submitted, "primacy": 9})
    assert due() == {assigned: False, associated: False}


def test_a_view_is_told_of_the_programs_above(street: Peer) -> None:
    """FunctionSetAssignments lead to the programs of a whole topology."""
    virtualders.create("system")
    virtualders.update("street", parent="system")
    assigned = subscribe(street, f"/fsa/{virtualders.find('street').id}/derp")
    due()
    for name, told in (("system", True), ("street", True)):
        Subscription.update(due_at=None).execute()
        virtualders.update(name, primacy=77 if name == "street" else 88)
        assert (due().get(assigned) is False) == told, name


def test_only_who_sees_it_is_told(peer: Callable[[int], Peer], street: Peer) -> None:
    enrolment.enrol(peers.lfdi(2), name="two")
    virtualders.create("other", members=["two"])
    one = subscribe(street, "/derp")
    two = subscribe(peer(2), "/derp", device=2)
    for program, href in (("/derp/1", one), ("/derp/2", two)):
        due()
        Subscription.update(due_at=None).execute()
        document = store.get(program)
        assert document is not None
        store.put(program, {**document.submitted, "primacy": 11})
        assert due() == {href: False}


def test_slices_leave_nothing_out(street: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expansion, "SLICE", 3)
    hrefs = {subscribe(street, "/derp/1/derc", f"http://127.0.0.1:9/{number}") for number in range(8)}
    dercontrols.post("street", CONNECT, 600, NOON + 60)
    expansion.run()
    half = {row.href for row in Subscription.select().where(Subscription.due_at.is_null(False))}
    assert len(half) == 3

    def killed(*args: Any) -> None:
        raise KeyboardInterrupt
    with monkeypatch.context() as patch:
        patch.setattr(expansion.sql, "execute", killed)
        with pytest.raises(KeyboardInterrupt):
            expansion.run()
    assert set(due()) == hrefs and not ResourceChange.select().exists()
    assert all(row.version == 1 for row in Subscription.select())


def test_thresholds_are_crossed_or_not(street: Peer) -> None:
    def mirror(value: int) -> dict[str, Any]:
        return {"mRID": "0F", "roleFlags": "0009", "serviceCategoryKind": 0, "status": 1,
                "deviceLFDI": peers.lfdi(1), "MirrorMeterReading": [
                    {"mRID": "1F", "ReadingType": {"uom": 38}, "Reading": {"value": value}}]}
    street.post("/mup", "MirrorUsagePoint", mirror(50))
    reading = "/upt/1/mr/1/rs/0/r/0"
    plain = subscribe(street, reading, "http://127.0.0.1:9/plain")
    bounded = subscribe(street, reading, Condition={
        "attributeIdentifier": 0, "lowerThreshold": 10, "upperThreshold": 1000})
    told = {}
    for value in (10, 9, 500, 1000, 1001):
        Subscription.update(due_at=None).execute()
        street.post("/mup", "MirrorUsagePoint", mirror(value))
        found = due()
        assert plain in found
        told[value] = bounded in found
    assert told == {10: False, 9: True, 500: False, 1000: False, 1001: True}


def test_what_was_removed_ends_its_subscriptions(street: Peer) -> None:
    href, other = subscribe(street, "/derp/1/derc"), subscribe(street, "/edev/1")
    store.remove("/derp/1")
    assert href in due()
    row = Subscription.get(Subscription.href == href)
    assert row.status == 4 and store.get(href) is None and store.get(other) is not None
    assert street.get("/edev/1/sub").data["all"] == 1


def test_what_a_device_no_longer_sees_is_checked(street: Peer) -> None:
    of_list, of_controls = subscribe(street, "/derp"), subscribe(street, "/derp/1/derc")
    assignments.leave([enrolment.find("one")], virtualders.find("street"))
    assignments.reconcile([enrolment.find("one")])
    assert due() == {of_list: False, of_controls: True}


def test_a_subscription_that_is_not_renewed_ends(street: Peer) -> None:
    settings.subscription_hours = 36
    href = subscribe(street, "/derp")
    clock.advance(36 * 3600)
    assert expansion.end_expired() == 0
    clock.advance(1)
    assert expansion.end_expired() == 1 and store.get(href) is None
    row = Subscription.get()
    assert (row.status, row.due_at) == (1, clock.now())


def test_one_that_is_renewed_stays(street: Peer) -> None:
    settings.subscription_hours = 36
    subscribe(street, "/derp")
    clock.advance(30 * 3600)
    again = {"subscribedResource": "/derp", "encoding": 0, "level": "+S1", "limit": 10,
             "notificationURI": "http://127.0.0.1:9/n"}
    assert street.post("/edev/1/sub", "Subscription", again).status == 204
    clock.advance(30 * 3600)
    assert expansion.end_expired() == 0


def test_a_subscription_ends_in_a_transaction_of_its_own(
    street: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who ends one waits for those who write there; with rows of others locked, they would wait for it."""
    end, alone = subscriptions.end, []

    def observed(hrefs: Any, *arguments: Any, **named: Any) -> int:
        chosen = list(hrefs)
        alone.extend((href, db.in_transaction()) for href in chosen)
        return end(chosen, *arguments, **named)
    monkeypatch.setattr(subscriptions, "end", observed)
    removed, refused = (subscribe(street, resource) for resource in ("/derp/1/derc", "/derp/1"))
    program = store.get("/derp/1")
    assert program is not None
    store.put("/derp/1", {**program.submitted, "primacy": 9})
    due()
    claim, = queue.claim(1)
    assert claim.href == refused
    queue.settle([queue.Outcome(claim, queue.Result.REFUSED)])
    virtualders.delete("street")
    due()
    assert alone == [(refused, False), (removed, False)]
