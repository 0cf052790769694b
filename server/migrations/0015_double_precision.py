"""Powers, limits and values of orders in double precision on PostgreSQL, as SQLite keeps all floats.

REAL keeps seven digits. What was written as 0.1 became a float of 32 bits, which is not the nearest of 64: it
is read as the text that identifies it, "0.1".
"""
from typing import Any

import peewee

COMPATIBLE_FROM = "0011_pending_capacity"  # which reads and writes the wider columns as it did the others
WIDENED = {
    "virtual_der": ("import_limit_w", "export_limit_w"),
    "dispatch_order": ("value", "target_w", "planned_w"),
    "share": ("planned_w", "baseline_w"),
}


def up(migrator: Any, db: peewee.Database) -> None:
    if not isinstance(db, peewee.PostgresqlDatabase):
        return
    for table, columns in WIDENED.items():
        db.execute_sql(f"ALTER TABLE {table} " + ", ".join(
            f"ALTER COLUMN {column} TYPE DOUBLE PRECISION USING {column}::text::double precision"
            for column in columns))
