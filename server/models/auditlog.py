"""The audit trail: who changed what, and why, each entry chained to the one before by its hash."""
from __future__ import annotations

from peewee import BigIntegerField, TextField

from server.models.base import JSON, Table


class AuditEntry(Table):
    """One change of state by an operator. Entries are numbered without gaps. `hash` is SHA-256 over the entry
    and the `previous` entry's hash, so that one that is altered or missing shows, and none has two that
    follow it."""
    id = BigIntegerField(primary_key=True)
    at = BigIntegerField()
    who = TextField()
    what = TextField()
    subject = TextField(default="")
    before = JSON(null=True)
    after = JSON(null=True)
    reason = TextField(default="")
    previous = TextField(unique=True)
    hash = TextField(unique=True)
