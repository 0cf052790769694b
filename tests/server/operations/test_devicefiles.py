"""Devices of a file: lines that are right are done, the others are named with reason and remedy."""
from __future__ import annotations

import json
from typing import Any

import pytest

from server import actors, audit
from server.devices import enrolment
from server.errors import BadArgument, Refused
from server.models import Device
from server.operations import devicefiles
from server.operations.declaration import UploadedFile
from tests import peers

CSV = "\n".join((
    "lfdi,name,labels", f"{peers.lfdi(1)},one,feeder=F1", "xyz,bad,", f"{peers.lfdi(2)},two,feeder", "",
    f"{peers.lfdi(3)},three", f"{peers.lfdi(4)},four,phase=a", f"{peers.lfdi(9)},nine,", ",none,",
    f"{peers.lfdi(4)},again,"))
NDJSON = "\n".join((
    json.dumps({"lfdi": peers.lfdi(1), "labels": {"feeder": "F1"}}), "{", json.dumps({"lfdi": 5}), "",
    json.dumps({"lfdi": peers.lfdi(4), "name": "four"}), "[]"))


def load(text: str, **options: bool) -> Any:
    with actors.acting("kate"):
        return devicefiles.load(UploadedFile("devices.csv", text.encode()), **options)


@pytest.fixture
def nine(server: None) -> Device:
    return enrolment.enrol(peers.lfdi(9), name="nine")


@pytest.fixture(params=[500, 1, 2])
def together(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devicefiles, "TOGETHER", request.param)


def test_good_lines_are_done_and_bad_ones_named(nine: Device, together: None) -> None:
    report = load(CSV)
    assert (report["done"], report["refused"]) == (2, 6)
    assert sorted(line["line"] for line in report["lines"]) == [3, 4, 6, 8, 9, 10]
    by_line = {line["line"]: line for line in report["lines"]}
    assert by_line[8]["device"] == peers.lfdi(9) and "`relabel`" in by_line[8]["remedy"]
    assert "is not NAME=VALUE" in by_line[4]["reason"] and "2 cells" in by_line[6]["reason"]
    assert "no lfdi" in by_line[9]["reason"] and all(line["remedy"] for line in report["lines"])
    assert {device.name for device in Device.select()} == {"nine", "one", "four"}
    assert sum(entry["after"]["count"] for entry in audit.entries()) == 2


def test_an_object_a_line(nine: Device) -> None:
    report = load(NDJSON)
    assert (report["done"], [line["line"] for line in report["lines"]]) == (2, [2, 3, 6])
    assert "its lfdi is not" in report["lines"][1]["reason"] and report["lines"][1]["device"] == "5"


def test_all_or_none(nine: Device) -> None:
    assert load(CSV, all_or_none=True)["done"] == 0 and Device.select().count() == 1
    good = "\n".join(CSV.split("\n")[:2])
    assert load(good, all_or_none=True, dry_run=True) == {"done": 1, "refused": 0, "lines": []}
    assert Device.select().count() == 1 and audit.entries() == []
    assert load(good, all_or_none=True)["done"] == 1 and Device.select().count() == 2


def test_devices_are_relabelled(nine: Device, together: None) -> None:
    text = f"lfdi,name,labels\n{peers.lfdi(9)},uno,phase=b\n{peers.lfdi(1)},one,\n"
    report = load(text, relabel=True)
    assert report["done"] == 1 and "no device has the LFDI" in report["lines"][0]["reason"]
    device = Device.get()
    assert (device.name, device.labels) == ("uno", {"phase": "b"})
    assert audit.entries()[-1]["operation"] == "device label"


def test_the_report_is_bounded(server: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devicefiles, "MOST_TOLD", 2)
    report = load("lfdi\n" + "x\n" * 5)
    assert (report["refused"], len(report["lines"])) == (5, 2)


@pytest.mark.parametrize("text, error", [
    ("[]", BadArgument), ("name\none", Refused), ("lfdi,colour\nx,y", Refused), ("lfdi,lfdi\nx,y", Refused)])
def test_a_file_that_is_none_is_refused_whole(server: None, text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        load(text)
