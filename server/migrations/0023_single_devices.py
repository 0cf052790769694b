"""The index of virtual DERs of one device without the others.

After ANALYZE, SQLite would read all virtual DERs rather than look for one of a device: nearly all that it had
counted were of none.
"""
from typing import Any

import peewee

COMPATIBLE_FROM = "0018_quarter_hours"


def up(migrator: Any, db: peewee.Database) -> None:
    db.execute_sql("DROP INDEX virtual_der_device_id")
    db.execute_sql("CREATE UNIQUE INDEX virtual_der_device_id ON virtual_der (device_id) "
                   'WHERE ("device_id" IS NOT NULL)')
