"""Feeders and other lines and points of the network, as they are drawn on the map."""
from typing import Any

import peewee
from peewee import AutoField, BigIntegerField, DoubleField, TextField

COMPATIBLE_FROM = "0050_profiles"


def up(migrator: Any, db: peewee.Database) -> None:
    class Feeder(peewee.Model):
        id = AutoField()
        name = TextField(unique=True)
        geometry = TextField()
        points = BigIntegerField()
        west = DoubleField()
        south = DoubleField()
        east = DoubleField()
        north = DoubleField()

        class Meta:
            database = db
            legacy_table_names = False

    db.create_tables([Feeder])
