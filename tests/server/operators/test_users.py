"""Users: made, changed, disabled, removed; and what the local command line may not do once there are any."""
from __future__ import annotations

import json

import pytest

from server import actors, audit
from server.errors import Refused
from server.grid.groups import virtualders
from server.models import OperatorUser
from server.operators import authentication, local, users
from server.operators.roles import Role

PASSWORD = "a window over the yard"
pytestmark = pytest.mark.usefixtures("server")


def test_a_user_is_made_and_signs_in() -> None:
    virtualders.create("street")
    users.create("kate", Role.OPERATOR, "street", PASSWORD)
    principal = authentication.by_password("kate", PASSWORD)
    assert (principal.name, principal.role) == ("kate", Role.OPERATOR)
    assert principal.subtree == virtualders.find("street")


def test_no_password_is_in_the_audit_log_or_the_table() -> None:
    with actors.acting("root"):
        users.create("kate", Role.VIEWER, password=PASSWORD)
        users.set_password("kate", PASSWORD + " and the wall")
    text = json.dumps([audit.entries(), list(OperatorUser.select().dicts())])
    assert PASSWORD not in text and [entry["operation"] for entry in audit.entries()] == [
        "user create", "user password"]


@pytest.mark.parametrize("name", ["", "Kate", "kate smith", "käthe", "-kate", "k" * 65, "kate\n"])
def test_names_that_could_be_taken_for_another_are_refused(name: str) -> None:
    with pytest.raises(Refused, match="a-z, 0-9"):
        users.create(name, Role.VIEWER)


def test_a_name_is_given_once() -> None:
    users.create("kate", Role.VIEWER)
    with pytest.raises(Refused, match="there is a user kate already"):
        users.create("kate", Role.VIEWER)


def test_a_wrong_name_is_answered_with_one_that_is_meant() -> None:
    users.create("kate", Role.VIEWER)
    with pytest.raises(Refused, match="no user 'kata'.*kate"):
        users.find("kata")


def test_who_is_disabled_or_has_no_password_does_not_sign_in() -> None:
    users.create("kate", Role.VIEWER, password=PASSWORD)
    users.create("desk", Role.VIEWER)
    users.update("kate", disabled=True)
    for name, password in (("kate", PASSWORD), ("desk", ""), ("nobody", PASSWORD)):
        with pytest.raises(Refused, match="name or password is wrong") as refused:
            authentication.by_password(name, password)
        assert refused.value.status == 401
    users.update("kate", disabled=False)
    assert authentication.by_password("kate", PASSWORD).name == "kate"


def test_rights_end_elsewhere_or_nowhere() -> None:
    virtualders.create("street")
    users.create("kate", Role.VIEWER, "street")
    users.update("kate", vder="")
    assert users.describe(users.find("kate"))["vder"] is None
    with pytest.raises(Refused, match="there is no virtual DER"):
        users.update("kate", vder="road")


def test_a_virtual_der_at_which_rights_end_is_not_deleted() -> None:
    """Nobody is to see more than before, since something was deleted."""
    virtualders.create("street")
    users.create("kate", Role.VIEWER, "street")
    with pytest.raises(Refused, match="rights of kate end at street"):
        virtualders.delete("street")
    users.update("kate", vder="")
    virtualders.delete("street")


def test_the_local_command_line_approves_nothing_once_there_are_users() -> None:
    local.check("plan approve", Role.APPROVER)
    assert local.actor("kate") == "kate"
    users.create("kate", Role.ADMINISTRATOR)
    with pytest.raises(Refused, match="approves nothing"):
        local.check("plan approve", Role.APPROVER)
    local.check("plan publish", Role.OPERATOR)
    assert local.actor("kate") == "kate (command line)"
