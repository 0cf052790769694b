"""What businesses have agreed to, block by block, and when each block was called."""
from typing import Any

import peewee
from peewee import AutoField, BigIntegerField, DoubleField, TextField

COMPATIBLE_FROM = "0018_quarter_hours"


def up(migrator: Any, db: peewee.Database) -> None:
    class Device(peewee.Model):
        id = BigIntegerField(primary_key=True)

        class Meta:
            database = db
            legacy_table_names = False

    class Block(peewee.Model):
        id = AutoField()
        device = peewee.ForeignKeyField(Device, on_delete="CASCADE", index=True)
        name = TextField()
        kind = TextField()
        terms = TextField()

        class Meta:
            database = db
            legacy_table_names = False
            indexes = ((("device", "name"), True),)

    class BlockCall(peewee.Model):
        id = AutoField()
        device = peewee.ForeignKeyField(Device, on_delete="CASCADE", index=True)
        block = TextField()
        order_id = BigIntegerField(null=True, index=True)
        event_href = TextField(default="", index=True)
        start = BigIntegerField(index=True)
        until = BigIntegerField()
        called_w = DoubleField()
        called_at = BigIntegerField()
        terms = TextField()

        class Meta:
            database = db
            legacy_table_names = False

    db.create_tables([Block, BlockCall])
    # generators and interruptible loads are kinds of devices of their own from now on
    db.execute_sql("INSERT INTO key_value (name, value) VALUES ('reindex', '0034') ON CONFLICT DO NOTHING")
