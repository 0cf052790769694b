"""When to look again whether members of an order have been read that had not been."""
from typing import Any

import peewee
from peewee import BigIntegerField

COMPATIBLE_FROM = "0018_quarter_hours"


def up(migrator: Any, db: peewee.Database) -> None:
    migrator.migrate(migrator.add_column("dispatch_order", "reckon_at", BigIntegerField(null=True)))
    db.execute_sql("CREATE INDEX dispatch_order_reckon_at ON dispatch_order (reckon_at) "
                   "WHERE (\"reckon_at\" IS NOT NULL)")
