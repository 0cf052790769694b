"""An index of the documents of which the bytes count on the quota of their device."""
from typing import Any

import peewee


def up(migrator: Any, db: peewee.Database) -> None:
    db.execute_sql(
        'CREATE INDEX "document_audience" ON "document" ("audience") WHERE length(submitted) >= 4096')
