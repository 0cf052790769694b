"""The table of alarms."""
from typing import Any

import peewee
from peewee import AutoField, BigIntegerField, TextField


def up(migrator: Any, db: peewee.Database) -> None:
    class AlarmRecord(peewee.Model):
        id = AutoField()
        kind = TextField()
        source = TextField()
        severity = TextField()
        detail = TextField()
        remedy = TextField()
        since = BigIntegerField()
        last_at = BigIntegerField()
        times = BigIntegerField(default=1)
        lapses_at = BigIntegerField(null=True)
        cleared_at = BigIntegerField(null=True, index=True)

        class Meta:
            database = db
            legacy_table_names = False

    AlarmRecord.add_index(AlarmRecord.index(
        AlarmRecord.kind, AlarmRecord.source, unique=True, where=peewee.SQL("cleared_at IS NULL")))
    db.create_tables([AlarmRecord])
