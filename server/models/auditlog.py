"""The audit log: who changed what, and why. Each entry carries the hash of the entry before."""
from __future__ import annotations

from peewee import BigIntegerField, TextField

from server.models.base import JSON, Table


class AuditEntry(Table):
    """One change of state by an operator.

    Entries are numbered without gaps. `hash` is SHA-256 over the entry and the hash of the `previous` entry,
    so an altered or missing entry shows, and no entry has two successors.
    """
    id = BigIntegerField(primary_key=True)
    at = BigIntegerField()
    who = TextField()
    operation = TextField()
    subject = TextField(default="")
    before = JSON(null=True)
    after = JSON(null=True)
    reason = TextField(default="")
    previous = TextField(unique=True)
    hash = TextField(unique=True)
