"""Documents take their places in the lists whose order has changed: EndDevice by changedTime, LogEvent newest
first, File, DemandResponseProgram, TextMessage.

There is no COMPATIBLE_FROM: an earlier program would write places of the order before.
"""
from typing import Any

import peewee


def up(migrator: Any, db: peewee.Database) -> None:
    db.execute_sql("INSERT INTO key_value (name, value) VALUES ('reindex', '0040') ON CONFLICT DO NOTHING")
