"""Operations that programs have asked to be done later, and what came of them."""
from typing import Any

import peewee
from peewee import AutoField, BigIntegerField, BooleanField, IntegerField, TextField

COMPATIBLE_FROM = "0065_keyed_requests"


def up(migrator: Any, db: peewee.Database) -> None:
    class VirtualDER(peewee.Model):
        id = AutoField()

        class Meta:
            database = db
            table_name = "virtual_der"

    class OperatorJob(peewee.Model):
        id = AutoField()
        who = TextField()
        role = TextField()
        vder = peewee.ForeignKeyField(VirtualDER, null=True, on_delete="CASCADE")
        reason = TextField()
        operation = TextField()
        arguments = TextField()
        accepted = TextField()
        state = TextField(index=True)
        changed = BooleanField()
        step = TextField()
        done = IntegerField()
        total = IntegerField()
        attempts = IntegerField()
        claim = TextField()
        claimed_at = BigIntegerField()
        created_at = BigIntegerField(index=True)
        started_at = BigIntegerField(null=True)
        ended_at = BigIntegerField(null=True)
        status = IntegerField(null=True)
        content_type = TextField()
        answer = TextField(null=True)

        class Meta:
            database = db
            legacy_table_names = False

    db.create_tables([OperatorJob])
