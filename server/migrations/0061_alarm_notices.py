"""Alarms are acknowledged, and who is told of them is in an outbox."""
from typing import Any

import peewee
from peewee import BigAutoField, BigIntegerField, ForeignKeyField, TextField

COMPATIBLE_FROM = "0050_profiles"


def up(migrator: Any, db: peewee.Database) -> None:
    class AlarmRecord(peewee.Model):
        class Meta:
            database = db
            legacy_table_names = False

    class AlarmNotice(peewee.Model):
        id = BigAutoField()
        alarm = ForeignKeyField(AlarmRecord, on_delete="CASCADE")
        change = TextField()
        channel = TextField()
        at = BigIntegerField()
        due_at = BigIntegerField()
        failing_since = BigIntegerField(null=True)
        last_error = TextField(null=True)

        class Meta:
            database = db
            legacy_table_names = False

    for name in ("acknowledged_at", "acknowledged_by", "acknowledged_reason"):
        field = BigIntegerField(null=True) if name.endswith("_at") else TextField(null=True)
        migrator.migrate(migrator.add_column("alarm_record", name, field))
    AlarmNotice.add_index(AlarmNotice.channel, AlarmNotice.due_at, AlarmNotice.id)
    db.create_tables([AlarmNotice])
