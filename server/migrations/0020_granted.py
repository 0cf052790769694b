"""An index of what is granted by flow reservation, by its time."""
from typing import Any

import peewee

COMPATIBLE_FROM = "0018_quarter_hours"


def up(migrator: Any, db: peewee.Database) -> None:
    db.execute_sql("CREATE INDEX document_until_at_audience ON document (until, at, audience) WHERE "
                   "(((\"kind\" = 'FlowReservationResponse') AND (\"visibility\" < 2)) AND "
                   '("status" IS NOT NULL))')
