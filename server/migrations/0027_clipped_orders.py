"""What was asked by an order, and what limits of virtual DERs took of it."""
from typing import Any

import peewee
from peewee import DoubleField, TextField

COMPATIBLE_FROM = "0018_quarter_hours"


def up(migrator: Any, db: peewee.Database) -> None:
    migrator.migrate(
        migrator.add_column("dispatch_order", "asked", TextField(null=True)),
        migrator.add_column("dispatch_order", "clipped_w", DoubleField(null=True)),
    )
