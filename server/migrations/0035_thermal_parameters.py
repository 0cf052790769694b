"""What was learned of the thermal loads of each group from its meter and the outdoor temperature."""
from typing import Any

import peewee
from peewee import AutoField, BigIntegerField, BooleanField, DoubleField, SmallIntegerField

COMPATIBLE_FROM = "0018_quarter_hours"


def up(migrator: Any, db: peewee.Database) -> None:
    class VirtualDER(peewee.Model):
        id = AutoField()

        class Meta:
            database = db
            table_name = "virtual_der"

    class ThermalParameters(peewee.Model):
        vder = peewee.ForeignKeyField(VirtualDER, on_delete="CASCADE", index=False)
        variety = SmallIntegerField()
        learned_at = BigIntegerField()
        rated_w = DoubleField()
        idle = DoubleField(null=True)
        heating_per_k = DoubleField(null=True)
        heating_below_c = DoubleField(null=True)
        cooling_per_k = DoubleField(null=True)
        cooling_above_c = DoubleField(null=True)
        band_h_per_k = DoubleField()
        leak_h = DoubleField()
        is_learned = BooleanField()
        response = DoubleField()

        class Meta:
            database = db
            legacy_table_names = False
            primary_key = peewee.CompositeKey("vder", "variety")

    db.create_tables([ThermalParameters])
