"""The audit trail: what is kept and what is not, its chain, and what shows when somebody was at it."""
from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server import actors, audit, clock
from server.devices import enrolment
from server.differences import difference
from server.errors import Refused
from server.grid.controls import dercontrols
from server.grid.groups import virtualders
from server.models import AuditEntry, KeyValue, db
from server.resources import store
from tests import peers
from tests.conftest import NOON
from tests.ordered import create_order

pytestmark = pytest.mark.usefixtures("server")
WRITERS, EACH = 4, 8


@contextmanager
def alice(reason: str = "") -> Iterator[None]:
    with actors.acting("alice", reason):
        yield


def test_an_entry_says_who_what_before_after_and_why() -> None:
    virtualders.create("solar", primacy=90)
    with alice("storm ahead"):
        virtualders.update("solar", name="pv", primacy=50)
    entry, = audit.entries()
    assert {key: entry[key] for key in audit.FIELDS} == {
        "at": NOON, "who": "alice", "operation": "vder update", "subject": "solar", "reason": "storm ahead",
        "before": {"name": "solar", "primacy": 90}, "after": {"name": "pv", "primacy": 50}}
    assert (
        entry["id"] == 1
        and entry["previous"] == audit.BEGIN
        and audit.head() == {"entries": 1, "hash": entry["hash"]}
    )


def test_what_comes_and_goes_is_kept_whole() -> None:
    with alice():
        virtualders.create("solar")
        virtualders.delete("solar")
    came, went = audit.entries()
    assert came["before"] is None and went["after"] is None and came["after"] == went["before"]
    assert came["after"]["name"] == "solar" and came["after"]["primacy"] == virtualders.PRIMACY


def test_members_by_name_are_kept_as_those_who_came_and_went() -> None:
    devices = [enrolment.enrol(peers.lfdi(number)) for number in (1, 2, 3)]
    virtualders.create("solar", members=[devices[0].lfdi, devices[1].lfdi])
    with alice():
        virtualders.update("solar", remove=[devices[0].lfdi], add=[devices[2].lfdi])
    entry, = audit.entries()
    assert (entry["before"], entry["after"]) == (
        {"listed": [devices[0].lfdi]},
        {"listed": [devices[2].lfdi]},
    )


def test_a_reason_of_its_own_comes_before_the_general_one(device: peers.Peer) -> None:
    virtualders.create("one", members=["one"])
    href = dercontrols.post("one", {"opModConnect": False}, 600)["href"]
    with alice("in general"):
        dercontrols.cancel(href, reason="for this")
    assert [entry["reason"] for entry in audit.entries()] == ["for this"]


def test_nobody_acting_and_a_device_leave_nothing(device: peers.Peer) -> None:
    virtualders.create("solar", rule="kind = pv")
    enrolment.relabel(enrolment.find("one"), {}, kind="pv")
    assert (
        device.put(
            "/edev/1/di",
            "DeviceInformation",
            {
                "lFDI": peers.lfdi(1),
                "mfDate": 0,
                "mfHwVer": "",
                "mfID": 0,
                "mfInfo": "",
                "mfModel": "",
                "mfSerNum": "",
                "primaryPower": 1,
                "secondaryPower": 0,
                "swActTime": 0,
                "swVer": "",
            },
        ).status
        == 204
    )
    assert audit.entries() == [] and audit.head()["entries"] == 0 and audit.verify() == []


def test_what_is_refused_tried_or_changes_nothing_leaves_nothing(device: peers.Peer) -> None:
    virtualders.create("solar", members=["one"])
    with alice():
        with pytest.raises(Refused):
            virtualders.create("solar")
        with pytest.raises(Refused):
            virtualders.delete("nobody")
        tried = dercontrols.post("solar", {"opModConnect": False}, 600, dry_run=True)
        virtualders.update("solar", primacy=virtualders.PRIMACY)
    assert audit.entries() == [] and store.get(tried["href"]) is None


def test_what_is_taken_back_takes_its_entry_with_it() -> None:
    class Fault(Exception):
        pass

    def fail() -> None:
        with alice(), store.transaction():
            virtualders.create("solar")
            assert len(audit.entries()) == 1
            raise Fault
    with pytest.raises(Fault):
        fail()
    assert audit.entries() == [] and audit.verify() == []
    with alice():
        virtualders.create("wind")
    assert [entry["id"] for entry in audit.entries()] == [1] and audit.verify() == []


