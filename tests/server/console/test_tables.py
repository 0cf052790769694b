"""Tables that page, sort and filter on the server."""
from __future__ import annotations

import html
import re
from typing import Any

import pytest

from server.api import access
from server.console import tables
from server.console.pages import virtualders as page_of_vders
from server.devices import enrolment
from server.grid.groups import virtualders
from tests import peers
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


def test_the_database_sorts_a_long_list(admin: Person) -> None:
    for number, name in enumerate(("berta", "anton", "carla")):
        enrolment.enrol(peers.lfdi(number), name=name)
    found = tables_of(admin, "name"), tables_of(admin, "-name")
    assert found == (["anton", "berta", "carla"], ["carla", "berta", "anton"])


def tables_of(admin: Person, sort: str) -> list[str]:
    """Return the names of devices as a table has them that is sorted so."""
    cookie = {"Cookie": f"{access.cookie_name()}={admin.cookie}"}
    application: Any = admin.client.application
    with application.test_request_context(f"/console/x?devices-sort={sort}", headers=cookie):
        table = tables.of_operation("device list", caption="Devices", id="devices", columns=("name",))
    assert "name" in table.sort_links
    return [row[0].text for row in table.rows]
