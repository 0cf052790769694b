"""Tokens: shown once, kept as hashes, for a while, and never for more than their user may do."""
from __future__ import annotations

import pytest

from server import clock
from server.errors import Refused
from server.grid.groups import virtualders
from server.models import OperatorToken
from server.operators import authentication, tokens, users
from server.operators.roles import Role
from tests.conftest import NOON

pytestmark = pytest.mark.usefixtures("server")
HOUR_S = 3600


def make(role: Role | None = None, vder: str = "", name: str = "desk") -> str:
    return tokens.create("kate", name, role, vder, HOUR_S)["token"]


def refused(text: str) -> str:
    with pytest.raises(Refused) as error:
        authentication.by_token(text)
    assert error.value.status == 401 and error.value.headers["WWW-Authenticate"] == "Bearer"
    return error.value.why


def test_a_token_stands_for_its_user_until_it_expires() -> None:
    users.create("kate", Role.OPERATOR)
    text = make()
    assert authentication.by_token(text) == ("kate", Role.OPERATOR, None)
    clock.turn_to(NOON + HOUR_S)
    assert "has expired" in refused(text)


def test_its_text_is_not_kept() -> None:
    users.create("kate", Role.OPERATOR)
    text = make()
    assert text.startswith("counterpoise_") and text not in repr(list(OperatorToken.select().dicts()))
    assert all("token" not in row for row in tokens.list_tokens())


@pytest.mark.parametrize("text", ["", "counterpoise_", "nonsense", "x" * 10_000, "\0"])
def test_what_is_no_token_is_refused(text: str) -> None:
    assert "no token" in refused(text)


def test_a_token_ends_with_its_user() -> None:
    users.create("kate", Role.OPERATOR)
    text = make()
    users.update("kate", disabled=True)
    assert "disabled" in refused(text)
    users.remove("kate")
    assert "no token" in refused(text)


def test_a_revoked_token_lets_nobody_in() -> None:
    users.create("kate", Role.OPERATOR)
    text = make()
    tokens.revoke("kate", "desk")
    assert "revoked" in refused(text)
    with pytest.raises(Refused, match="kate has no token 'desk'"):
        tokens.revoke("kate", "desk")


def test_a_token_narrows_and_never_widens() -> None:
    virtualders.create("street")
    virtualders.create("solar", parent="street")
    virtualders.create("road")
    users.create("kate", Role.OPERATOR, "street")
    principal = authentication.by_token(make(Role.VIEWER, "solar"))
    assert principal == ("kate", Role.VIEWER, virtualders.find("solar"))
    with pytest.raises(Refused, match="kate has the role operator, which is less"):
        make(Role.APPROVER, name="more")
    with pytest.raises(Refused, match="the rights of kate end at street"):
        make(vder="road", name="more")


def test_a_token_narrows_what_its_user_may_do_now() -> None:
    virtualders.create("street")
    virtualders.create("road")
    users.create("kate", Role.OPERATOR)
    wide, narrow = make(Role.OPERATOR), make(vder="road", name="narrow")
    users.update("kate", Role.VIEWER, "street")
    assert authentication.by_token(wide) == ("kate", Role.VIEWER, virtualders.find("street"))
    assert "no rights in any more" in refused(narrow)


def test_the_last_use_is_noted_to_the_hour() -> None:
    users.create("kate", Role.OPERATOR)
    text = tokens.create("kate", "desk", None, "", 3 * HOUR_S)["token"]
    for at, noted in ((NOON, NOON), (NOON + 60, NOON), (NOON + HOUR_S + 1, NOON + HOUR_S + 1)):
        clock.turn_to(at)
        authentication.by_token(text)
        assert tokens.list_tokens("kate")[0]["last_used_at"] == noted


def test_two_tokens_of_a_user_have_two_names() -> None:
    users.create("kate", Role.OPERATOR)
    make()
    with pytest.raises(Refused, match="has a token 'desk' already"):
        make()
