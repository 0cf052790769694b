"""What meters read long ago, by quarter-hours."""
from typing import Any

import peewee


def up(migrator: Any, db: peewee.Database) -> None:
    postgres = isinstance(db, peewee.PostgresqlDatabase)
    db.execute_sql(
        f'CREATE TABLE "quarter_hours" ("meter" TEXT NOT NULL, "day" {"BIGINT" if postgres else "INTEGER"} '
        'NOT NULL, "injection_w" TEXT NOT NULL, "seconds" TEXT, PRIMARY KEY ("meter", "day"))')
    db.execute_sql('CREATE INDEX "quarter_hours_day" ON "quarter_hours" ("day")')
    if postgres:  # what is below an href is found by it, as in 0016
        db.execute_sql("CREATE INDEX quarter_hours_below ON quarter_hours (meter text_pattern_ops)")
