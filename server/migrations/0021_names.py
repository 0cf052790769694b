"""Indexes by which devices are found by name, and alarms by what they are of."""
from typing import Any

import peewee

COMPATIBLE_FROM = "0018_quarter_hours"
INDEXES = {"device_name": "device (name)",
           "alarm_record_kind_source_id": "alarm_record (kind, source, id)",
           "alarm_record_since_id": "alarm_record (since, id)"}


def up(migrator: Any, db: peewee.Database) -> None:
    for name, columns in INDEXES.items():
        db.execute_sql(f"CREATE INDEX {name} ON {columns}")
