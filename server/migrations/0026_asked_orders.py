"""What an operator asked for by an order, and what limits have taken of it; what cars are left short by."""
from typing import Any

import peewee
from peewee import DoubleField, TextField

COMPATIBLE_FROM = "0018_quarter_hours"


def up(migrator: Any, db: peewee.Database) -> None:
    migrator.migrate(
        migrator.add_column("dispatch_order", "asked", TextField(null=True)),
        migrator.add_column("dispatch_order", "clipped_w", DoubleField(null=True)),
        migrator.add_column("charging_session", "unmet_wh", DoubleField(null=True)),
        migrator.add_column("charging_session", "unmet_reason", TextField(null=True)),
    )
