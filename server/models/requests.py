"""Requests of operators' programs that are not done twice."""
from __future__ import annotations

from peewee import BigIntegerField, CompositeKey, IntegerField, TextField

from server.models.base import Table


class KeyedRequest(Table):
    """A request with an Idempotency-Key of a user: what was asked, as a `digest`, and what it was answered.

    `state` is running, changed (something, and the answer is not known yet) or done. `claim` is a random
    text of whoever does it, `claimed_at` when that began by the system's clock; both in seconds UTC.
    `answer` is NULL where it is not kept.
    """
    RUNNING, CHANGED, DONE = "running", "changed", "done"
    who = TextField()
    key = TextField()
    operation = TextField()
    digest = TextField()
    state = TextField(default=RUNNING)
    claim = TextField()
    claimed_at = BigIntegerField()
    created_at = BigIntegerField(index=True)
    status = IntegerField(null=True)
    content_type = TextField(default="")
    answer = TextField(null=True)

    class Meta:
        primary_key = CompositeKey("who", "key")
