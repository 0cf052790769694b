"""The column of the audit log that names the operation is called so."""
from typing import Any

import peewee

from server.migrations.renames import rename

COLUMNS = {"audit_entry": {"what": "operation"}}


def up(migrator: Any, db: peewee.Database) -> None:
    rename(db, {}, COLUMNS)
