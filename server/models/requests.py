"""Requests of operators' programs that are not done twice, and those that are done later."""
from __future__ import annotations

from peewee import (AutoField, BigIntegerField, BooleanField, CompositeKey, ForeignKeyField, IntegerField,
                    TextField)

from server.models.base import JSON, Table
from server.models.groups import VirtualDER


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


class OperatorJob(Table):
    """An operation that is done later, in the name of who asked: a user, with the rights of the time.

    `arguments` are its values, with files in base64; `accepted` is the media type that is wanted of it. It is
    waiting, running, done or failed, and has `changed` something or not; `step` is being done, `done` of
    `total`. `claim` and `claimed_at` are of the process that does it, the latter by the system's clock.
    `status` and `answer` are what a request would have been answered.
    """
    WAITING, RUNNING, DONE, FAILED = "waiting", "running", "done", "failed"
    vder_id: int | None
    id = AutoField()
    who = TextField()
    role = TextField()
    vder = ForeignKeyField(VirtualDER, null=True, on_delete="CASCADE")
    reason = TextField(default="")
    operation = TextField()
    arguments = JSON()
    accepted = TextField(default="")
    state = TextField(default=WAITING, index=True)
    changed = BooleanField(default=False)
    step = TextField(default="")
    done = IntegerField(default=0)
    total = IntegerField(default=0)
    attempts = IntegerField(default=0)
    claim = TextField(default="")
    claimed_at = BigIntegerField(default=0)
    created_at = BigIntegerField(index=True)
    started_at = BigIntegerField(null=True)
    ended_at = BigIntegerField(null=True)
    status = IntegerField(null=True)
    content_type = TextField(default="")
    answer = TextField(null=True)
