"""The first tables, as they were when there were none."""
from server.models import tables


def up(migrator, db):
    db.create_tables(tables(), safe=True)
