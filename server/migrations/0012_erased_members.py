"""The figures of past events for devices that were erased."""
from typing import Any

import peewee
from peewee import BigIntegerField, CompositeKey, DoubleField, TextField

COMPATIBLE_FROM = "0011_pending_capacity"


def up(migrator: Any, db: peewee.Database) -> None:
    class ErasedMember(peewee.Model):
        event = TextField()
        lfdi = TextField()
        ended_at = BigIntegerField(index=True)
        figures = TextField()
        baseline_error_w = DoubleField(default=0.0)

        class Meta:
            database = db
            legacy_table_names = False
            primary_key = CompositeKey("event", "lfdi")

    db.create_tables([ErasedMember])
