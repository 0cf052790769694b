"""What remains to be done until the memberships of a virtual DER are what an operator asked for."""
from typing import Any

import peewee
from peewee import AutoField, BigIntegerField, BooleanField, TextField

COMPATIBLE_FROM = "0018_quarter_hours"


def up(migrator: Any, db: peewee.Database) -> None:
    class VirtualDER(peewee.Model):
        id = AutoField()

        class Meta:
            database = db
            table_name = "virtual_der"

    class Device(peewee.Model):
        id = BigIntegerField(primary_key=True)

        class Meta:
            database = db

    class MembershipWork(peewee.Model):
        vder = peewee.ForeignKeyField(VirtualDER, primary_key=True, on_delete="CASCADE")
        after = BigIntegerField()

        class Meta:
            database = db
            legacy_table_names = False

    class MembershipChange(peewee.Model):
        vder = peewee.ForeignKeyField(VirtualDER, on_delete="CASCADE", index=False)
        device = peewee.ForeignKeyField(Device, on_delete="CASCADE")
        listed = BooleanField()
        relabel = TextField(null=True)

        class Meta:
            database = db
            legacy_table_names = False
            primary_key = peewee.CompositeKey("vder", "device")

    db.create_tables([MembershipWork, MembershipChange])
