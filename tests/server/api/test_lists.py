"""Lists by pages: each item once, whatever is added meanwhile; sparse fields; cursors of other lists."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from server import actors
from server.devices import enrolment
from server.grid.groups import virtualders
from tests import peers, prepared
from tests.conftest import on_sqlite
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
    ("cursor=WyJrZXkiLC0xXQ", "cursor"), ("cursor=%C3%BC", "cursor"), ("limit=1&limit=2", "limit")])
def test_what_is_no_page_is_refused(many: Program, query: str, argument: str) -> None:
    assert many.refused("GET", f"/devices?{query}")["argument"] == argument


@on_sqlite
def test_a_list_that_ends_itself_has_no_cursor(many: Program) -> None:
    assert len(many.call("GET", "/audit?limit=3")["items"]) == 3
    assert many.refused("GET", "/audit?cursor=WyJvZmZzZXQiLDJd")["argument"] == "cursor"
