"""Files that devices load: their bytes in parts, and how far each device is."""
from typing import Any

import peewee
from peewee import (BigAutoField, BigIntegerField, BlobField, CompositeKey, IntegerField, SmallIntegerField,
                    TextField)

COMPATIBLE_FROM = "0044_subscriptions"


def up(migrator: Any, db: peewee.Database) -> None:
    class FileContent(peewee.Model):
        id = BigAutoField()
        href = TextField(null=True, unique=True)
        name = TextField()
        size = BigIntegerField()
        sha256 = TextField()
        created_at = BigIntegerField()

        class Meta:
            database = db
            legacy_table_names = False

    class FilePart(peewee.Model):
        content = BigIntegerField()
        number = IntegerField()
        data = BlobField()

        class Meta:
            database = db
            legacy_table_names = False
            primary_key = CompositeKey("content", "number")

    class FileProgress(peewee.Model):
        file = TextField()
        lfdi = TextField(index=True)
        status = SmallIntegerField()
        percent = SmallIntegerField()
        status_at = BigIntegerField()
        received_at = BigIntegerField()
        next_attempt_at = BigIntegerField()
        busy_answers = IntegerField()
        failed_requests = IntegerField()
        history = TextField()

        class Meta:
            database = db
            legacy_table_names = False
            primary_key = CompositeKey("file", "lfdi")
            indexes = ((("file", "status", "lfdi"), False),)

    db.create_tables([FileContent, FilePart, FileProgress])
