"""An index by which a list finds which of its documents time has changed."""
from typing import Any

import peewee

COMPATIBLE_FROM = "0011_pending_capacity"


def up(migrator: Any, db: peewee.Database) -> None:
    db.execute_sql("CREATE INDEX document_parent_fresh_until ON document (parent, fresh_until) "
                   'WHERE ("fresh_until" IS NOT NULL)')
