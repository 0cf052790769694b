"""Documents that are withdrawn, such as the UsagePoint of a mirror that was removed, are found by owner.

There is no COMPATIBLE_FROM: an earlier program would go on serving them.
"""
from typing import Any

import peewee


def up(migrator: Any, db: peewee.Database) -> None:
    db.execute_sql("CREATE INDEX document_parent_audience ON document (parent, audience) "
                   'WHERE ("visibility" = 3)')
