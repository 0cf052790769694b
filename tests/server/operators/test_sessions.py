"""Sessions: started, used, ended by signing out, idleness, their age and by what changes one's rights."""
from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from server import audit, clock
from server.config import settings
from server.errors import Refused
from server.grid.groups import virtualders
from server.models import OperatorSession
from server.operators import authentication, sessions, users
from server.operators.principals import Principal
from server.operators.roles import Role
from tests.conftest import NOON

PASSWORD = "a window over the yard"
pytestmark = pytest.mark.usefixtures("server")


@pytest.fixture
def cookie(server: None) -> str:
    """The cookie of kate, who has signed in."""
    clock.turn_to(NOON)
    virtualders.create("street")
    users.create("kate", Role.OPERATOR, "street", PASSWORD)
    return authentication.sign_in("kate", PASSWORD, "10.1.2.3")


def ended(cookie: str) -> bool:
    try:
        return not sessions.principal(cookie)
    except Refused as refused:
        assert refused.status == 401 and "sign in again" in refused.why
        return True


def test_who_has_signed_in_is_known_by_the_cookie(cookie: str) -> None:
    assert sessions.principal(cookie) == Principal("kate", Role.OPERATOR, virtualders.find("street"))
    assert sessions.show(cookie) == {
        "user": "kate", "role": "operator", "vder": "street", "signed_in_by": "password",
        "address": "10.1.2.3", "since": NOON, "until": NOON + 1800, "ends_at": NOON + 43_200}


def test_the_cookie_is_nowhere_in_the_database(cookie: str) -> None:
    assert cookie not in json.dumps([audit.entries(), list(OperatorSession.select().dicts())])
    assert sessions.form_key(cookie) == sessions.form_key(cookie) != cookie


def test_whoever_does_nothing_is_signed_out(cookie: str) -> None:
    for _ in range(3):
        clock.advance(1799)
        assert not ended(cookie)
    clock.advance(1799)
    assert sessions.principal(cookie, used=False)
    clock.advance(1)
    assert ended(cookie)


def test_the_last_use_is_noted_once_a_minute(cookie: str) -> None:
    seen = []
    for advance_s in (59, 1, 59):
        clock.advance(advance_s)
        sessions.principal(cookie)
        seen.append(OperatorSession.get().seen_at - NOON)
    assert seen == [0, 60, 60]


def test_it_ends_in_any_case_after_its_time(cookie: str) -> None:
    for _ in range(43_200 // 1200 - 1):
        clock.advance(1200)
        assert not ended(cookie)
    assert sessions.show(cookie)["until"] == NOON + 43_200
    clock.advance(1200)
    assert ended(cookie)


def test_a_clock_that_runs_faster_makes_it_no_shorter(cookie: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "rate", lambda: 60.0)
    clock.advance(1800 * 60 - 1)
    assert not ended(cookie)
    clock.advance(1800 * 60)
    assert ended(cookie)


def test_signing_out_ends_it_and_is_noted_with_signing_in(cookie: str) -> None:
    sessions.end(cookie)
    sessions.end(cookie)
    assert ended(cookie)
    assert [(entry["operation"], entry["who"], entry["subject"], entry["after"]["address"])
            for entry in audit.entries()] == [("sign in", "kate", "kate", "10.1.2.3"),
                                              ("sign out", "kate", "kate", "10.1.2.3")]


@pytest.mark.parametrize("change", [
    lambda: users.update("kate", disabled=True), lambda: users.update("kate", role=Role.VIEWER),
    lambda: users.update("kate", vder=""), lambda: users.set_password("kate", PASSWORD + " and the wall"),
    lambda: users.remove("kate")])
def test_what_changes_ones_rights_ends_it(cookie: str, change: Callable[[], object]) -> None:
    users.update("kate", role=Role.OPERATOR)
    assert not ended(cookie)
    change()
    assert ended(cookie) and not OperatorSession.select().exists()


def test_what_has_ended_is_removed_and_one_user_has_so_many_at_once(cookie: str) -> None:
    user = users.find("kate")
    others = [sessions.start(user, sessions.PASSWORD) for _ in range(sessions.MOST)]
    assert OperatorSession.select().count() == sessions.MOST
    assert sum(map(ended, (cookie, *others))) == 1
    clock.advance(settings.session_idle_s)
    sessions.start(user, sessions.PASSWORD)
    assert OperatorSession.select().count() == 1


def test_ones_own_password_needs_the_present_one(cookie: str) -> None:
    kate, another = sessions.principal(cookie), PASSWORD + " and the wall"
    for present, password, why in ((PASSWORD + "s", another, "present: it is not your present password"),
                                   (PASSWORD, "short", "12 to 1000"), (PASSWORD, "", "a value is needed")):
        with pytest.raises(Refused, match=why):
            authentication.change_password(kate, present, password)
    assert not ended(cookie)
    authentication.change_password(kate, PASSWORD, another)
    assert ended(cookie) and authentication.by_password("kate", another).name == "kate"
    assert audit.entries()[-1]["operation"] == "user password" and audit.entries()[-1]["who"] == "kate"


def test_who_fails_is_noted_by_the_name_of_a_user_and_by_no_other(server: None) -> None:
    """People type passwords where names belong."""
    users.create("kate", Role.VIEWER, password=PASSWORD)
    for name, password in (("kate", "wrong"), (PASSWORD, "kate")):
        with pytest.raises(Refused, match="name or password is wrong"):
            authentication.sign_in(name, password, "10.1.2.3")
    entry, = audit.entries()
    assert (entry["operation"], entry["who"], entry["subject"]) == ("sign-in refused", "", "kate")
    assert entry["after"] == {"by": "password", "address": "10.1.2.3"}
