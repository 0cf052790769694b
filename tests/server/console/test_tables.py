"""Tables that page, sort and filter on the server."""
from __future__ import annotations

import html
import re

import pytest

from server.console import tables
from server.console.pages import virtualders as page_of_vders
from server.grid.groups import virtualders
from tests.conftest import on_sqlite
from tests.server.console.conftest import Person, text

pytestmark = on_sqlite


def link(page: str, words: str) -> str:
    """Return where the link of these words leads."""
    found = re.findall(r'<a [^>]*href="([^"]*)"[^>]*>([^<]*)</a>', page)
    return html.unescape(next(href for href, said in found if said == words))


def test_a_long_list_is_read_page_by_page(admin: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(page_of_vders, "ROWS", 20)
    for number in range(45):
        virtualders.create(f"part {number:02}")
    page = admin.see("/console/virtual-ders")
    while True:
        seen += re.findall(r"part \d+", page.partition("<tbody>")[2].partition("</tbody>")[0])
        if "Next page" not in page:
            break
        page = admin.see(link(page, "Next page").partition("#")[0])
    assert seen == [f"part {number:02}" for number in range(45)]
    assert "Next page" in admin.see(link(page, "To the beginning").partition("#")[0])


def test_a_filter_is_an_argument_of_the_operation(admin: Person) -> None:
    page = admin.see("/console/devices?device-list-kind=hovercraft")
    assert "kinds are" in text(page) or "Nothing matches" in text(page)
    assert "not between" in text(admin.see("/console/devices?device-list-limit=0"))


def test_numbers_are_sorted_as_numbers(admin: Person) -> None:
    found = sorted([{"a": 10}, {"a": 9}, {"a": None}, {"a": "x"}], key=lambda item: tables._rank(item["a"]))
    assert [item["a"] for item in found] == [9, 10, "x", None]
