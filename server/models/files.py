"""Tables of files that devices load: their bytes, and how far each device is."""
from __future__ import annotations

from peewee import (BigAutoField, BigIntegerField, BlobField, CompositeKey, IntegerField, SmallIntegerField,
                    TextField)

from server.models.base import JSON, Table


class FileContent(Table):
    """The bytes of a File that this server serves: how many, and their SHA-256 (hexadecimal).

    `href` is that of the File, null until all bytes are stored. `name` is that of the operator's file.
    """
    id = BigAutoField()
    href = TextField(null=True, unique=True)
    name = TextField()
    size = BigIntegerField()
    sha256 = TextField()
    created_at = BigIntegerField()


class FilePart(Table):
    """A part of the bytes, from `number` times the length of a part on."""
    content = BigIntegerField()
    number = IntegerField()
    data = BlobField()

    class Meta:
        primary_key = CompositeKey("content", "number")


class FileProgress(Table):
    """How far a device is with a File, by its FileStatus. Instants are UTC seconds.

    `status_at` is by the clock of the device, `received_at` by ours. `busy_answers` and `failed_requests` are
    its own counts. `history` has each change of status as [status, status_at, received_at], the last ones.
    """
    file = TextField()
    lfdi = TextField(index=True)
    status = SmallIntegerField()
    percent = SmallIntegerField()
    status_at = BigIntegerField()
    received_at = BigIntegerField()
    next_attempt_at = BigIntegerField()
    busy_answers = IntegerField()
    failed_requests = IntegerField()
    history = JSON()

    class Meta:
        primary_key = CompositeKey("file", "lfdi")
        indexes = ((("file", "status", "lfdi"), False),)
