"""Users: made, changed, disabled and removed by administrators."""
from __future__ import annotations

import re
from typing import Any, TypedDict

from server import audit, clock
from server.errors import BadArgument, Refused
from server.grid.groups import virtualders
from server.models import KeyedRequest, OperatorJob, OperatorToken, OperatorUser, VirtualDER
from server.operators import passwords, sessions
from server.operators.roles import Role
from server.resources import namehints, store
from server.units import Instant

# Names that look alike are no two users': no capitals, no blanks, nothing beyond ASCII.
_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")


class UserRow(TypedDict):
    """A user; `vder` is the virtual DER at which the rights end, None where they end nowhere, `tokens` the
    number of those that have not expired."""
    name: str
    role: str
    vder: str | None
    disabled: bool
    has_password: bool
    tokens: int
    created_at: Instant
    password_at: Instant | None


class RemovedUser(TypedDict):
    removed: str


def _state(user: str | OperatorUser) -> dict[str, Any]:
    """What the audit log records of a user."""
    row = find(user if isinstance(user, str) else user.name)
    return {"name": row.name, "role": row.role, "vder": row.vder.name if row.vder is not None else None,
            "disabled": row.disabled, "password_at": row.password_at}


@audit.audited("user create", "{name}", answer=_state)
def create(name: str, role: Role, vder: str = "", password: str = "") -> OperatorUser:
    """Make a user. Without a password only tokens let in. Refused (409) where the name is taken."""
    if not _NAME.fullmatch(name):
        raise BadArgument("name", f"{name!r} is not 1 to 64 of a-z, 0-9 and . _ @ -, a letter or digit first")
    top = subtree(vder)
    stored = _hashed(password, name)
    with store.transaction():
        if OperatorUser.get_or_none(OperatorUser.name == name) is not None:
            raise Refused(409, f"there is a user {name} already")
        return OperatorUser.create(name=name, role=role, vder=top, created_at=clock.now(), **stored)


def subtree(vder: str) -> VirtualDER | None:
    """The virtual DER at which rights are to end; None for "". Refused (404, 409) where it cannot be."""
    if not vder:
        return None
    row = virtualders.find(vder)
    if row.device_id is not None or row.deleting:
        raise Refused(409, f"{row.name} is {'to be deleted' if row.deleting else 'of a single device'}: "
                           "specify another virtual DER")
    return row


def _hashed(password: str, name: str) -> dict[str, Any]:
    if not password:
        return {"password": "", "password_at": None}
    passwords.check(password, name)
    return {"password": passwords.hashed(password), "password_at": clock.now()}


def find(name: str) -> OperatorUser:
    """Return the user of this name. Refused (404) where there is none."""
    row = OperatorUser.get_or_none(OperatorUser.name == name)
    if row is None:
        names = [user.name for user in OperatorUser.select(OperatorUser.name)]
        raise Refused(404, f"there is no user {name!r}{namehints.meant(name, names)}")
    return row


@audit.audited("user update", "{name}", state=_state)
def update(
    name: str, role: Role | None = None, vder: str | None = None, disabled: bool | None = None
) -> None:
    """Change what a user may do, from the next request on; None leaves it, and "" ends rights nowhere.

    It signs the user out everywhere; tokens of who is disabled let in again once their user is enabled.
    """
    top = subtree(vder) if vder is not None else None
    with store.transaction():
        row = find(name)
        before = row.role, row.vder_id, row.disabled
        if role is not None:
            row.role = role
        if vder is not None:
            row.vder = top
        if disabled is not None:
            row.disabled = disabled
        row.save()
        if (row.role, row.vder_id, row.disabled) != before:
            sessions.end_all(row)


@audit.audited("user password", "{name}", answer=_state)
def set_password(name: str, password: str) -> OperatorUser:
    """Set another password, and sign the user out everywhere; "" for none. Tokens stay."""
    stored = _hashed(password, find(name).name)
    with store.transaction():
        row = find(name)
        row.__data__.update(stored)
        row.save(only=list(stored))
        sessions.end_all(row)
    return row


@audit.audited("user remove", "{name}", state=_state)
def remove(name: str) -> None:
    """Remove a user with all tokens and sessions. The audit log keeps the name.

    What was answered to a user of this name is for no other who gets it later.
    """
    with store.transaction():
        find(name).delete_instance()
        for table in (OperatorJob, KeyedRequest):
            table.delete().where(table.who == name).execute()


def describe(user: OperatorUser) -> UserRow:
    """Return a user as users are listed."""
    return {
        "name": user.name,
        "role": user.role,
        "vder": user.vder.name if user.vder is not None else None,
        "disabled": user.disabled,
        "has_password": bool(user.password),
        "tokens": OperatorToken.select().where(
            (OperatorToken.user == user) & (OperatorToken.expires_at > clock.now())).count(),
        "created_at": user.created_at,
        "password_at": user.password_at,
    }


def list_users() -> list[UserRow]:
    """Return all users, by name."""
    return [describe(user) for user in OperatorUser.select().order_by(OperatorUser.name)]
