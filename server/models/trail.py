"""The audit trail: who changed what, and why, each entry chained to the one before by its hash."""
from __future__ import annotations

from peewee import AutoField, BigIntegerField, TextField

from server.models.base import JSON, Table


class Audit(Table):
    """One change of state by an operator. `hash` is SHA-256 over the entry and the `previous` entry's hash, so that an entry
    that is altered or missing shows."""
    id = AutoField()
    at = BigIntegerField()
    who = TextField()
    what = TextField()
    subject = TextField(default="")
    before = JSON(null=True)
    after = JSON(null=True)
    reason = TextField(default="")
    previous = TextField()
    hash = TextField(unique=True)
