"""Who asks for something."""
from __future__ import annotations

from typing import NamedTuple

from server.models import OperatorUser, VirtualDER
from server.operators.roles import Role


class Principal(NamedTuple):
    """A user who has signed in, or for whom a token came: the name that the audit log has, the role, and the
    virtual DER at which the rights end; None where they end nowhere."""
    name: str
    role: Role
    subtree: VirtualDER | None


def of(user: OperatorUser) -> Principal:
    """A user as one who asks for something."""
    return Principal(user.name, Role(user.role), user.vder)
