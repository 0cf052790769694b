"""The page of users and tokens."""
from __future__ import annotations

from collections.abc import Callable

import pytest

from server.operators import tokens, users
from server.operators.roles import Role
from tests.conftest import on_sqlite
from tests.server.console.conftest import Person, text
from tests.server.operators.conftest import _quick  # noqa: F401

pytestmark = on_sqlite
HREF = "/console/users"


def test_users_and_tokens_are_made_and_taken_back(admin: Person) -> None:
    assert "No token yet" in text(admin.see(HREF))
    admin.do("user create", 303, name="kate", role="operator", password="a window over the yard", back=HREF)
    page = admin.see(f"{HREF}/kate")
    assert "operator" in text(page) and "No token." in text(page) and "window" not in page
    made = text(admin.do("token create", user="kate", name="desk", lifetime_s="30d"))
    assert tokens.list_tokens("kate")[0]["name"] == "desk" and "Token" in made
    assert "desk" in text(admin.see(f"{HREF}/kate")) and "desk" in text(admin.see(HREF))
    asked = admin.do("token revoke", user="kate", name="desk", back=HREF)
    assert "Revoke the token desk of kate?" in text(asked) and tokens.list_tokens("kate")
    admin.do("token revoke", 303, user="kate", name="desk", yes="true", back=HREF)
    assert tokens.list_tokens("kate") == []
    admin.do("user disable", 303, user="kate", back=f"{HREF}/kate")
    assert users.describe(users.find("kate"))["disabled"]


def test_somebody_who_is_not_there(admin: Person) -> None:
    admin.see(f"{HREF}/nobody", 404)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR, Role.APPROVER])
def test_who_may_not(person: Callable[..., Person], role: Role) -> None:
    somebody = person(role)
    somebody.do("user create", 403, name="kate", role="operator")
    assert users.list_users() and "Users and tokens" not in somebody.see("/console/alarms")
