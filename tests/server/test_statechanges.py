"""Changes of state: each is there with its cause, in the order of the commits, and not for ever."""
from __future__ import annotations

from typing import Any

from server import alarms, clock, scopes, statechanges
from server.devices import enrolment
from server.grid.groups import virtualders
from server.grid.series import signals
from server.models import StateChange, VirtualDER, db, vder_audience
from server.models.changes import ALARM, MOST, WHOLE, ChangedSubject, note, note_all
from server.resources import dryrun, refresh, retention, store
from tests import peers


def said() -> list[tuple[str, str, str]]:
    """Kind, change and subject of what is new since the last call."""
    statechanges.arrange()
    rows = statechanges.after(0, 1000)
    StateChange.delete().execute()
    return [(row.kind, row.change, row.subject) for row in rows]


def street(name: str = "street", *members: str) -> VirtualDER:
    virtualders.create(name, members=members)
    return virtualders.find(name)


def control(program: str, **fields: Any) -> str:
    start = clock.now() + 60
    return store.add("DERControl", f"{program}/derc", {
        "interval": {"start": start, "duration": 600}, "DERControlBase": {"opModMaxLimW": 50}, **fields})


def test_an_event_is_scheduled_active_and_over(server: None) -> None:
    vder = street()
    said()
    href = control(vder.program)
    assert said() == [("event", "scheduled", href)]
    for seconds, change in ((60, "active"), (660, "over")):
        clock.turn_to(clock.now() // 86400 * 86400 + 43200 + seconds)
        refresh.forget()
        refresh.run()
        assert said() == [("event", change, href)]


def test_an_event_that_is_cancelled_says_so_and_one_that_is_tried_says_nothing(server: None) -> None:
    vder = street()
    href = control(vder.program)
    said()
    with dryrun.transaction(True):
        store.cancel(href)
    assert said() == []
    store.cancel(href)
    assert said() == [("event", "cancelled", href)]


def test_an_alarm_a_device_and_a_signal(server: None) -> None:
    street()
    said()
    alarms.raise_alarm("quota", "device 7", "too much")
    alarms.raise_alarm("quota", "device 7", "too much")  # it stands
    alarms.clear("quota", "device 7")
    assert [(kind, change) for kind, change, _ in said()] == [("alarm", "raised"), ("alarm", "cleared")]
    device = enrolment.enrol(peers.lfdi(1))
    enrolment.suspend(device)
    enrolment.restore(device)
    enrolment.remove(device)
    assert said() == [("device", change, device.lfdi)
                      for change in ("enrolled", "suspended", "restored", "removed")]
    signals.push("street", "measured", 1000.0)  # a reading
    signals.put("street", "imbalance", [1000.0], clock.now(), 300)
    signals.withdraw("street", "imbalance")
    assert said() == [("signal", "put", "imbalance"), ("signal", "withdrawn", "imbalance")]


def test_of_many_there_is_the_number(server: None) -> None:
    note_all(ALARM, "raised", [ChangedSubject(str(number)) for number in range(MOST + 1)])
    statechanges.arrange()
    row, = statechanges.after(0, 10)
    assert (row.subject, row.data, row.audience) == ("", {"count": MOST + 1}, WHOLE)


def test_places_follow_the_commit_and_are_never_given_twice(server: None) -> None:
    note(ALARM, "raised", 1)
    assert statechanges.after(0, 10) == [] and statechanges.newest() == 0
    assert statechanges.arrange() == 1
    number = StateChange.insert(at=0, kind=ALARM, change="raised", subject="3", id=100).execute()
    statechanges.arrange()
    StateChange.insert(at=0, kind=ALARM, change="raised", subject="2", id=number - 50).execute()
    statechanges.arrange()  # it was committed later
    assert [row.subject for row in statechanges.after(0, 10)] == ["1", "3", "2"]
    StateChange.delete().execute()
    note(ALARM, "raised", 4)
    statechanges.arrange()
    assert [row.position for row in statechanges.after(0, 10)] == [4]
    assert statechanges.is_kept(3) and not statechanges.is_kept(2) and not statechanges.is_kept(5)


def test_what_is_rolled_back_has_not_changed(server: None) -> None:
    with db.atomic() as transaction:
        note(ALARM, "raised", 1)
        transaction.rollback()
    assert said() == []


def test_what_is_old_is_removed(server: None) -> None:
    for number in range(3):
        note(ALARM, "raised", number)
    retention.remove_old()
    assert StateChange.select().count() == 3
    statechanges.arrange()
    clock.turn_to(clock.now() + int(retention.CHANGE_DAYS * 86400) + 60)
    note(ALARM, "raised", 3)
    retention.remove_old()
    assert said() == [("alarm", "raised", "3")]


def test_who_sees_what(server: None) -> None:
    device = enrolment.enrol(peers.lfdi(1))
    near, other = street("street", peers.lfdi(1)), street("other")
    audiences = [WHOLE, "*", vder_audience(near.id), vder_audience(other.id), device.lfdi, peers.lfdi(2)]
    assert all(map(statechanges.sees, audiences))
    with scopes.within(near):
        assert [statechanges.sees(one) for one in audiences] == [False, False, True, False, True, False]
