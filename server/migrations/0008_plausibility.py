"""What devices report that cannot be, and ratings that operators set instead."""
from typing import Any

import peewee
from peewee import BigIntegerField, DoubleField, ForeignKeyField, TextField


def up(migrator: Any, db: peewee.Database) -> None:
    class Device(peewee.Model):
        id = BigIntegerField(primary_key=True)

        class Meta:
            database = db
            legacy_table_names = False

    class RatingOverride(peewee.Model):
        href = TextField(primary_key=True)
        device = ForeignKeyField(Device, on_delete="CASCADE")
        max_injection_w = DoubleField(null=True)
        max_absorption_w = DoubleField(null=True)
        capacity_wh = DoubleField(null=True)

        class Meta:
            database = db
            legacy_table_names = False

    for name in ("implausible", "implausible_soc"):
        migrator.migrate(migrator.add_column("der_state", name, TextField(null=True)))
    db.create_tables([RatingOverride])
    db.execute_sql("INSERT INTO key_value (name, value) VALUES ('reindex', '0008') ON CONFLICT DO NOTHING")
