"""Programs are told of changes of state by webhooks."""
from typing import Any

import peewee
from peewee import AutoField, BigIntegerField, TextField

COMPATIBLE_FROM = "0050_profiles"


def up(migrator: Any, db: peewee.Database) -> None:
    class VirtualDER(peewee.Model):
        id = AutoField()

        class Meta:
            database = db
            table_name = "virtual_der"

    class Webhook(peewee.Model):
        id = AutoField()
        name = TextField(unique=True)
        url = TextField()
        kinds = TextField(default="[]")
        vder = peewee.ForeignKeyField(VirtualDER, null=True, on_delete="CASCADE")
        secret = TextField()
        created_at = BigIntegerField()
        position = BigIntegerField()
        until = BigIntegerField(null=True)
        due_at = BigIntegerField(default=0, index=True)
        failing_since = BigIntegerField(null=True)
        last_error = TextField(default="")
        told_at = BigIntegerField(null=True)
        given_up_at = BigIntegerField(null=True)

        class Meta:
            database = db
            legacy_table_names = False

    db.create_tables([Webhook])
