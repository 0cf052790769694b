"""Lists by pages: each item once, whatever is added meanwhile; sparse fields; cursors of other lists."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from server import actors
from server.api import lists
from server.devices import enrolment
from server.grid.groups import virtualders
from server.models import Device
from tests import peers, prepared
from tests.conftest import NOON, on_sqlite
from tests.server.api.conftest import Program

LISTS = {"/devices": 5, "/virtual-ders": 4, "/virtual-ders/all/members": 5, "/audit/entries": 9,
         "/resources?href=/edev": 5}


def make_many() -> None:
    with actors.acting("alice"):
        make_some()


def make_some() -> None:
    for number in range(1, 6):
        enrolment.enrol(peers.lfdi(number), name=f"d{number}")
    for name in ("all", "b", "c", "d"):
        virtualders.create(name, rule="name != x" if name == "all" else "")


@pytest.fixture
def many(program: Program) -> Program:
    prepared.begin_with("api_lists", make_many)
    return program


def paged(program: Program, path: str, limit: int, between: Callable[[], None] = lambda: None) -> list[Any]:
    """All items of a list, page by page."""
    mark, items, cursor = "&" if "?" in path else "?", [], ""
    while True:
        page = program.call("GET", f"{path}{mark}limit={limit}" + (f"&cursor={cursor}" if cursor else ""))
        assert len(page["items"]) <= limit
        items += page["items"]
        if page["next"] is None:
            return items
        cursor = page["next"]
        between()


@pytest.mark.parametrize("path", LISTS)
def test_pages_have_each_item_once(many: Program, path: str) -> None:
    whole = many.call("GET", path)
    assert whole["next"] is None and len(whole["items"]) == LISTS[path]
    for limit in (1, 2, LISTS[path], 1000):
        assert paged(many, path, limit) == whole["items"]


@on_sqlite
def test_what_is_removed_meanwhile_moves_nothing(many: Program) -> None:
    removed = iter(("d1", "d3"))

    def between() -> None:
        enrolment.remove(enrolment.find(next(removed)))
    names = [item["name"] for item in paged(many, "/devices", 2, between)]
    assert names == ["d1", "d2", "d3", "d4", "d5"]  # a position would have passed over d3


@on_sqlite
def test_only_the_fields_that_are_asked_for(many: Program) -> None:
    page = many.call("GET", "/devices?fields=name,lfdi&limit=1")
    assert page["items"] == [{"name": "d1", "lfdi": peers.lfdi(1)}]
    assert many.refused("GET", "/devices?fields=name,colour")["argument"] == "fields"


@on_sqlite
@pytest.mark.parametrize("query, argument", [
    ("limit=0", "limit"), ("limit=1001", "limit"), ("limit=x", "limit"), ("cursor=x", "cursor"),
    ("cursor=WyJvZmZzZXQiLDJd", "cursor"), ("cursor=bnVsbA", "cursor"), ("cursor=WyJrZXkiLCJ4Il0", "cursor"),
    ("cursor=WyJrZXkiLC0xXQ", "cursor"), ("cursor=" + "W1tb" * 800, "cursor"),
    ("cursor=%C3%BC", "cursor"), ("limit=1&limit=2", "limit")])
def test_what_is_no_page_is_refused(many: Program, query: str, argument: str) -> None:
    assert many.refused("GET", f"/devices?{query}")["argument"] == argument


@on_sqlite
def test_a_list_that_ends_itself_has_no_cursor(many: Program) -> None:
    assert len(many.call("GET", "/audit?limit=3")["items"]) == 3
    assert many.refused("GET", "/audit?cursor=WyJvZmZzZXQiLDJd")["argument"] == "cursor"


@pytest.mark.parametrize("path, sort", [
    ("/devices", "name"), ("/devices", "-name"), ("/devices", "kind,-id"),
    ("/devices", "-last_contact_at,name"),
    ("/virtual-ders/all/members", "-lfdi"), ("/audit/entries", "-id"), ("/audit/entries", "operation,-at"),
    ("/virtual-ders", "-primacy,name")])
def test_a_list_is_sorted_by_the_database_or_in_memory(many: Program, path: str, sort: str) -> None:
    Device.update(kind="battery", last_contact_at=NOON).where(Device.name.in_(["d2", "d4"])).execute()
    rows = many.call("GET", path)["items"]
    for name in reversed(sort.split(",")):
        rows.sort(key=lambda row, key=name.strip("-"): (row[key] is not None, row[key]),
                  reverse=name.startswith("-"))
    for limit in (2, 1000):
        assert paged(many, f"{path}?sort={sort}", limit) == rows


@on_sqlite
@pytest.mark.parametrize("query", [
    "sort=colour", "sort=labels", "sort=name&cursor=WyJvZmZzZXQiLDJd",
    "sort=name&cursor=WyJzb3J0IixbMSwyXV0",
    "sort=name&cursor=WyJzb3J0IiwieCJd",
    "cursor=WyJzb3J0IixbIngiLDJdXQ", "sort=name&cursor=WyJzb3J0IixbMV1d"])
def test_an_order_that_is_none_is_refused(many: Program, query: str) -> None:
    assert many.refused("GET", f"/devices?{query}")["argument"] in ("sort", "cursor")
    assert many.refused("GET", "/virtual-ders?sort=colour")["argument"] == "sort"
    assert many.refused("GET", "/device-exports?sort=x")["status"] == 405


@on_sqlite
@pytest.mark.parametrize("path", ["/responses", "/devices/d1/readings"])
def test_no_answer_is_longer_than_memory_allows(many: Program, path: str) -> None:
    assert many.refused("GET", f"{path}?limit=100001")["argument"] == "limit"


@on_sqlite
def test_what_is_too_long_is_not_sorted_in_memory(many: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "MOST_SORTED", 3)
    assert "more than 3 items" in many.refused("GET", "/virtual-ders?sort=name")["detail"]
    assert many.call("GET", "/devices?sort=name")["items"]
