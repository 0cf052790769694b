"""A device obeys the balance of one area: what would put it under two is refused, wherever it happens."""
from __future__ import annotations

from collections.abc import Callable

import pytest

from server import clock
from server.devices import enrolment
from server.errors import Refused
from server.grid.balance import areasettings, plans
from server.grid.groups import activeareas, memberfiles, virtualders
from server.models import Balance, Device, Plan, VirtualDER
from tests import peers

SHARED = "obeys the balance of one area, but d1 in {}"


@pytest.fixture
def areas(server: None) -> None:
    """The areas town (feeder F1 below it, with d1) and street (d2)."""
    virtualders.create("town")
    virtualders.create("F1", parent="town", rule="feeder = F1")
    virtualders.create("street", rule="street = S")
    enrolment.enrol(peers.lfdi(1), name="d1", kind="battery", labels={"feeder": "F1"})
    enrolment.enrol(peers.lfdi(2), name="d2", kind="battery", labels={"street": "S"})


def area(name: str) -> VirtualDER:
    return virtualders.find(name)


def device(number: int) -> Device:
    return enrolment.find(f"d{number}")


def published(name: str, until: int) -> Plan:
    start = clock.now() // 900 * 900
    body = {"imbalance": [0.0] * ((until - start) // 900), "before": [0.0]}
    plan = plans.save(area(name), start, 900, body)
    plans.publish(plan.id)
    return plan


@pytest.mark.parametrize("first, second, names", [
    ("town", "street", "town and street"),
    ("street", "town", "town and street"),
    ("F1", "town", "town and F1"),
])
def test_a_second_area_with_a_member_of_the_first_is_not_turned_on(
    areas: None, first: str, second: str, names: str
) -> None:
    virtualders.update("street", add=["d1"])
    areasettings.set_automatic(first, True)
    with pytest.raises(Refused, match=SHARED.format(names)) as refused:
        areasettings.set_automatic(second, True)
    assert refused.value.status == 409 and "plan auto AREA off" in refused.value.why
    areasettings.set_automatic(first, False)
    assert areasettings.set_automatic(second, True)["automatic"]


def test_areas_without_a_common_member_are_both_automatic(areas: None) -> None:
    areasettings.set_automatic("town", True)
    assert areasettings.set_automatic("street", True)["automatic"]
    assert areasettings.set_automatic("street", True, replan_steps=2)["replan_steps"] == 2


@pytest.mark.parametrize("change", [
    lambda: virtualders.update("street", add=["d1"]),
    lambda: virtualders.update("street", rule="feeder = F1"),
    lambda: enrolment.relabel(device(1), {"street": "S"}),
    lambda: virtualders.update("F2", parent="street"),
    lambda: virtualders.update("street", parent="town"),
    lambda: virtualders.create("new", parent="street", rule="feeder = F1"),
    lambda: virtualders.create("new", parent="street", members=["d1"]),
    lambda: memberfiles.load("street", "device\nd1\n", "members.csv"),
    lambda: enrolment.enrol(peers.lfdi(9), name="d9", labels={"feeder": "F1", "street": "S"}),
], ids=["add", "rule", "relabel", "move", "move the area", "child by rule", "child by name", "file", "enrol"])
def test_no_change_of_membership_puts_a_device_into_a_second_area(
    areas: None, change: Callable[[], object]
) -> None:
    virtualders.create("F2", members=["d1"])
    for name in ("town", "street"):
        areasettings.set_automatic(name, True)
    message = "obeys the balance of one area, but d[129] in town and street"
    with pytest.raises(Refused, match=message) as refused:
        change()
    assert refused.value.status == 409
    assert activeareas.shared_devices(activeareas.active_areas(clock.now())) == {}
    areasettings.set_automatic("street", False)
    change()


def test_a_device_may_move_from_one_area_to_the_other(areas: None) -> None:
    for name in ("town", "street"):
        areasettings.set_automatic(name, True)
    virtualders.update("F1", parent="street")
    assert virtualders.show("street")["members"] == 2


def test_a_published_plan_commands_as_well_until_it_is_over_or_ended(areas: None) -> None:
    virtualders.update("street", add=["d1"])
    plan = published("street", clock.now() + 7200)
    with pytest.raises(Refused, match=SHARED.format("town and street")):
        areasettings.set_automatic("town", True)
    with pytest.raises(Refused, match=SHARED.format("town and street")):
        published("town", clock.now() + 7200)
    areasettings.set_automatic("street", False)
    assert Plan.get_by_id(plan.id).state == Plan.SUPERSEDED and Balance.get().plan_id is None
    assert areasettings.set_automatic("town", True)["automatic"]


def test_a_plan_that_is_over_commands_nothing(areas: None) -> None:
    virtualders.update("street", add=["d1"])
    published("street", clock.now() + 1800)
    clock.advance(3600)
    assert areasettings.set_automatic("town", True)["automatic"]


def test_of_two_areas_that_were_active_before_the_first_commands(areas: None) -> None:
    virtualders.update("street", add=["d1"])
    for name in ("street", "town"):
        Balance.create(vder=area(name), automatic=True)
    now = clock.now()
    assert activeareas.commanded_elsewhere(area("street"), now) == {device(1).id: area("town")}
    assert activeareas.commanded_elsewhere(area("town"), now) == {}
    rows = memberfiles.validate("street")
    assert [(row["name"], row["vders"]) for row in rows] == [("d1", ["town", "street"])]
    enrolment.relabel(device(1), {"phase": "a"})  # it stops nothing else
    with pytest.raises(Refused, match="d2 in town and street"):
        virtualders.update("F1", add=["d2"])
    Balance.update(automatic=False).where(Balance.vder == area("town")).execute()
    assert activeareas.commanded_elsewhere(area("street"), now) == {}
    assert activeareas.commanded_elsewhere(area("town"), now) == {device(1).id: area("street")}
