"""Devices join and leave some at a time: the worker goes on, all is consistent in between, and what is
refused is so before."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from server import actors, audit, worker
from server.devices import enrolment
from server.errors import Refused
from server.grid.groups import assignments, memberfiles, membershipwork, splitting, virtualders
from server.grid.groups.tree import Tree
from server.models import (Audience, Balance, Device, Membership, MembershipChange, MembershipWork,
                           vder_audience)
from server.resources import parts, store
from tests import peers

COUNT = 5
NAMES = [f"d{number}" for number in range(1, COUNT + 1)]


class Killed(BaseException):
    """Ends a process in the middle."""


@pytest.fixture
def homes(server: None, monkeypatch: pytest.MonkeyPatch) -> list[Device]:
    """Five batteries on a feeder, of which two are in one part."""
    monkeypatch.setattr(membershipwork, "TOGETHER", 2)
    monkeypatch.setattr(parts, "MOST", 2)
    monkeypatch.setattr(membershipwork, "PAGE", 3)
    worker.forget()
    return [enrolment.enrol(peers.lfdi(number), name=f"d{number}", kind="battery", labels={"feeder": "F1"})
            for number in range(1, COUNT + 1)]


def kill(done: int, total: int) -> None:
    """Kill the process after the second part."""
    assert total == COUNT
    if done > 2:
        raise Killed


def members(vder: str) -> list[str]:
    return [device["name"] for device in virtualders.show(vder)["devices"]]


def assigned(device: Device) -> list[str]:
    return sorted(document.submitted["description"]
                  for document in store.items(f"{enrolment.href(device)}/fsa"))


def check_consistent() -> None:
    """Each device is told of what it is in, and may read that, and nothing else; and lists are counted."""
    names = {row["id"]: row["name"] for row in virtualders.list_vders()}
    for device in Device.select():
        numbers = [row.vder_id for row in Membership.select().where(Membership.device == device)]
        assert assigned(device) == sorted(names[number] for number in Tree.read().lowest(numbers))
        audiences = Audience.select().where(Audience.lfdi == device.lfdi)
        of_vders = {row.audience for row in audiences if row.audience.startswith("vder:")}
        assert of_vders == set(map(vder_audience, numbers))


def put_file(**options: Any) -> object:
    lines = "".join(f"{name},feeder=F{2 - number % 2}\n" for number, name in enumerate(NAMES))
    return memberfiles.load("empty", f"device,labels\n{lines}", "members.csv", **options)


JOIN: dict[str, tuple[str, Callable[..., object]]] = {
    "by rule": ("new", lambda **options: virtualders.create("new", "feeder = F1", **options)),
    "by list": ("new", lambda **options: virtualders.create("new", members=NAMES, **options)),
    "another rule": ("empty", lambda **options: virtualders.update("empty", rule="*", **options)),
    "added": ("empty", lambda **options: memberfiles.add("empty", NAMES, **options)),
    "by file": ("empty", put_file),
    "below": ("top", lambda **options: virtualders.update("full", parent="top", **options)),
}


@pytest.mark.parametrize("how", JOIN)
def test_who_is_killed_is_gone_on_for(homes: list[Device], peer: Any, how: str) -> None:
    for name, rule in (("empty", ""), ("top", ""), ("full", "*")):
        virtualders.create(name, rule)
    vder, join = JOIN[how]
    with actors.acting("alice"), pytest.raises(Killed):
        join(progress=kill)
    some = members(vder)
    assert 0 < len(some) < COUNT and len(audit.entries()) == 1
    check_consistent()
    assert "still joining" in virtualders.show(vder)["warnings"][0]
    # between two parts a device reads, and another writes
    reply = peer(COUNT).get(f"{enrolment.href(homes[-1])}/fsa?l=9")
    assert reply.status == 200 and reply.data["all"] == len(reply.data["FunctionSetAssignments"]) == 1
    enrolment.relabel(homes[0], {"phase": "A"})
    enrolment.enrol(peers.lfdi(9), name="d9", kind="battery")
    check_consistent()
    worker.turn()
    expected = [*NAMES, "d9"] if how in ("another rule", "below") else NAMES
    assert members(vder) == expected and "warnings" not in virtualders.show(vder)
    check_consistent()
    assert store.reindex() == membershipwork.finish_all() == 0
    assert MembershipWork.select().count() == MembershipChange.select().count() == 0
    assert len(audit.entries()) == 1, "the worker adds none"


def test_leaving_is_gone_on_with(homes: list[Device]) -> None:
    virtualders.create("listed", members=NAMES)
    with pytest.raises(Killed):
        memberfiles.remove("listed", NAMES, kill)
    assert members("listed") == ["d5"]
    with pytest.raises(Refused, match="d5 is not in listed by name"):
        memberfiles.remove("listed", ["d5"])
    check_consistent()
    worker.turn()
    assert members("listed") == [] and store.reindex() == 0
    virtualders.create("ruled", "*")
    with pytest.raises(Killed):
        virtualders.update("ruled", rule="", progress=kill)
    assert members("ruled") == ["d4", "d5"]
    worker.turn()
    assert members("ruled") == [] and store.reindex() == 0


def test_a_file_relabels_with_who_joins(homes: list[Device]) -> None:
    virtualders.create("empty")
    with pytest.raises(Killed):
        put_file(progress=kill)
    labels = {device.name: device.labels["feeder"] for device in Device.select()}
    assert members("empty") == ["d1", "d2", "d3", "d4"] and labels["d3"] == "F2"
    enrolment.relabel(homes[4], {"feeder": "F7", "phase": "B"})
    membershipwork.finish_all()
    assert Device.get(Device.name == "d5").labels == {"feeder": "F2", "phase": "B"}


def test_a_rule_that_changes_meanwhile_is_what_holds(homes: list[Device]) -> None:
    with pytest.raises(Killed):
        virtualders.create("new", "feeder = F1", progress=kill)
    virtualders.create("beside", "*")
    assert members("new") == members("beside") == NAMES, "each device is compared with all rules at once"
    with pytest.raises(Killed):
        virtualders.update("new", rule="name = d4", progress=kill)
    virtualders.update("new", rule="name = d1")
    assert members("new") == ["d1"] and membershipwork.finish_all() == 0
    check_consistent()


def test_a_rule_that_changes_while_it_is_compared(
    homes: list[Device], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process changes it between the comparison and the lock."""
    virtualders.create("new")
    unsettled, changed = membershipwork.assignments.unsettled, []

    def change(*arguments: Any) -> Any:
        found = unsettled(*arguments)
        if not changed:
            changed.append(True)
            virtualders.update("new", rule="name in (d1, d4)")
        return found
    monkeypatch.setattr(membershipwork.assignments, "unsettled", change)
    virtualders.update("new", rule="name in (d2, d3, d5)")
    assert members("new") == ["d1", "d4"] and membershipwork.finish_all() == 0


