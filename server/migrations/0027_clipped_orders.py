"""What was asked by an order, what limits of virtual DERs took of it, and when to reckon it again."""
from typing import Any

import peewee
from peewee import BigIntegerField, DoubleField, TextField

COMPATIBLE_FROM = "0018_quarter_hours"


def up(migrator: Any, db: peewee.Database) -> None:
    migrator.migrate(
        migrator.add_column("dispatch_order", "asked", TextField(null=True)),
        migrator.add_column("dispatch_order", "clipped_w", DoubleField(null=True)),
        migrator.add_column("dispatch_order", "reckon_at", BigIntegerField(null=True)),
    )
    db.execute_sql("CREATE INDEX dispatch_order_reckon_at ON dispatch_order (reckon_at) "
                   "WHERE (\"reckon_at\" IS NOT NULL)")
