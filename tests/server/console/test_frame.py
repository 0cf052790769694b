"""Every page opens for every role, whatever there is, and nobody gets in who has not signed in."""
from __future__ import annotations

from collections.abc import Callable

import pytest

from server.console.frame import POLICY
from server.console.pagetable import PAGES
from server.devices import enrolment
from server.grid.groups import virtualders
from server.models import VirtualDER
from server.operators import users
from server.operators.roles import Role
from tests import peers
from tests.conftest import on_sqlite
from tests.server.console.conftest import Person, text

pytestmark = on_sqlite
SECRET = "correct horse battery"


def _vder() -> VirtualDER:
    virtualders.create("solar")
    return VirtualDER.get()


@pytest.mark.parametrize("devices", [0, 10])
def test_every_page_opens_for_every_role(person: Callable[..., Person], devices: int) -> None:
    for number in range(devices):
        enrolment.enrol(peers.lfdi(number), name=f"device {number}")
    part = _vder() if devices else None
    for role in Role:
        for somebody in (person(role), *([person(role, part)] if part is not None else ())):
            for page in PAGES:
                assert f"<h1>{page.title}" in somebody.see(page.href), page


def test_the_navigation_leads_to_what_the_role_may_see(person: Callable[..., Person]) -> None:
    def hrefs(role: Role) -> set[str]:
        page = person(role).see("/console/now")
        return {entry.href for entry in PAGES if f'href="{entry.href}"' in page}
    assert hrefs(Role.ADMINISTRATOR) == {page.href for page in PAGES}
    assert hrefs(Role.VIEWER) == {page.href for page in PAGES if page.role is Role.VIEWER}


def test_who_has_not_signed_in_is_led_there_and_back(person: Callable[..., Person]) -> None:
    stranger = person(Role.VIEWER)
    stranger.cookie = ""
    users.create("kate", Role.VIEWER, password=SECRET)
    answer = stranger.open("/console/devices?devices-sort=name")
    assert (answer.status_code, answer.headers["Location"]) == (
        303, "/console/sign-in?back=/console/devices%3Fdevices-sort%3Dname")
    assert "Sign in" in text(stranger.see("/console/sign-in?back=/console/devices"))
    wrong = stranger.send("/console/sign-in", 401, name="kate", password="wrong")
    assert "name or password is wrong" in text(wrong.data.decode())
    right = stranger.send("/console/sign-in", 303, name="kate", password=SECRET, back="/console/devices")
    assert right.headers["Location"] == "/console/devices" and "HttpOnly" in right.headers["Set-Cookie"]


def test_nobody_is_led_out_of_the_console(admin: Person) -> None:
    for back in ("//elsewhere.example/", "/console/\\elsewhere", "https://elsewhere.example", "/api/v1"):
        answer = admin.send("/console/do/vder%20create", 200, name=f"v{len(back)}", back=back)
        assert "elsewhere" not in answer.data.decode()


def test_a_form_of_elsewhere_does_nothing(admin: Person) -> None:
    for fields in ({"csrf_token": ""}, {"csrf_token": "of another session"}):
        page = admin.send("/console/do/vder%20create", 403, name="solar", **fields).data.decode()
        assert "of another session" in text(page)
    admin.send("/console/sign-out", 403, csrf_token="")
    assert admin.see("/console/now")


def test_who_signs_out_is_out(admin: Person) -> None:
    admin.send("/console/sign-out", 303)
    assert admin.open("/console/now").status_code == 303


def test_pages_are_not_kept_and_load_nothing_of_elsewhere(admin: Person) -> None:
    answer = admin.open("/console/now")
    assert answer.headers["Content-Security-Policy"] == POLICY
    assert answer.headers["Cache-Control"] == "no-store"
    assert "//" not in text(answer.data.decode()) and "https://" not in answer.data.decode()


@pytest.mark.parametrize("href, status, why", [
    ("/console/nothing", 404, "nothing at /console/nothing"),
    ("/console/do/vder%20make", 404, "no operation 'vder make'"),
    ("/console/assets/x/nothing.js", 404, "no file 'nothing.js'")])
def test_what_is_not_there_is_a_page_with_a_remedy(admin: Person, href: str, status: int, why: str) -> None:
    assert why in text(admin.see(href, status))


def test_a_fault_of_the_server_is_a_page_without_a_traceback(
        admin: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("secret")
    monkeypatch.setattr("server.console.running.attempt", fail)
    page = text(admin.see("/console/settings", 500))
    assert "secret" not in page and "Traceback" not in page and "log" in page


def test_programs_still_get_problems(admin: Person) -> None:
    assert admin.open("/api/v1/nothing").headers["Content-Type"] == "application/problem+json"
