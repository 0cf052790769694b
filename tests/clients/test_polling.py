"""Polling: what is due is read again, what is not is remembered."""
from __future__ import annotations

from typing import Any

from clients.connection import Answer
from clients.polling import DEFAULT_RATE, Polls


class Shelf:
    """Documents by href, and what was asked for."""

    def __init__(self, **documents: dict[str, Any]):
        self.documents = {f"/{name}": data for name, data in documents.items()}
        self.asked: list[str] = []

    def get(self, href: str) -> Answer:
        self.asked.append(href)
        path, _, query = href.partition("?")
        data = self.documents[path]
        if query:
            start, limit = (int(part[2:]) for part in query.split("&"))
            items = data["Item"][start:start + min(limit, 2)]
            data = data | {"Item": items, "all": len(data["Item"]), "results": len(items)}
        return Answer(200, None, "Thing", data)


def test_a_document_is_read_when_it_is_due() -> None:
    shelf = Shelf(a={"pollRate": 60})
    polls = Polls(shelf.get)
    for now in range(0, 121, 20):
        polls.begin()
        polls.read("/a", now)
        due = polls.end()
        assert due == now - now % 60 + 60
    assert shelf.asked == ["/a"] * 3


def test_a_rate_is_inherited_from_above_and_else_the_default() -> None:
    polls = Polls(Shelf(a={"pollRate": 60}, b={}, c={}).get)
    polls.begin()
    polls.read("/a", 0)
    polls.read("/b", 0, polls.rate("/a"))
    assert polls.end() == 60 == polls.rate("/b")
    polls.begin()
    polls.read("/c", 0)
    assert polls.end() == DEFAULT_RATE == 900


def test_a_list_is_read_page_by_page() -> None:
    shelf = Shelf(a={"Item": [1, 2, 3, 4, 5]}, b={"Item": []})
    assert Polls(shelf.get).read_list("/a", "Item", 0)["Item"] == [1, 2, 3, 4, 5]
    assert shelf.asked == ["/a?s=0&l=255", "/a?s=2&l=255", "/a?s=4&l=255"]
    assert Polls(shelf.get).read_list("/b", "Item", 0)["Item"] == []


def test_what_the_walk_no_longer_touches_is_forgotten() -> None:
    shelf = Shelf(a={}, b={})
    polls = Polls(shelf.get)
    for hrefs in (("/a", "/b"), ("/a",), ("/a", "/b")):
        polls.begin()
        for href in hrefs:
            polls.read(href, 0)
        polls.end()
    assert shelf.asked == ["/a", "/b", "/b"]


def test_a_clock_that_is_set_moves_what_is_due() -> None:
    shelf = Shelf(a={"pollRate": 60})
    polls = Polls(shelf.get)
    polls.read("/a", 0)
    polls.shift(1000)
    polls.read("/a", 1059)
    assert len(shelf.asked) == 1
    polls.read("/a", 1060)
    assert len(shelf.asked) == 2
    polls.forget("/a")
    polls.read("/a", 1060)
    assert len(shelf.asked) == 3
