"""What cars will leave without, as plans reckon it."""
from typing import Any

import peewee
from peewee import DoubleField, TextField

COMPATIBLE_FROM = "0018_quarter_hours"


def up(migrator: Any, db: peewee.Database) -> None:
    migrator.migrate(
        migrator.add_column("charging_session", "unmet_wh", DoubleField(null=True)),
        migrator.add_column("charging_session", "unmet_reason", TextField(null=True)),
    )
