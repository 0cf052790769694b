"""The local command line: whoever uses it holds the database, and is who they say they are.

Once there are users, entries of the audit log tell it from those who have signed in, and it approves nothing.
"""
from __future__ import annotations

from server import actors
from server.errors import Refused
from server.models import OperatorUser
from server.operators.roles import Role


def has_users() -> bool:
    """Whether there is any user."""
    return bool(OperatorUser.select(OperatorUser.id).limit(1).exists())


def actor(name: str) -> str:
    """How the audit log calls somebody of the local command line."""
    return actors.local(name) if has_users() else name


def check(operation: str, role: Role) -> None:
    """Refuse (403) what needs an approver, once there are users: a name on the command line proves
    nothing."""
    if role is Role.APPROVER and has_users():
        raise Refused(403, f"{operation} is for somebody who has signed in: once there are users, the local "
                           "command line approves nothing")
