"""What storage does if it is left alone, as it was learned."""
from typing import Any

import peewee

COMPATIBLE_FROM = "0018_quarter_hours"


def up(migrator: Any, db: peewee.Database) -> None:
    number = "BIGINT" if isinstance(db, peewee.PostgresqlDatabase) else "INTEGER"
    db.execute_sql(
        f'CREATE TABLE "default_behaviour" ("device_id" {number} NOT NULL PRIMARY KEY, '
        f'"learned_at" {number} NOT NULL, "working_day_w" TEXT NOT NULL, "other_day_w" TEXT NOT NULL, '
        'FOREIGN KEY ("device_id") REFERENCES "device" ("id") ON DELETE CASCADE)')
