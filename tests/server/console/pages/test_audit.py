"""The page of the audit log."""
from __future__ import annotations

from collections.abc import Callable

from server import actors
from server.devices import enrolment
from server.models import AuditEntry
from server.operators.roles import Role
from tests import peers
from tests.conftest import on_sqlite
from tests.server.console.conftest import Person, text

pytestmark = on_sqlite
HREF = "/console/audit"


def make() -> None:
    with actors.acting("ann", "as agreed"):
        enrolment.enrol(peers.lfdi(1), name="roof")
        enrolment.relabel(enrolment.find("roof"), {"feeder": "F1"})


def test_nothing_was_changed_yet(admin: Person) -> None:
    AuditEntry.delete().execute()  # that somebody signed in
    assert "Nothing was changed yet" in text(admin.see(HREF))


def test_entries_are_searched_and_show_what_changed(admin: Person) -> None:
    make()
    page = text(admin.see(HREF))
    assert page.index("device label") < page.index("device enrol") and "as agreed" in page and "F1" in page
    assert "device enrol" not in text(admin.see(f"{HREF}?operation=device+label")).partition("entries")[2]
    assert "Nothing matches" in text(admin.see(f"{HREF}?who=bob"))
    assert "is not" in text(admin.see(f"{HREF}?since=whenever"))


def test_the_log_is_verified(admin: Person) -> None:
    make()
    assert "complete: nothing was altered" in text(admin.see(f"{HREF}/verify"))
    AuditEntry.update(who="bob").where(AuditEntry.operation == "device enrol").execute()
    assert "not complete" in text(admin.see(f"{HREF}/verify"))


def test_who_may_not(person: Callable[..., Person]) -> None:
    from server.grid.groups import virtualders
    part = virtualders.create("part")
    person(Role.OPERATOR, virtualders.find("part")).see(HREF, 200)
    assert part and "rights end" in text(person(Role.OPERATOR, virtualders.find("part")).see(HREF))
