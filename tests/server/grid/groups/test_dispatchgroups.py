"""Through which virtual DER of an area each device is dispatched, and what may not change where that is
automatic."""
from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.devices import enrolment
from server.errors import Refused
from server.grid.groups import dispatchgroups, singledevices, virtualders
from server.grid.groups.tree import Tree
from server.models import Balance, Device, VirtualDER
from tests import peers


@pytest.fixture
def neighbourhood(server: None) -> None:
    """A town of feeders F1, which has F1a, and F2, and of all batteries; devices 1 to 3: one on each of F1,
    F1a, F2."""
    virtualders.create("town")
    for name, above in (("F1", "town"), ("F1a", "F1"), ("F2", "town")):
        virtualders.create(name, parent=above, rule=f"feeder = {name}")
    virtualders.create("batteries", parent="town", rule="kind = battery")
    for number, feeder in enumerate(("F1", "F1a", "F2"), 1):
        enrolment.enrol(peers.lfdi(number), name=f"d{number}", labels={"feeder": feeder})


def area(name: str = "town") -> VirtualDER:
    return virtualders.find(name)


def device(number: int) -> Device:
    return enrolment.find(f"d{number}")


def automatic(name: str) -> None:
    Balance.create(vder=area(name), automatic=True)


def test_each_is_dispatched_through_the_deepest(neighbourhood: None) -> None:
    assert dispatchgroups.conflicts(area()) == []
    assert {number: vder.name for number, vder in dispatchgroups.dispatch_group_of(area()).items()} == {
        1: "F1",
        2: "F1a",
        3: "F2",
    }
    assert {number: vder.name for number, vder in dispatchgroups.dispatch_group_of(area("F1")).items()} == {
        1: "F1",
        2: "F1a",
    }


def test_two_that_are_not_above_each_other_are_a_conflict(neighbourhood: None) -> None:
    enrolment.relabel(device(2), {}, kind="battery")
    assert dispatchgroups.conflicts(area()) == [(device(2), ["F1a", "batteries"])]
    assert dispatchgroups.conflicts(area("F1")) == [] and dispatchgroups.conflicts(area("batteries")) == []
    with pytest.raises(Refused, match="one virtual DER of town, but d2 in F1a and batteries") as refused:
        dispatchgroups.dispatch_group_of(area())
    assert refused.value.status == 409


def test_a_virtual_der_of_one_is_no_conflict(neighbourhood: None) -> None:
    singledevices.ensure([device(1)], 50)
    assert dispatchgroups.conflicts(area()) == [] and set(dispatchgroups.dispatch_group_of(area())) == {
        1,
        2,
        3,
    }


@pytest.mark.parametrize(
    "change",
    [
        lambda: enrolment.relabel(device(2), {}, kind="battery"),
        lambda: enrolment.relabel(device(3), {"feeder": "F1"}, kind="battery"),
        lambda: virtualders.update("F2", add=["d1"]),
        lambda: virtualders.update("batteries", rule="feeder = F2"),
        lambda: virtualders.create("new", parent="town", members=["d1"]),
        lambda: virtualders.create("new", parent="F1", rule="feeder = F2"),
        lambda: virtualders.update("apart", parent="town"),
        lambda: enrolment.enrol(peers.lfdi(9), kind="battery", labels={"feeder": "F2"}),
    ],
)
def test_where_it_is_automatic_no_conflict_can_come(neighbourhood: None,
                                                    change: Callable[[], object]) -> None:
    virtualders.create("apart", members=["d1"])
    automatic("town")
    with pytest.raises(Refused, match="is dispatched through one virtual DER of town, but") as refused:
        change()
    assert refused.value.status == 409 and dispatchgroups.conflicts(area()) == []
    assert [row["name"] for row in virtualders.list_vders()] == [
        "apart",
        "town",
        "F1",
        "F1a",
        "F2",
        "batteries",
    ]
    Balance.update(automatic=False).execute()
    change()
    assert len(dispatchgroups.conflicts(area())) >= 1


@pytest.mark.parametrize("change", [
    lambda: enrolment.relabel(device(2), {"feeder": "F2"}), lambda: virtualders.update("F1a", add=["d1"]),
    lambda: virtualders.update("F1a", parent="F2"), lambda: virtualders.create("apart", members=["d1", "d2"]),
    lambda: enrolment.relabel(device(1), {"feeder": ""}, kind="battery"), lambda: virtualders.delete("F1a"),
    lambda: virtualders.update("F1", primacy=7), lambda: enrolment.suspend(device(3))])
def test_what_makes_none_may_change(neighbourhood: None, change: Callable[[], object]) -> None:
    automatic("town")
    change()
    assert dispatchgroups.conflicts(area()) == []


def test_a_conflict_that_was_there_stops_nothing_else(neighbourhood: None) -> None:
    enrolment.relabel(device(2), {}, kind="battery")
    automatic("town")
    virtualders.update("F1", primacy=7)
    enrolment.relabel(device(2), {"phase": "a"})
    with pytest.raises(Refused, match="d3 in F2 and batteries"):
        enrolment.relabel(device(3), {}, kind="battery")
    assert [conflicting for conflicting, _ in dispatchgroups.conflicts(area())] == [device(2)]


def test_many_are_told_by_the_first(neighbourhood: None) -> None:
    for number in range(11, 18):
        enrolment.enrol(peers.lfdi(number), name=f"d{number}", kind="battery", labels={"feeder": "F2"})
    with pytest.raises(Refused, match="d15 in F2 and batteries; and 2 more$"):
        dispatchgroups.dispatch_group_of(area())


@given(st.lists(st.integers(0, 5), min_size=6, max_size=6), st.sets(st.integers(0, 6)))
def test_the_deepest_are_those_above_none(above: list[int], groups: set[int]) -> None:
    parents: dict[int, int | None] = {
        0: None,
        **{number: min(parent, number - 1) for number, parent in enumerate(above, 1)},
    }

    def path(group: int | None) -> list[int]:
        return [] if group is None else [group, *path(parents[group])]
    tree = Tree(vders={number: VirtualDER(id=number, parent=parent) for number, parent in parents.items()},
                children={})
    lowest = dispatchgroups.deepest(sorted(groups), tree)
    assert set(lowest) <= groups and bool(lowest) == bool(groups)
    assert all(any(group in path(vder) for vder in lowest) for group in groups)
    assert not any(vder != other and vder in path(other) for vder in lowest for other in lowest)
