"""The page of reports."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from server.grid.groups import virtualders
from server.grid.reports import charts
from server.operators.roles import Role
from tests.conftest import on_sqlite
from tests.server.console.conftest import Person, text

pytestmark = on_sqlite
HREF = "/console/reports"


def test_every_report_has_a_form(admin: Person) -> None:
    page = admin.see(HREF)
    assert "No order yet" in text(page) and page.count("Make the report</button>") == 7


def test_a_report_is_made_printed_and_kept(admin: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    virtualders.create("town")
    drawn: Any = lambda results: {}  # noqa: E731
    monkeypatch.setattr(charts, "report_charts", drawn)
    page = admin.see(f"{HREF}/day?vder=town&day=2025-06-14")
    assert "2025-06-14" in text(page) and "/day/file.html?vder=town" in page and "/tmp" not in page
    answer = admin.open(f"{HREF}/day/file.html?vder=town&day=2025-06-14")
    assert answer.status_code == 200 and b"<html" in answer.data
    assert "attachment" in answer.headers["Content-Disposition"]
    assert "Nothing" in text(admin.see(f"{HREF}/nonresponders?vder=town"))
    table = admin.open(f"{HREF}/calls/file.csv?vder=town")
    assert table.status_code == 200 and table.headers["Content-Type"].startswith("text/csv")


@pytest.mark.parametrize("path, status, why", [
    ("day?vder=nowhere", 404, "nowhere"), ("day", 400, "a value is needed"),
    ("day?vder=town&day=yesterday", 400, "yesterday"), ("nothing", 404, "no operation"),
    ("nonresponders/file.html?vder=town", 404, "no file of this kind")])
def test_what_cannot_be_reported(admin: Person, path: str, status: int, why: str) -> None:
    assert why in text(admin.see(f"{HREF}/{path}", status))


def test_who_may_not(person: Callable[..., Person]) -> None:
    virtualders.create("town")
    virtualders.create("part", parent="town")
    part = person(Role.VIEWER, virtualders.find("part"))
    assert "rights end" in text(part.see(f"{HREF}/day?vder=town", 403))
    part.see(f"{HREF}/nonresponders?vder=town", 404)
    part.see(f"{HREF}/nonresponders?vder=part")