def test_what_cannot_be_kept_is_not_done() -> None:
    @audit.audited("create", "{no such thing}", answer=dict)
    def create(name: str) -> dict[str, Any]:
        return virtualders.create(name)
    with alice(), pytest.raises(KeyError):
        create("solar")
    assert list(virtualders.list_vders()) == [] and audit.entries() == []


def test_of_functions_that_call_each_other_the_outermost_is_kept() -> None:
    @audit.audited("both", "{name}", answer=dict)
    def both(name: str) -> dict[str, Any]:
        virtualders.create(name)
        return virtualders.update(name, primacy=7)
    with alice():
        both("solar")
        virtualders.update("solar", primacy=8)
    assert [(entry["operation"], entry["subject"]) for entry in audit.entries()] == [
        ("both", "solar"),
        ("vder update", "solar"),
    ]


def test_no_secret_is_kept(device: peers.Peer) -> None:
    pins = {123455, "123455"}
    with alice():
        enrolment.enrol(
            peers.lfdi(2),
            pin=123455,
            name="two",
            labels={"pin": "123455", "api_key": "xyzzy", "feeder": "F1"},
        )
        enrolment.relabel(enrolment.find("two"), {"Password": "xyzzy", "zip-pin": "123455"})
        enrolment.remove(enrolment.find("two"))
    text = json.dumps(audit.entries())
    assert len(audit.entries()) == 3 and "F1" in text
    assert not any(str(pin) in text for pin in pins) and "xyzzy" not in text


def test_entries_are_found_by_what_they_say() -> None:
    for number, who in enumerate(("alice", "bob", "alice")):
        clock.turn_to(NOON + number)
        with actors.acting(who):
            virtualders.create(f"Vder{number}")
    with actors.acting("bob"):
        virtualders.update("Vder0", primacy=1)

    def ids_of(**only: Any) -> list[int]:
        return [entry["id"] for entry in audit.entries(**only)]
    assert ids_of() == [1, 2, 3, 4] and ids_of(limit=2) == [3, 4] and ids_of(beyond=3) == [4]
    assert ids_of(who="bob") == [2, 4] and ids_of(operation="vder up") == [4]
    assert ids_of(subject="vder0") == [1, 4]
    assert ids_of(since=NOON + 2) == [3, 4]
    assert [entry["id"] for entry in audit.every(until=NOON + 1)] == [1]
    assert [entry["id"] for entry in audit.every(NOON + 1, NOON + 2)] == [2]


# --- the chain ------------------------------------------------------------------------------------

def chain(length: int = 5) -> list[dict[str, Any]]:
    with alice():
        for number in range(length):
            virtualders.create(f"v{number}")
    assert audit.verify() == []
    return audit.entries()


def swap() -> None:
    second, third = AuditEntry.get_by_id(2), AuditEntry.get_by_id(3)
    AuditEntry.delete().where(AuditEntry.id.in_([2, 3])).execute()
    for number, row in ((3, second), (2, third)):
        AuditEntry.create(**{**row.__data__, "id": number})


def anew() -> None:
    """Alter an entry and make its own hash fit."""
    row = AuditEntry.get_by_id(3)
    row.reason = "none"
    row.hash = audit.digest(row.previous, row.__data__)
    row.save()


@pytest.mark.parametrize("tamper, faults", [
    (lambda: AuditEntry.update(who="mallory").where(AuditEntry.id == 2).execute(), ["entry 2 was altered"]),
    (lambda: AuditEntry.update(after={"name": "x"}).where(AuditEntry.id == 5).execute(), ["entry 5 was "
                                                                                          "altered"]),
    (lambda: AuditEntry.delete().where(AuditEntry.id == 1).execute(), ["entry 1 is missing"]),
    (lambda: AuditEntry.delete().where(AuditEntry.id.in_([2, 3])).execute(), ["entries 2 to 3 are missing"]),
    (lambda: AuditEntry.delete().where(AuditEntry.id == 5).execute(), ["entry 5 is missing"]),
    (lambda: AuditEntry.delete().execute(), ["entries 1 to 5 are missing"]),
    (lambda: KeyValue.delete().where(KeyValue.name == audit.HEAD).execute(), ["entry 5 lies beyond the end "
                                                                              "that was noted, 0"]),
    (lambda: KeyValue.update(value='[4,""]').where(KeyValue.name == audit.HEAD).execute(),
     ["entry 5 lies beyond the end that was noted, 4"]),
    (lambda: KeyValue.update(value='[5,""]').where(KeyValue.name == audit.HEAD).execute(),
     ["the log ends with entry 5, but its recorded end is another"]),
    (swap, [f"entry {number} does not follow entry {number - 1}: they were put in another order, or one was "
            "made anew"
            for number in (2, 3, 4)]),
    (anew, ["entry 4 does not follow entry 3: they were put in another order, or one was made anew"])])