def test_what_is_deleted_meanwhile_leaves_nothing_behind(homes: list[Device]) -> None:
    for options in ({"rule": "*"}, {"members": NAMES}):
        with pytest.raises(Killed):
            virtualders.create("new", **options, progress=kill)
        virtualders.delete("new")
        check_consistent()
        assert not membershipwork.finish_all() and not MembershipChange.select().count()
        assert Membership.select().count() == 0 and store.reindex() == 0


@pytest.mark.parametrize("how", [{"rule": "*"}, {"members": NAMES}])
def test_who_deletes_may_be_killed(homes: list[Device], how: dict[str, Any]) -> None:
    virtualders.create("old", **how)
    with pytest.raises(Killed):
        virtualders.delete("old", progress=kill)
    assert 0 < len(members("old")) < COUNT and virtualders.find("old").deleting
    check_consistent()
    for change in (lambda: virtualders.update("old", name="new"),
                   lambda: virtualders.create("below", parent="old")):
        with pytest.raises(Refused, match="old is being deleted") as refused:
            change()
        assert refused.value.status == 409
    worker.forget()
    worker.turn()
    check_consistent()
    assert [row["name"] for row in virtualders.list_vders()] == [] and store.items("/derp") == []
    assert not Membership.select().count() and not membershipwork.finish_all() and store.reindex() == 0


def test_who_joins_what_is_being_deleted_leaves_it(homes: list[Device]) -> None:
    virtualders.create("old", members=NAMES[:3])
    with pytest.raises(Killed):
        virtualders.delete("old", progress=lambda done, total: kill(3, COUNT))
    virtual_der = virtualders.find("old")
    assignments.join([(homes[4], virtual_der)])
    virtualders.delete("old")
    check_consistent()
    assert not Membership.select().count() and assigned(homes[4]) == []


def test_a_device_that_is_gone_is_left_out(homes: list[Device]) -> None:
    with pytest.raises(Killed):
        virtualders.create("new", members=NAMES, progress=kill)
    enrolment.remove(homes[4])
    membershipwork.finish_all()
    assert members("new") == NAMES[:4]


def test_a_conflict_is_refused_before_anything_is_written(homes: list[Device]) -> None:
    """Even that of the last device, and by a label that the file sets."""
    for name, rule in (("area", ""), ("other", "name = d5"), ("phase", "phase = A"), ("empty", "")):
        virtualders.create(name, rule, parent=None if name == "area" else "area")
    Balance.create(vder=virtualders.find("area"), automatic=True)
    before = list(virtualders.list_vders())
    for join in (
        lambda: virtualders.create("new", "feeder = F1", parent="area"),
        lambda: virtualders.update("empty", add=NAMES),
        lambda: memberfiles.add("empty", NAMES),
        lambda: put_file(),
        lambda: memberfiles.load("empty", "device,labels\nd1,\nd2,phase=A\n", "f.csv"),
        lambda: memberfiles.load("empty", "device,labels\nd1,\nd2,phase=A\n", "f.csv", dry_run=True),
    ):
        with pytest.raises(Refused, match="is dispatched through one virtual DER of area, but d[25] in"):
            join()
        assert list(virtualders.list_vders()) == before and not MembershipChange.select().count()
        assert not MembershipWork.select().count()
    assert all(set(device.labels) == {"feeder"} for device in Device.select())


def test_a_split_is_gone_on_with(homes: list[Device]) -> None:
    virtualders.create("all", "*")
    enrolment.relabel(homes[0], {"feeder": "F2"})
    with pytest.raises(Killed):
        splitting.split("all", "feeder", kill)
    worker.turn()
    assert (members("all F1"), members("all F2")) == (NAMES[1:], NAMES[:1]) and store.reindex() == 0


def test_progress_is_of_all(homes: list[Device]) -> None:
    reports: list[tuple[int, int]] = []
    virtualders.create("new", "name != d2", members=["d2"],
                       progress=lambda done, total: reports.append((done, total)))
    assert reports == [(1, 6), (4, 6), (6, 6)] and members("new") == NAMES
