"""Tables of the people and programs who use the operator interface, and of how they sign in."""
from __future__ import annotations

from typing import Any

from peewee import (AutoField, BigIntegerField, BooleanField, DoubleField, ForeignKeyField, IntegerField,
                    TextField)

from server.models.base import JSON, Table
from server.models.changes import APPROVAL, NotedTable
from server.models.devices import vder_audience
from server.models.groups import VirtualDER


class OperatorUser(Table):
    """A person or a program that may sign in.

    `role` is one of `server.operators.roles`. `vder` is the virtual DER at which the rights end, NULL: they
    end nowhere. It cannot be deleted meanwhile, since nobody is to see more than before. `password` is an
    Argon2id hash in the PHC format, "" where no password lets in.
    """
    vder_id: int | None
    id = AutoField()
    name = TextField(unique=True)
    role = TextField()
    vder = ForeignKeyField(VirtualDER, null=True, on_delete="RESTRICT")
    password = TextField(default="")
    disabled = BooleanField(default=False)
    created_at = BigIntegerField()
    password_at = BigIntegerField(null=True)


class OperatorToken(Table):
    """What a program shows in place of a password, for a user.

    `hash` is the SHA-256 of its text, which is random. `role` and `vder` narrow what the user may do; ""
    and NULL do not.
    """
    user_id: int
    vder_id: int | None
    id = AutoField()
    user = ForeignKeyField(OperatorUser, on_delete="CASCADE", index=False)
    name = TextField()
    hash = TextField(unique=True)
    role = TextField(default="")
    vder = ForeignKeyField(VirtualDER, null=True, on_delete="RESTRICT")
    created_at = BigIntegerField()
    expires_at = BigIntegerField()
    last_used_at = BigIntegerField(null=True)

    class Meta:
        indexes = ((("user", "name"), True),)


class OperatorSession(Table):
    """Somebody who has signed in. `hash` is the SHA-256 of the cookie, `seen_at` the last use to the minute,
    `signed_in_by` a way of server.operators.sessions, `address` where it came from."""
    user_id: int
    hash = TextField(primary_key=True)
    user = ForeignKeyField(OperatorUser, on_delete="CASCADE")
    created_at = BigIntegerField()
    seen_at = BigIntegerField(index=True)
    signed_in_by = TextField(default="")
    address = TextField(default="")


class SignInFailure(Table):
    """Attempts to sign in that have failed since the last that did not, by the SHA-256 of a name or address:
    people type passwords where names belong."""
    key = TextField(primary_key=True)
    failures = IntegerField()
    failed_at = BigIntegerField(index=True)


class PowerLimit(Table):
    """Up to which power an order on a virtual DER, or below it, needs nobody else's approval (W)."""
    vder_id: int
    vder = ForeignKeyField(VirtualDER, primary_key=True, on_delete="CASCADE")
    orders_w = DoubleField()


class BalanceLimit(Table):
    """By how much the automatic balance of a virtual DER, or of one below it, may change its exchange (W)."""
    vder_id: int
    vder = ForeignKeyField(VirtualDER, primary_key=True, on_delete="CASCADE")
    change_w = DoubleField()


class Approval(NotedTable, Table):
    """An operation that was asked for and needs somebody else's approval.

    `arguments` are those of `operation`; it is done as it was asked before `valid_until`, or never.
    `signed_in` tells a user from a name on the local command line. `remark` is the reason of whoever decided,
    or why it could not be done any more.
    """
    vder_id: int
    WAITING, APPROVED, REJECTED, FAILED = "waiting", "approved", "rejected", "failed"
    id = AutoField()
    vder = ForeignKeyField(VirtualDER, on_delete="CASCADE")
    operation = TextField()
    arguments = JSON()
    power_w = DoubleField()
    limit_w = DoubleField()
    state = TextField(default=WAITING)
    reason = TextField(default="")
    requested_by = TextField()
    signed_in = BooleanField()
    requested_at = BigIntegerField(index=True)
    valid_until = BigIntegerField()
    decided_by = TextField(default="")
    decided_at = BigIntegerField(null=True)
    remark = TextField(default="")

    def state_change(self, created: bool, only: Any) -> tuple[str, str, str, dict[str, Any]] | None:
        """Return its state."""
        return APPROVAL, self.state, vder_audience(self.vder_id), {
            "vder": self.vder.name, "operation": self.operation}
