"""The page of settings."""
from __future__ import annotations

from collections.abc import Callable

from server.config import settings
from server.grid.groups import virtualders
from server.operators.roles import Role
from tests.conftest import on_sqlite
from tests.server.console.conftest import Person, text

pytestmark = on_sqlite
HREF = "/console/settings"


def test_each_setting_with_where_it_comes_from(admin: Person) -> None:
    settings.poll_rate = 120
    settings.metrics_token = "0123456789abcdef" * 4
    page = admin.see(HREF)
    assert "poll_rate" in page and "2m" in page and "default: 5m" in text(page) and "0123456789" not in page
    found = text(admin.see(f"{HREF}?text=how+often&changed=true"))
    assert "Nothing matches" in found or "poll_rate" not in found
    only = admin.see(f"{HREF}?changed=true")
    assert "poll_rate" in only and "post_rate" not in only
    assert "The clock of this machine is followed" in text(page)


def test_who_may_not(person: Callable[..., Person]) -> None:
    virtualders.create("part")
    page = person(Role.VIEWER, virtualders.find("part")).see(HREF)
    assert "rights end" in text(page)
