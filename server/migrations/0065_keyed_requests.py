"""Requests of operators' programs that are not done twice, and their answers."""
from typing import Any

import peewee
from peewee import BigIntegerField, CompositeKey, IntegerField, TextField

COMPATIBLE_FROM = "0062_exchanges"


def up(migrator: Any, db: peewee.Database) -> None:
    class KeyedRequest(peewee.Model):
        who = TextField()
        key = TextField()
        operation = TextField()
        digest = TextField()
        state = TextField()
        claim = TextField()
        claimed_at = BigIntegerField()
        created_at = BigIntegerField(index=True)
        status = IntegerField(null=True)
        content_type = TextField()
        answer = TextField(null=True)

        class Meta:
            database = db
            legacy_table_names = False
            primary_key = CompositeKey("who", "key")

    db.create_tables([KeyedRequest])
