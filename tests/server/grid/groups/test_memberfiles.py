"""Members from a list and from a file."""
from __future__ import annotations

from typing import Any

import pytest

from server import actors, audit
from server.devices import enrolment
from server.errors import Refused
from server.grid.groups import dispatchgroups, memberfiles, virtualders
from server.models import Device
from tests import peers


@pytest.fixture
def street(server: None) -> None:
    for number in (1, 2, 3):
        enrolment.enrol(
            peers.lfdi(number), name=f"d{number}", kind="pv", labels={"feeder": "F1", "phase": "a"}
        )
    virtualders.create("street", rule="feeder = F1")
    virtualders.create("solar")


def names(vder: str) -> dict[str, str]:
    return {row["name"]: row["added_by"] for row in memberfiles.list_members(vder)}


def known() -> list[tuple[str, str, dict[str, str]]]:
    return [(device.name, device.kind, device.labels) for device in Device.select().order_by(Device.id)]


def test_who_is_in_is_listed_with_how(street: None) -> None:
    virtualders.update("street", add=["d2"])
    assert (
        names("street") == {"d1": "rule or child", "d2": "name", "d3": "rule or child"}
        and names("solar") == {}
    )


def test_devices_are_put_in_and_taken_out(street: None) -> None:
    assert [row["name"] for row in memberfiles.add("solar", ["d1", peers.lfdi(2)])] == ["d1", "d2"]
    assert [row["name"] for row in memberfiles.remove("solar", ["d1"])] == ["d2"]
    with pytest.raises(Refused, match="d3 is not in street by name, but by a rule or a child"):
        memberfiles.remove("street", ["d3"])
    with pytest.raises(Refused, match="nobody"):
        memberfiles.add("solar", ["d3", "nobody"])
    assert names("solar") == {"d2": "name"}


def test_a_file_puts_in_and_says_what_they_are(street: None) -> None:
    memberfiles.add("solar", ["d3"])
    result = memberfiles.load(
        "solar",
        f"name,labels,device,kind\none,feeder=F2 phase=,{peers.lfdi(1)},battery\n,,2,\n\n,,d3,\n",
        "members.csv",
    )
    assert (result["lines"], [device["name"] for device in result["added"]], result["dry_run"]) == (
        3,
        ["one", "d2"],
        False,
    )
    assert names("solar") == {"one": "name", "d2": "name", "d3": "name"} and names("street").keys() == {
        "d2",
        "d3",
    }
    assert known()[0] == ("one", "battery", {"feeder": "F2"}) and known()[1] == (
        "d2",
        "pv",
        {"feeder": "F1", "phase": "a"},
    )


def test_a_dry_run_tells_and_leaves_all_as_it_was(street: None) -> None:
    before = known()
    text = "device,kind\nd1,battery\nd2,\n"
    with actors.acting("alice"):
        tried = memberfiles.load("solar", text, "members.csv", dry_run=True)
    assert (tried["dry_run"], [device["name"] for device in tried["added"]]) == (True, ["d1", "d2"])
    assert names("solar") == {} and known() == before and audit.entries() == []
    assert {**memberfiles.load("solar", text, "members.csv"), "dry_run": True} == tried


@pytest.mark.parametrize("text, why", [
    ("", "line 1: the columns are device and"), ("name\nd1\n", "line 1: the columns are"),
    ("device,colour\nd1,red\n", "line 1: the columns "
                                "are"), ("device,kind,kind\nd1,a,b\n", "line 1: the columns are"),
    ("device\nd1\nnobody\n", "line 3: no device is called "
                             "'nobody'"), ("device\nd1\n1\n", "line 3: 1 is named twice"),
    ("device,kind\nd1,pv,x\n", "line 2: 3 cells for 2 columns"),
    ("device,kind\nd1,pv\n,pv\n", "line 3: it names no device"),
    ("device,labels\nd1,feeder\n", "line 2: 'feeder' is not "
                                   "NAME=VALUE"), ('device\n"d1', "unexpected end of data")])
def test_a_wrong_line_is_named_and_nobody_is_put_in(street: None, text: str, why: str) -> None:
    before = known()
    with pytest.raises(Refused) as refused:
        memberfiles.load("solar", text, "members.csv")
    assert why in refused.value.why and "members.csv" in refused.value.why
    assert names("solar") == {} and known() == before


def test_an_import_is_one_entry_with_what_it_changed(street: None) -> None:
    text = "device,kind\nd1,battery\nd2,pv\n"
    with actors.acting("alice"):
        memberfiles.load("solar", text, "members.csv")
        memberfiles.load("solar", text, "members.csv")
    entry, = audit.entries()
    after: dict[str, Any] = entry["after"]
    assert (
        entry["subject"] == "solar"
        and after["listed"] == sorted(map(peers.lfdi, (1, 2)))
        and after["file"] == "members.csv"
    )
    assert [(device["name"], device["kind"], device["before"]) for device in after["changed"]] == [
        ("d1", "battery", {"kind": "pv"})
    ]


def test_areas_are_validated_one_or_all(street: None) -> None:
    virtualders.create("town")
    for name in ("street", "solar"):
        virtualders.update(name, parent="town")
    memberfiles.add("solar", ["d1"])
    rows = memberfiles.validate()
    assert [(row["area"], row["name"], row["vders"]) for row in rows] == [
        ("town", "d1", ["street", "solar"])
    ]
    assert memberfiles.validate("town") == rows and memberfiles.validate("street") == []
    assert [device.name for device, _ in dispatchgroups.conflicts(virtualders.find("town"))] == ["d1"]
    groups = dispatchgroups.dispatch_group_of(virtualders.find("solar"))
    assert {number: vder.name for number, vder in groups.items()} == {1: "solar"}


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_files_of_spreadsheets_have_other_delimiters(street: None, delimiter: str) -> None:
    text = "\ufeffDevice;Name;Labels\nd1;12 Elm Street, left;feeder=F2\n;;\n".replace(";", delimiter)
    line, = memberfiles.read(text, "members.csv")
    assert (line.device, line.name, line.labels) == ("d1", "12 Elm Street, left", {"feeder": "F2"})
