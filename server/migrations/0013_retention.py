"""Indexes by which what is old is found, the oldest first."""
from typing import Any

import peewee

COMPATIBLE_FROM = "0011_pending_capacity"
INDEXES = {
    "document_until": 'document (until) WHERE ("visibility" = 2)',
    "response_record_received_at": "response_record (received_at)",
    "dispatch_order_start": "dispatch_order (start)",
    "reading_set_start": "reading_set (start)",
    "measurement_start": "measurement (start)",
    "series_until": "series (until)",
    "plan_start": "plan (start)",
}


def up(migrator: Any, db: peewee.Database) -> None:
    for name, columns in INDEXES.items():
        db.execute_sql(f"CREATE INDEX {name} ON {columns}")
