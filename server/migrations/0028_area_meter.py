"""What is thought of the meter of an area."""
from typing import Any

import peewee

COMPATIBLE_FROM = "0018_quarter_hours"


def up(migrator: Any, db: peewee.Database) -> None:
    db.execute_sql('ALTER TABLE "balance" ADD COLUMN "meter" TEXT')
