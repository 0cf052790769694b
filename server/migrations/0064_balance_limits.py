"""By how much the automatic balance may change the exchange of an area."""
from typing import Any

import peewee
from peewee import DoubleField

COMPATIBLE_FROM = "0050_profiles"


def up(migrator: Any, db: peewee.Database) -> None:
    class VirtualDER(peewee.Model):
        id = peewee.AutoField()

        class Meta:
            database = db
            table_name = "virtual_der"

    class BalanceLimit(peewee.Model):
        vder = peewee.ForeignKeyField(VirtualDER, primary_key=True, on_delete="CASCADE")
        change_w = DoubleField()

        class Meta:
            database = db
            legacy_table_names = False

    db.create_tables([BalanceLimit])
