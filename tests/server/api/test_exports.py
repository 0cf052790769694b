"""Lists as CSV and Parquet: the same rows as in JSON, each once, however many there are."""
from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from server.api import exports, lists, routes
from server.devices import enrolment
from server.grid.groups import virtualders
from server.models import Device
from server.operators import authentication
from server.operators.principals import Principal
from server.operators.roles import Role
from tests import peers
from tests.conftest import NOON, on_sqlite
from tests.server.api.conftest import Program


@pytest.fixture
def five(program: Program) -> Program:
    for number in range(1, 6):
        enrolment.enrol(peers.lfdi(number), name=f"ü{number}", labels={"feeder": "F12"})
    Device.update(last_contact_at=NOON).where(Device.id == 2).execute()
    virtualders.create("some", members=["ü1", "ü2"])
    return program


def rows(program: Program, path: str) -> list[dict[str, str]]:
    answer = program.send("GET", path, headers={"Accept": "text/csv"})
    assert answer.status_code == 200 and answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert int(answer.headers["Content-Length"]) == len(answer.data)
    return list(csv.DictReader(io.StringIO(answer.data.decode(), newline="")))


@on_sqlite
def test_csv_has_what_json_has(five: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "DEFAULT", 2)
    items = five.call("GET", "/devices?limit=1000")["items"]
    found = rows(five, "/devices")
    assert [row["name"] for row in found] == [item["name"] for item in items] and len(found) == 5
    assert found[1]["last_contact_at"] == "2025-06-15T12:00:00Z" and found[0]["last_contact_at"] == ""
    assert json.loads(found[0]["labels"]) == {"feeder": "F12"} and list(found[0]) == list(items[0])
    assert len(rows(five, "/devices?limit=2")) == 2
    assert len(rows(five, "/devices?kind=battery")) == 0


@on_sqlite
def test_parquet_has_types(five: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr(exports, "ROWS", 2)
    answer = five.send("GET", "/devices", headers={"Accept": exports.PARQUET})
    table = parquet.read_table(io.BytesIO(answer.data))
    assert table.column("id").to_pylist() == [1, 2, 3, 4, 5]
    assert table.column("last_contact_at").to_pylist()[1] == datetime.fromtimestamp(NOON, UTC)
    assert table.column("name").to_pylist()[4] == "ü5"


@on_sqlite
def test_without_the_extra_it_is_said(five: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    answer = five.send("GET", "/devices", headers={"Accept": exports.PARQUET})
    assert answer.status_code == 501 and "counterpoise[export]" in json.loads(answer.data)["detail"]


@on_sqlite
def test_nobody_exports_what_is_not_theirs(five: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    def provider(text: str) -> Principal:
        return Principal("north", Role.VIEWER, virtualders.find("some"))
    monkeypatch.setattr(authentication, "by_token", provider)
    assert [row["name"] for row in rows(five, "/devices")] == ["ü1", "ü2"]


@pytest.mark.parametrize("name", [
    "readings", "responses", "dispatch list", "dr event list", "dispatch shares", "report calls",
    "report bill", "report nonresponders", "audit export"])
def test_what_is_reported_can_be_exported(name: str) -> None:
    route = routes.routes()[name]
    assert exports.types(route) or "text/csv" in route.written


@on_sqlite
def test_every_exported_list_has_columns_of_known_types(five: Program) -> None:
    pyarrow: Any = pytest.importorskip("pyarrow")
    type_of: Callable[..., Any] = exports._type
    for route in routes.routes().values():
        if exports.types(route):
            assert all(type_of(pyarrow, declared) for declared in exports.columns(route).values())
