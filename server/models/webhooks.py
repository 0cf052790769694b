"""Webhooks: where programs are told of changes of state, and how far each has been told."""
from __future__ import annotations

from peewee import AutoField, BigIntegerField, ForeignKeyField, TextField

from server.models.base import JSON, Table
from server.models.groups import VirtualDER


class Webhook(Table):
    """A receiver of changes of state.

    `kinds` are those that it is told of, none: all; `vder` restricts them to a virtual DER and what belongs
    to it. `secret` is the key of the signature (base64). It has been told of the changes up to `position`;
    `until` is that of the last change of a message which failed, and is sent again as it was. `due_at` is
    when to try next, or when another worker may take over; `failing_since` is null unless the last attempt
    failed.
    `given_up_at` is null as long as it is tried.
    """
    vder_id: int | None
    id = AutoField()
    name = TextField(unique=True)
    url = TextField()
    kinds = JSON(default=list)
    vder = ForeignKeyField(VirtualDER, null=True, on_delete="CASCADE")
    secret = TextField()
    created_at = BigIntegerField()
    position = BigIntegerField()
    until = BigIntegerField(null=True)
    due_at = BigIntegerField(default=0, index=True)
    failing_since = BigIntegerField(null=True)
    last_error = TextField(default="")
    told_at = BigIntegerField(null=True)
    given_up_at = BigIntegerField(null=True)
