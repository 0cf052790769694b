"""Forms of operations: refusals at their fields, trials, questions, results."""
from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest

from server import audit, clock
from server.api import idempotency
from server.api.routes import routes
from server.console import running
from server.errors import Refused
from server.grid.controls import messages
from server.grid.groups import virtualders
from server.models import AuditEntry, VirtualDER
from server.operators.roles import Role
from tests.conftest import on_sqlite
from tests.server.console.conftest import Person, text

pytestmark = on_sqlite


def test_every_operation_has_its_form(admin: Person) -> None:
    for name, route in routes().items():
        page = admin.see(f"/console/do/{name.replace(' ', '%20')}")
        for argument in route.others:
            if argument.name != "dry_run":
                assert f'name="{argument.name}"' in page, (name, argument.name)


def test_an_operation_is_done_in_the_name_of_who_has_signed_in(admin: Person) -> None:
    page = text(admin.do("vder create", name="solar", import_limit_w="5 kW", reason="as agreed"))
    assert "Result" in page and "solar" in page
    assert VirtualDER.get().import_limit_w == 5000
    entry = audit.entries()[-1]
    assert (entry["who"], entry["operation"]) == ("administrator", "vder create")


def test_it_goes_back_to_where_it_was_asked_for(admin: Person) -> None:
    answer = admin.send("/console/do/vder%20create", 303, name="solar", back="/console/virtual-ders")
    assert answer.headers["Location"] == "/console/virtual-ders?done=vder%20create"
    assert "Done: Virtual DER: create" in text(admin.see("/console/virtual-ders?done=vder%20create"))


@pytest.mark.parametrize("fields, said", [
    ({"name": ""}, "Name: a value is needed"),
    ({"name": "a", "import_limit_w": "5kw"}, "write 5kW"),
    ({"name": "a", "import_limit_w": "-3kW"}, "not between"),
    ({"name": "a", "primacy": "many"}, "not a whole number"),
    ({"name": "a", "rule": "((("}, "rule")])
def test_what_is_refused_is_said_at_its_field(admin: Person, fields: dict[str, str], said: str) -> None:
    page = admin.do("vder create", 400, **fields)
    assert said in text(page) and 'role="alert"' in page
    assert f'value="{fields["name"]}"' in page  # what was typed stays
    assert not VirtualDER.select().exists()


def test_a_trial_changes_nothing(admin: Person) -> None:
    assert "Tried: nothing was changed" in text(admin.do("vder create", name="solar", dry_run="true"))
    assert not VirtualDER.select().exists()


def test_what_destroys_is_asked_first(admin: Person) -> None:
    virtualders.create("solar")
    page = text(admin.do("vder delete", vder="solar", back="/console/virtual-ders"))
    assert "Delete solar" in page and VirtualDER.select().count() == 1
    admin.do("vder delete", 303, vder="solar", back="/console/virtual-ders", yes="true")
    assert not VirtualDER.select().exists()


def test_who_may_not_is_told_and_has_no_button(person: Callable[..., Person]) -> None:
    viewer = person(Role.VIEWER)
    assert "needs the role operator" in text(viewer.see("/console/do/vder%20create"))
    assert "needs the role operator" in text(viewer.do("vder create", 403, name="solar"))
    assert "do/vder%20create" not in viewer.see("/console/virtual-ders")


def test_a_form_that_is_sent_again_is_done_once_and_shows_the_same(admin: Person) -> None:
    key, = re.findall(r'name="idempotency_key" value="([^"]+)"', admin.see("/console/do/vder%20create"))
    first = text(admin.do("vder create", name="solar", idempotency_key=key))
    again = text(admin.do("vder create", name="solar", idempotency_key=key))
    assert "sent before" in again and "sent before" not in first
    assert again.partition("Result")[2] == first.partition("Result")[2]
    assert AuditEntry.select().where(AuditEntry.operation == "vder create").count() == 1
    other = text(admin.do("vder create", 422, name="wind", idempotency_key=key))
    assert "sent before, with other values" in other
    assert key not in admin.see("/console/do/vder%20create")
    assert [row.name for row in VirtualDER.select()] == ["solar"]


def test_what_is_typed_relative_to_now_is_the_same_form_later(admin: Person) -> None:
    virtualders.create("solar")
    form = {"vder": "solar", "text": "hello", "start": "+15m", "duration_s": "15m", "idempotency_key": "k"}
    admin.do("message send", **form)
    clock.advance(5)
    assert "sent before" in text(admin.do("message send", **form))
    assert len(list(messages.list_messages())) == 1


def test_a_question_does_it_once_with_the_key_of_its_form(admin: Person) -> None:
    virtualders.create("solar")
    page = admin.do("vder delete", vder="solar", idempotency_key="of the form")
    assert 'name="idempotency_key" value="of the form"' in page
    for _ in range(2):
        admin.do("vder delete", 303, vder="solar", back="/console/virtual-ders", yes="true",
                 idempotency_key="of the form")


def test_a_form_waits_for_what_it_asked_for_a_moment_ago(
        admin: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    monkeypatch.setattr(idempotency, "claim", lambda *claimed: (_ for _ in ()).throw(
        Refused(409, f"{idempotency.HEADER}: it is being done. Ask again", Retry_After="1")))
    assert "being done" in text(admin.do("vder create", 409, name="solar", idempotency_key="k"))
    assert len(waits) == running.MOST_WAITS and set(waits) == {running.WAIT_S}


def test_what_only_looks_shows_its_result(admin: Person) -> None:
    virtualders.create("solar")
    page = text(admin.see("/console/do/vder%20show?vder=solar"))
    assert "Result" in page and "Rated inject" in page
    assert "wind" in text(admin.see("/console/do/vder%20show?vder=wind", 404))


def test_what_is_shown_is_never_markup(admin: Person) -> None:
    name = "<script>alert(1)</script>"
    assert name not in admin.do("vder create", name=name)
    assert name not in admin.see("/console/virtual-ders")
    assert name not in admin.see("/console/do/vder%20show?vder=%3Cscript%3Ealert(1)%3C/script%3E")
