"""Orders that wait for somebody else's approval, and above which power they do."""
from typing import Any

import peewee
from peewee import AutoField, BigIntegerField, BooleanField, DoubleField, TextField

COMPATIBLE_FROM = "0059_operator_users"


def up(migrator: Any, db: peewee.Database) -> None:
    class VirtualDER(peewee.Model):
        id = AutoField()

        class Meta:
            database = db
            table_name = "virtual_der"

    class PowerLimit(peewee.Model):
        vder = peewee.ForeignKeyField(VirtualDER, primary_key=True, on_delete="CASCADE")
        orders_w = DoubleField()

        class Meta:
            database = db
            legacy_table_names = False

    class Approval(peewee.Model):
        id = AutoField()
        vder = peewee.ForeignKeyField(VirtualDER, on_delete="CASCADE")
        operation = TextField()
        arguments = TextField()
        power_w = DoubleField()
        limit_w = DoubleField()
        state = TextField()
        reason = TextField()
        requested_by = TextField()
        signed_in = BooleanField()
        requested_at = BigIntegerField(index=True)
        valid_until = BigIntegerField()
        decided_by = TextField()
        decided_at = BigIntegerField(null=True)
        remark = TextField()

        class Meta:
            database = db
            legacy_table_names = False

    db.create_tables([PowerLimit, Approval])
