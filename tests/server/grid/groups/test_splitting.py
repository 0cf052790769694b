"""A virtual DER in parts, by a label of its members."""
from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.devices import aggregators, enrolment
from server.errors import Refused
from server.grid.balance import areasettings, controller
from server.grid.groups import membershiprules, splitting, virtualders
from server.grid.series import signals
from server.models import DispatchOrder
from tests import peers
from tests.conftest import NOON


def members(vder: str) -> list[str]:
    return [device["name"] for device in virtualders.show(vder)["devices"]]


@pytest.fixture
def street(server: None) -> None:
    homes = (("battery", "a"), ("pv", "b b"), ("battery", ""), ("pv", "a"))
    for number, (kind, phase) in enumerate(homes, 1):
        labels = {"feeder": "F1", **({"phase": phase} if phase else {})}
        enrolment.enrol(peers.lfdi(number), name=f"d{number}", kind=kind, labels=labels)
    enrolment.enrol(peers.lfdi(9), name="elsewhere", kind="battery")
    virtualders.create("street", rule="feeder = F1 or feeder = F2")


@pytest.mark.usefixtures("street")
def test_each_value_has_a_child_that_new_members_join() -> None:
    assert splitting.split("street", "kind")["children"] == ["street battery", "street pv"]
    assert members("street battery") == ["d1", "d3"] and members("street pv") == ["d2", "d4"]
    enrolment.enrol(peers.lfdi(10), name="new", kind="battery", labels={"feeder": "F2"})
    assert members("street battery") == ["d1", "d3", "new"]
    assert splitting.split("street", "kind")["children"] == ["street battery", "street pv"]
    assert virtualders.show("street battery")["primacy"] == virtualders.show("street")["primacy"] - 1


@pytest.mark.usefixtures("street")
def test_the_children_of_identities_have_short_names() -> None:
    for number, name in ((100, "north"), (101, "")):
        manager = enrolment.enrol(peers.lfdi(number), name=name, kind="aggregator")
        aggregators.move([enrolment.find(f"d{number - 99}")], manager)
    unnamed = f"street {peers.lfdi(101)[:8]}"
    assert set(splitting.split("street", "manager")["children"]) == {"street north", unnamed}
    assert (members("street north"), members(unnamed)) == (["d1"], ["d2"])
    enrolment.relabel(enrolment.find("north"), {}, name="south")
    assert set(splitting.split("street", "manager")["children"]) == {"street north", unnamed}


@pytest.mark.usefixtures("street")
def test_who_has_no_such_label_stays_above() -> None:
    assert splitting.split("street", "phase")["children"] == ["street a", "street b b"]
    assert members("street a") == ["d1", "d4"] and members("street b b") == ["d2"]
    virtualders.create("all", rule="*")
    splitting.split("all", "kind")
    assert members("all battery") == ["d1", "d3", "elsewhere"]


@pytest.mark.usefixtures("street")
def test_what_cannot_be_split_is_refused() -> None:
    virtualders.create("listed", members=["d1"])
    with pytest.raises(Refused, match="listed has no rule"):
        splitting.split("listed", "kind")
    with pytest.raises(Refused, match="no member of street has a label 'kynd'; did you mean kind?"):
        splitting.split("street", "kynd")
    enrolment.relabel(enrolment.find("d1"), {"owner": "\"O'Neil\""})
    with pytest.raises(Refused, match="quotes of both kinds"):
        splitting.split("street", "owner")
    assert not virtualders.show("street")["children"]


@given(st.text(st.sampled_from("ab :.'\"-()*=é"), min_size=1))
def test_a_value_is_written_as_it_is_read(value: str) -> None:
    try:
        rule = f"label = {membershiprules.word(value)}"
    except membershiprules.RuleError:
        assert "'" in value and '"' in value
    else:
        assert membershiprules.read(rule)({"label": value}) and not membershiprules.read(rule)({"label": "c"})


def test_batteries_beside_inverters_are_sent_one_control_once_they_are_split(
    battery: Any, panels: Any
) -> None:
    for number in (1, 2, 3):
        battery(number, feeder="F1")
        panels(number + 3, modes=0xFFFFFF, feeder="F1")
    virtualders.create("street", rule="feeder = F1")
    signals.put("street", "imbalance", [-3000.0] * 8, NOON, 900)
    areasettings.set_automatic("street")
    controller.decide(virtualders.find("street"), NOON)
    assert DispatchOrder.get().addressing == "device"
    splitting.split("street", "kind")
    controller.decide(virtualders.find("street"), NOON + 900)
    order = DispatchOrder.get(DispatchOrder.quantity == "percent")
    assert (order.addressing, order.vder.name) == ("broadcast", "street battery")