def test_who_was_at_it_shows(tamper: Callable[[], Any], faults: list[str]) -> None:
    chain()
    tamper()
    assert audit.verify() == faults


def test_a_hash_that_was_written_down_elsewhere_tells_a_trail_made_anew() -> None:
    known = chain()[2]["hash"]
    assert audit.verify(known) == []
    for name in (AuditEntry, KeyValue):
        name.delete().execute()
    with alice():
        for number in range(5):
            virtualders.update(f"v{number}", primacy=number)
    assert audit.verify() == [] and audit.verify(known) == [f"there is no entry of the hash {known}"]


def test_writers_at_once_make_one_chain() -> None:
    faults: list[Exception] = []

    def write(number: int) -> None:
        try:
            for turn in range(EACH):
                with actors.acting(f"writer {number}"):
                    if turn % 2:  # as within a device's tree, where writers of others' pass
                        with store.transaction(f"/edev/{number}"):
                            audit.add(actors.Actor(actors.who()), "test", str(turn), None, {"turn": turn})
                    else:
                        virtualders.create(f"v{number} {turn}")
        except Exception as fault:
            faults.append(fault)
        finally:
            db.close()
    threads = [threading.Thread(target=write, args=(number,)) for number in range(1, WRITERS + 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == [] and audit.verify() == []
    assert audit.head()["entries"] == len(audit.entries()) == WRITERS * EACH


# --- what differs ---------------------------------------------------------------------------------

VALUES = st.recursive(
    st.none() | st.integers(0, 3) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
)


@given(st.dictionaries(st.sampled_from("abc"), VALUES), st.dictionaries(st.sampled_from("abc"), VALUES))
def test_what_differs_is_told_and_nothing_else(before: dict[str, Any], after: dict[str, Any]) -> None:
    old, new = difference(before, after)
    assert (
        old.keys()
        == new.keys()
        == {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    )
    for key in old:
        if isinstance(before.get(key), (int, str)) or isinstance(after.get(key), (int, str)):
            assert (old[key], new[key]) == (before.get(key), after.get(key))


@pytest.mark.parametrize(
    "before, after, differs",
    [
        (None, {"a": 1}, (None, {"a": 1})),
        ({"a": 1}, None, ({"a": 1}, None)),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}, ({"a": {"c": 2}}, {"a": {"c": 3}})),
        ({"a": [1, 2]}, {"a": [2, 3]}, ({"a": [1]}, {"a": [3]})),
        ({"a": [1, 2]}, {"a": [2, 1]}, ({"a": [1, 2]}, {"a": [2, 1]})),
        ({"a": [1]}, {"a": [1, 1]}, ({"a": [1]}, {"a": [1, 1]})),
    ],
)
def test_mappings_differ_by_key_and_lists_by_item(before: Any, after: Any, differs: Any) -> None:
    assert difference(before, after) == differs


def test_an_order_is_kept_without_its_shares(device: peers.Peer) -> None:
    virtualders.create("solar", members=["one"])
    device.put("/edev/1/der/1/dercap", "DERCapability", {"modesSupported": "00100084", "rtgMaxW": {
        "multiplier": 0, "value": 5000}, "type": 4})
    from server.devices import lastcontact
    lastcontact.flush()
    with alice():
        order = create_order("solar", 600, limit=40.0, reason="noon")
    entry, = audit.entries()
    assert entry["subject"] == f"solar order {order['id']}" and entry["reason"] == "noon"
    assert entry["after"]["value"] == 40 and "shares" not in entry["after"]
