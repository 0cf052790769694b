"""States of charge from which the worker has yet to infer a capacity."""
from typing import Any

import peewee
from peewee import BigIntegerField, DoubleField


def up(migrator: Any, db: peewee.Database) -> None:
    migrator.migrate(migrator.add_column("der_state", "pending_soc", DoubleField(null=True)))
    migrator.migrate(migrator.add_column("der_state", "pending_soc_at", BigIntegerField(null=True)))
    db.execute_sql("CREATE INDEX der_state_pending_soc_at ON der_state (pending_soc_at) "
                   "WHERE pending_soc_at IS NOT NULL")
