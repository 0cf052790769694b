"""The table of pages has every operation, once."""
from __future__ import annotations

from server.api.routes import routes
from server.console import generated
from server.console.pagetable import BY_KEY, PAGES


def test_every_operation_is_on_one_page() -> None:
    groups = [group for page in PAGES for group in page.groups]
    assert sorted(groups) == sorted({name.partition(" ")[0] for name in routes()})


def test_a_list_is_shown_at_once_only_if_it_needs_nothing() -> None:
    listed = [found.name for found in BY_KEY["virtualders"].operations() if generated.is_listed(found)]
    assert "vder list" in listed and "vder members list" not in listed
