"""Whether somebody may do something: by role, by part of the tree, and never with files of the server."""
from __future__ import annotations

from typing import Any

import pytest

from server import actors, operations, scopes
from server.errors import Refused
from server.grid.groups import virtualders
from server.operations.declaration import Operation
from server.operators import authorisation
from server.operators.principals import Principal
from server.operators.roles import Role

pytestmark = pytest.mark.usefixtures("server")


def operation(name: str) -> Operation:
    return next(found for group in operations.MODULES for found in operations.load(group).walk()
                if found.name == name)


def check(principal: Principal, name: str, **values: Any) -> None:
    with authorisation.acting(principal):
        authorisation.check(principal, operation(name), values)


def test_a_role_that_includes_less_is_refused() -> None:
    check(Principal("kate", Role.OPERATOR, None), "dispatch order")
    with pytest.raises(Refused, match="dispatch order needs the role operator, and kate has viewer") as error:
        check(Principal("kate", Role.VIEWER, None), "dispatch order")
    assert error.value.status == 403


def test_what_concerns_more_is_refused_to_those_whose_rights_end() -> None:
    virtualders.create("street")
    kate = Principal("kate", Role.ADMINISTRATOR, virtualders.find("street"))
    with pytest.raises(Refused, match="user list concerns more than street, where your rights end"):
        check(kate, "user list")


def test_files_of_the_server_are_for_the_command_line_there() -> None:
    kate = Principal("kate", Role.ADMINISTRATOR, None)
    check(kate, "audit verify", archive=None)
    with pytest.raises(Refused, match="files on the server's machine"):
        check(kate, "audit verify", archive="/etc")


def test_a_check_where_everything_is_visible_is_an_error() -> None:
    virtualders.create("street")
    kate = Principal("kate", Role.ADMINISTRATOR, virtualders.find("street"))
    with pytest.raises(RuntimeError):
        authorisation.check(kate, operation("vder list"), {})
    with actors.acting("kate"), pytest.raises(RuntimeError):
        authorisation.check(kate, operation("vder list"), {})


def test_who_acts_is_known_to_have_signed_in() -> None:
    with authorisation.acting(Principal("kate", Role.VIEWER, None), "storm"):
        actor = actors.actor()
        assert actor is not None and actor == ("kate", "storm", True) and scopes.top() is None
