"""Which charging sessions are not over, without those that are."""
from typing import Any

import peewee

COMPATIBLE_FROM = "0050_profiles"


def up(migrator: Any, db: peewee.Database) -> None:
    db.execute_sql('CREATE INDEX "charging_session_departure_at" ON "charging_session" ("departure_at")')
