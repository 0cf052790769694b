"""Operating envelopes: schedules of the limits of connection points."""
from typing import Any

import peewee
from peewee import AutoField, BigIntegerField, ForeignKeyField, TextField

COMPATIBLE_FROM = "0018_quarter_hours"


def up(migrator: Any, db: peewee.Database) -> None:
    class VirtualDER(peewee.Model):
        id = AutoField()

        class Meta:
            database = db
            table_name = "virtual_der"

    class Envelope(peewee.Model):
        vder = ForeignKeyField(VirtualDER, primary_key=True, on_delete="CASCADE")
        segments = TextField()
        events = TextField()
        source = TextField()
        issued_at = BigIntegerField()
        until = BigIntegerField()
        due_at = BigIntegerField(index=True, null=True)

        class Meta:
            database = db
            legacy_table_names = False

    db.create_tables([Envelope])
