"""Charging sessions that a device has asked for anew, under another mRID."""
from typing import Any

import peewee
from peewee import BooleanField


def up(migrator: Any, db: peewee.Database) -> None:
    migrator.migrate(migrator.add_column("charging_session", "superseded", BooleanField(null=True)))
    db.execute_sql("INSERT INTO key_value (name, value) VALUES ('reindex', '0009') ON CONFLICT DO NOTHING")
