"""Indexes by which PostgreSQL finds what is below an href, whatever the collation of the database.

SQLite compares bytewise, so the indexes that are there do. A program without them is slower, not wrong.
"""
from typing import Any

import peewee

COMPATIBLE_FROM = "0011_pending_capacity"
INDEXES = {"document_below": "document (href text_pattern_ops)",
           "reading_set_below": "reading_set (meter text_pattern_ops)",
           "meter_below": "meter (href text_pattern_ops)"}


def up(migrator: Any, db: peewee.Database) -> None:
    if isinstance(db, peewee.PostgresqlDatabase):
        for name, columns in INDEXES.items():
            db.execute_sql(f"CREATE INDEX {name} ON {columns}")
