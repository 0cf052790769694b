"""Meters say which of them count together, and how their values become power.

Columns are nullable, so that a program of the version before can write rows as well.
"""
from typing import Any

import peewee
from peewee import BigIntegerField, BooleanField, DoubleField, SmallIntegerField, TextField

COLUMNS_ADDED = {
    "period_s": BigIntegerField,
    "first_read_at": BigIntegerField,
    "rated_w": DoubleField,
    "measure": TextField,
    "alternative": SmallIntegerField,
    "part": SmallIntegerField,
    "needed": BooleanField,
    "slot": TextField,
}


def up(migrator: Any, db: peewee.Database) -> None:
    for name, field in COLUMNS_ADDED.items():
        migrator.migrate(migrator.add_column("meter", name, field(null=True)))
    db.execute_sql("INSERT INTO key_value (name, value) VALUES ('reindex', '0006') ON CONFLICT DO NOTHING")
