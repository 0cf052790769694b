"""Who it is: by a token, a certificate, or a name and a password, which start a session."""
from __future__ import annotations

import logging
from typing import Any

from server import actors, audit
from server.actors import Actor
from server.errors import BadArgument, Refused
from server.models import OperatorUser
from server.operators import certificates, passwords, sessions, throttling, tokens, users
from server.operators.principals import Principal, of

log = logging.getLogger(__name__)
_WRONG = "name or password is wrong, or the user is disabled"


def by_token(text: str) -> Principal:
    """Return for whom a token stands. Refused (401) where it is none, has expired or was revoked, or where
    its user is disabled."""
    return tokens.principal(text)


def by_certificate(der: bytes) -> Principal:
    """Return whom an operator's certificate names, of which TLS has verified that its key is there. Refused
    (401) where it has ended, was revoked, or names nobody who may sign in."""
    return certificates.principal(der)


def by_password(name: str, password: str, address: str = "") -> Principal:
    """Return the user of a name and a password; `address` is where the attempt comes from.

    Refused (401) where they do not belong together, or the user is disabled; which of these is not said.
    Refused (429, with Retry-After) after too many attempts with this name, or from this address.
    """
    return of(_user(name, password, address))


def sign_in(name: str, password: str, address: str = "") -> str:
    """Start a session by a name and a password, and return its cookie. Refused as `by_password`."""
    return sessions.start(_user(name, password, address), sessions.PASSWORD, address)


def change_password(
    principal: Principal, present: str, password: str, address: str = ""
) -> OperatorUser:
    """Set one's own password, which ends all sessions. Refused (400) where the present one is another, and
    (429) as `by_password`."""
    if not password:
        raise BadArgument("password", "a value is needed")
    try:
        user = _user(principal.name, present, address)
    except Refused as refused:
        if refused.status != 401:
            raise
        raise BadArgument("present", "it is not your present password") from None
    with actors.acting(user.name, signed_in=True):
        return users.set_password(user.name, password)


def _user(name: str, password: str, address: str) -> OperatorUser:
    throttling.check(name, address)
    user = OperatorUser.get_or_none(OperatorUser.name == name)
    matches = passwords.matches(password, user.password if user is not None else "")
    if user is None or not matches or user.disabled:
        throttling.failed(name, address)
        note_refusal(user, sessions.PASSWORD, address)
        raise Refused(401, _WRONG)
    throttling.succeeded(name, address)
    return user


def note_refusal(user: OperatorUser | None, by: str, address: str) -> None:
    """Note an attempt to sign in that was refused: that of a user in the audit log. Other names are not
    noted, since people type passwords where names belong."""
    if user is None:
        log.warning("an attempt to sign in by %s as nobody known was refused; it came from %s", by, address)
        return
    state: dict[str, Any] = {"by": by, "address": address}
    audit.add(Actor(""), "sign-in refused", user.name, None, state)
