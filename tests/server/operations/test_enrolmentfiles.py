"""Devices to enrol, from files."""
from __future__ import annotations

import json
from typing import Any

import pytest

from server.errors import Refused
from server.operations import enrolmentfiles
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
    ("lfdi,pin\n,1\n", "f, line 2: it has no lfdi"),
    ("lfdi,labels\nAB,feeder\n", "f, line 2: 'feeder' is not NAME=VALUE"),
    ("", "f: this is neither a JSON"),
    ("name\nelm\n", "nor CSV with a column lfdi"), ('[{"lfdi": 1}]', "device 1: its lfdi is not text"),
    ('[{"name": "x"}]', "device 1: it has no lfdi")])
def test_what_is_no_list_of_devices_is_refused_with_its_line(text: str, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        read(text)
