"""Stops: which programs carry one, and the orders that are in force. Orders of reactive power."""
from typing import Any

import peewee
from peewee import BooleanField, DoubleField

COMPATIBLE_FROM = "0018_quarter_hours"


def up(migrator: Any, db: peewee.Database) -> None:
    migrator.migrate(migrator.add_column("virtual_der", "stopped", BooleanField(null=True)))
    migrator.migrate(migrator.add_column("share", "planned_var", DoubleField(null=True)))
    migrator.migrate(migrator.add_column("dispatch_order", "planned_var", DoubleField(null=True)))
    db.execute_sql("CREATE INDEX dispatch_order_stop ON dispatch_order (vder_id) "
                   "WHERE ((\"quantity\" = 'stop') AND (\"cancelled_at\" IS NULL))")
