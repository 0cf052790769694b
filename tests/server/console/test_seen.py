"""A form overwrites nothing that was changed since it was shown."""
from __future__ import annotations

import html
import re

import pytest

from server.console import seen
from server.grid.groups import virtualders
from server.models import VirtualDER
from tests.conftest import on_sqlite
from tests.server.console.conftest import Person, text

pytestmark = on_sqlite
FORM = "/console/do/vder%20update?vder=solar"


def field(page: str) -> str:
    """The hidden text of a form; "" where it has none."""
    found = re.search(r'name="if_match" value="([^"]*)"', page)
    return html.unescape(found[1]) if found else ""


def test_a_form_that_is_out_of_date_says_so_and_keeps_what_was_typed(admin: Person) -> None:
    virtualders.create("solar")
    shown = field(admin.see(FORM))
    virtualders.update("solar", purpose="roofs")
    page = admin.do("vder update", 412, vder="solar", purpose="fields", if_match=shown)
    assert "changed since this form was shown" in text(page) and 'value="fields"' in page
    assert VirtualDER.get().purpose == "roofs"
    admin.do("vder update", vder="solar", purpose="fields", if_match=field(page))
    assert VirtualDER.get().purpose == "fields"


def test_another_mistake_does_not_make_it_up_to_date(admin: Person) -> None:
    virtualders.create("solar")
    shown = field(admin.see(FORM))
    virtualders.update("solar", purpose="roofs")
    page = admin.do("vder update", 400, vder="solar", import_limit_w="much", if_match=shown)
    assert field(page) == shown


def test_it_is_of_the_thing_that_was_shown_and_of_no_other(admin: Person) -> None:
    virtualders.create("solar")
    virtualders.create("wind")
    shown = field(admin.see(FORM))
    admin.do("vder update", vder="wind", purpose="sea", if_match=shown)
    assert virtualders.find("wind").purpose == "sea"


def test_what_sets_nothing_what_is_not_named_and_what_is_large_has_none(
        admin: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    virtualders.create("solar")
    assert field(admin.see(FORM))
    for href in ("/console/do/vder%20update", "/console/do/vder%20update?vder=wind",
                 "/console/do/vder%20delete?vder=solar", "/console/do/vder%20create"):
        assert not field(admin.see(href))
    monkeypatch.setattr(seen, "MOST_MEMBERS", -1)
    assert not field(admin.see(FORM))
