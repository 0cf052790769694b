"""Who it is: by a token, or by a name and a password."""
from __future__ import annotations

from server.errors import Refused
from server.models import OperatorUser
from server.operators import passwords, throttling, tokens
from server.operators.principals import Principal
from server.operators.roles import Role

_WRONG = "name or password is wrong, or the user is disabled"


def by_token(text: str) -> Principal:
    """Return for whom a token stands. Refused (401) where it is none, has expired or was revoked, or where
    its user is disabled."""
    return tokens.principal(text)


def by_password(name: str, password: str, address: str = "") -> Principal:
    """Return the user of a name and a password; `address` is where the attempt comes from.

    Refused (401) where they do not belong together, or the user is disabled; which of these is not said.
    Refused (429, with Retry-After) after too many attempts with this name, or from this address.
    """
    throttling.check(name, address)
    user = OperatorUser.get_or_none(OperatorUser.name == name)
    matches = passwords.matches(password, user.password if user is not None else "")
    if user is None or not matches or user.disabled:
        throttling.failed(name, address)
        raise Refused(401, _WRONG)
    throttling.succeeded(name, address)
    return principal(user)


def principal(user: OperatorUser) -> Principal:
    """A user as one who asks for something."""
    return Principal(user.name, Role(user.role), user.vder)
