"""Polling: what is due is read again, what is not is remembered."""
from __future__ import annotations

from typing import Any

from clients.transport.connection import Reply
from clients.transport.polling import DEFAULT_RATE, Poller


class Shelf:
    """Documents by href, and what was asked for; `now` is turned by the tests."""
    now = 0.0

    def __init__(self, **documents: dict[str, Any]):
        self.documents = {f"/{name}": data for name, data in documents.items()}
        self.asked: list[str] = []

    def get(self, href: str) -> Reply:
        self.asked.append(href)
        path, _, query = href.partition("?")
        data = self.documents[path]
        if query:
            start, limit = (int(part[2:]) for part in query.split("&"))
            items = data["Item"][start:start + min(limit, 2)]
            data = data | {"Item": items, "all": len(data["Item"]), "results": len(items)}
        return Reply(200, None, "Thing", data)


def test_a_document_is_read_when_it_is_due() -> None:
    shelf = Shelf(a={"pollRate": 60})
    polls = Poller(shelf.get, lambda: shelf.now)
    for now in range(0, 121, 20):
        shelf.now = now
        polls.begin()
        polls.read("/a")
        assert polls.end() == now - now % 60 + 60
    assert shelf.asked == ["/a"] * 3


def test_a_rate_is_inherited_from_above_and_else_the_default() -> None:
    shelf = Shelf(a={"pollRate": 60}, b={}, c={})
    polls = Poller(shelf.get, lambda: shelf.now)
    polls.begin()
    polls.read("/a")
    polls.read("/b", polls.rate("/a"))
    assert polls.end() == 60 == polls.rate("/b")
    polls.begin()
    polls.read("/c")
    assert polls.end() == DEFAULT_RATE == 900


def test_a_list_is_read_page_by_page() -> None:
    shelf = Shelf(a={"Item": [1, 2, 3, 4, 5]}, b={"Item": []})
    assert Poller(shelf.get, lambda: shelf.now).read_list("/a", "Item")["Item"] == [1, 2, 3, 4, 5]
    assert shelf.asked == ["/a?s=0&l=255", "/a?s=2&l=255", "/a?s=4&l=255"]
    assert Poller(shelf.get, lambda: shelf.now).read_list("/b", "Item")["Item"] == []


def test_what_the_walk_no_longer_touches_is_forgotten() -> None:
    shelf = Shelf(a={}, b={})
    polls = Poller(shelf.get, lambda: shelf.now)
    for hrefs in (("/a", "/b"), ("/a",), ("/a", "/b")):
        polls.begin()
        for href in hrefs:
            polls.read(href)
        polls.end()
    assert shelf.asked == ["/a", "/b", "/b"]


def test_a_clock_that_is_set_moves_what_is_due() -> None:
    shelf = Shelf(a={"pollRate": 60})
    polls = Poller(shelf.get, lambda: shelf.now)
    polls.read("/a")
    polls.shift_clock(1000)
    shelf.now = 1059
    polls.read("/a")
    assert len(shelf.asked) == 1
    shelf.now = 1060
    polls.read("/a")
    assert len(shelf.asked) == 2
    polls.forget("/a")
    polls.read("/a")
    assert len(shelf.asked) == 3


def test_what_is_read_is_due_by_the_clock_that_reading_it_has_set() -> None:
    shelf = Shelf(tm={"pollRate": 60})

    def get(href: str) -> Reply:
        shelf.now = 5000.0
        return shelf.get(href)
    polls = Poller(get, lambda: shelf.now)
    polls.begin()
    polls.read("/tm")
    assert polls.end() == 5060
