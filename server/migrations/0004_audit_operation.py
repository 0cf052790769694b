"""The column of the audit log that names the operation is called so."""
from server.migrations.renames import rename

COLUMNS = {"audit_entry": {"what": "operation"}}


def up(migrator, db):
    rename(db, {}, COLUMNS)
