"""Devices to enrol, from files."""
from __future__ import annotations

import json
from typing import Any

import pytest

from server import actors, audit
from server.devices import enrolment
from server.errors import Refused
from server.models import Device
from server.operations import bulkenrolment, devices, enrolmentfiles
from server.operations.declaration import UploadedFile
from tests import peers

ONE = {"lfdi": peers.lfdi(1), "pin": 12, "name": "12 Elm Street", "kind": "battery",
       "labels": {"feeder": "F12", "phase": "a"}}
TWO = {"lfdi": peers.lfdi(2)}


def read(text: str, encoding: str = "utf-8") -> list[dict[str, Any]]:
    return enrolmentfiles.entries(UploadedFile("f", text.encode(encoding)))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_and_json_have_the_same_devices(delimiter: str, encoding: str) -> None:
    rows = [["LFDI", "pin", "name", "kind", "labels"],
            [peers.lfdi(1), "000012", "12 Elm Street", "battery", "feeder=F12 phase=a"], [""] * 5,
            [peers.lfdi(2), "", "", "", ""]]
    text = "\n".join(delimiter.join(row) for row in rows)
    assert read(text, encoding) == read(json.dumps([ONE, {**TWO, "name": None}])) == [ONE, TWO]


@pytest.mark.parametrize("text, reason", [
    ("lfdi,colour\nAB,red\n", "f, line 1: the columns are lfdi and optionally pin, .* not 'colour'"),
    ("lfdi,lfdi\nAB,CD\n", "f, line 1: .* once each"), ("lfdi,pin\nAB\n", "f, line 2: 1 cells for 2 columns"),
    ("lfdi,pin\nAB,x\n", "f, line 2: its pin is not a whole number"),
    ("lfdi,category\nAB,0xx\n", "f, line 2: its category is not a whole number up to 4294967295"),
    ('[{"lfdi": "AB", "category": -1}]', "f, device 1: its category is not a whole number"),
    ("lfdi,pin\n,1\n", "f, line 2: it has no lfdi"),
    ("lfdi,labels\nAB,feeder\n", "f, line 2: 'feeder' is not NAME=VALUE"),
    ("", "f: this is neither a JSON"),
    ("name\nelm\n", "nor CSV with a column lfdi"), ('[{"lfdi": 1}]', "device 1: its lfdi is not text"),
    ('[{"name": "x"}]', "device 1: it has no lfdi"),
    ('[{"lfdi": "AB", "labels": {"a": 1}}]', "device 1: its labels are not an object of texts"),
    (r'[{"lfdi": "\ud800"}]', "has a character that is none of a text"),
    (r'[{"lfdi": "AB", "name": "x\u0000"}]', "has a character that is none of a text"),
    (r'[{"lfdi": "AB", "labels": {"a\u0000": "x"}}]', "has a character that is none of a text")])
def test_what_is_no_list_of_devices_is_refused_with_its_line(text: str, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        read(text)


def fleet() -> None:
    """An aggregator, enrolled after a device that it manages by number; a name that two have; odd labels."""
    labels = {"owner": 'R. "B" Berg', "empty": ""}
    enrolment.enrol(peers.lfdi(3), 11, "meter, old", "meter", labels, category=8)
    enrolment.enrol(peers.lfdi(9), None, "", "aggregator")
    enrolment.enrol(peers.lfdi(1), 123455, "elm", "ev_charger", {"feeder": "F12"}, manager=peers.lfdi(9))
    enrolment.enrol(peers.lfdi(2), None, "elm", "")


@pytest.mark.parametrize("form", ["csv", "json"])
@pytest.mark.parametrize("with_pins", [True, False])
def test_the_list_of_devices_is_read_back_to_the_same_fleet(
        database: None, form: str, with_pins: bool) -> None:
    fleet()
    before = list(enrolmentfiles.listed(with_pins))
    text = "".join(enrolmentfiles.as_csv(before)) if form == "csv" else json.dumps(before)
    for device in Device.select():
        enrolment.remove(device)
    devices.enrol(file=UploadedFile("f", text.encode()))
    after = list(enrolmentfiles.listed(with_pins))
    assert after == before and [entry["lfdi"] for entry in after][0] == peers.lfdi(9)
    assert ("000011" in text and "123455" in text) is with_pins


def test_labels_that_no_cell_can_have_are_refused(database: None) -> None:
    enrolment.enrol(peers.lfdi(1), labels={"two words": "x"})
    with pytest.raises(Refused, match="its labels cannot be written as CSV; use --json"):
        list(enrolmentfiles.as_csv(enrolmentfiles.listed(False)))


def test_names_that_two_devices_have_are_warned_of(database: None) -> None:
    enrolment.enrol(peers.lfdi(1), name="elm")
    enrolment.enrol(peers.lfdi(2), name="oak")
    text = "lfdi,name,kind\n" + "".join(f"{peers.lfdi(number)},{name},pv\n" for number, name in [
        (3, "elm"), (4, "ash"), (5, "ash"), (6, "oak tree"), (7, "")])
    rows = devices.enrol(file=UploadedFile("f", text.encode()))
    warnings = [row.get("warnings", []) for row in rows]
    assert [len(row) for row in warnings] == [1, 1, 1, 0, 0]
    assert warnings[0][0].startswith(f"'elm' is the name of device 1 (LFDI {peers.lfdi(1)[:8]}…), device 3 (")
    assert warnings[1] == warnings[2] and "specify the number" in warnings[1][0]


def test_parts_that_were_enrolled_stay_and_the_rest_follows(
    database: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each part is a transaction with its entry in the audit log; aggregators are in the first."""
    monkeypatch.setattr(bulkenrolment, "TOGETHER", 2)
    aggregator = peers.lfdi(9)
    file = UploadedFile("f", json.dumps([
        *({"lfdi": peers.lfdi(number), "manager": aggregator} for number in range(1, 5)),
        {"lfdi": aggregator, "kind": "aggregator"}]).encode())
    original, calls = enrolment.enrol_all, []

    def killed(entries: Any) -> Any:
        calls.append(len(list(entries)))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return original(entries)

    monkeypatch.setattr(enrolment, "enrol_all", killed)
    with actors.acting("alice"), pytest.raises(KeyboardInterrupt):
        devices.enrol(file=file)
    assert {device.lfdi for device in Device.select()} == {aggregator, peers.lfdi(1)}
    with actors.acting("alice"):
        rows = devices.enrol(file=file, skip_enrolled=True)
    assert isinstance(rows, list)
    assert [row["lfdi"] for row in rows] == [peers.lfdi(number) for number in (2, 3, 4)]
    assert all(device.manager == aggregator for device in Device.select() if device.lfdi != aggregator)
    assert [entry["subject"] for entry in audit.entries()] == ["2 devices", "2 devices", "1 devices"]
    with pytest.raises(Refused, match="enrolled already"):
        devices.enrol(file=file)
