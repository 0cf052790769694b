"""What remains to be done for an order: events that are still to be published, or to be cancelled."""
from typing import Any

import peewee
from peewee import TextField

COMPATIBLE_FROM = "0018_quarter_hours"


def up(migrator: Any, db: peewee.Database) -> None:
    migrator.migrate(migrator.add_column("dispatch_order", "work", TextField(null=True)))
    migrator.migrate(migrator.add_column("share", "pending", TextField(null=True)))
    db.execute_sql("CREATE INDEX dispatch_order_work ON dispatch_order (start) "
                   "WHERE (\"work\" IS NOT NULL)")
