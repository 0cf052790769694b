"""Virtual DERs that are to be deleted, once their members have left."""
from typing import Any

import peewee
from peewee import BooleanField

COMPATIBLE_FROM = "0018_quarter_hours"


def up(migrator: Any, db: peewee.Database) -> None:
    migrator.migrate(migrator.add_column("virtual_der", "deleting", BooleanField(null=True)))
    db.execute_sql("CREATE INDEX virtual_der_deleting ON virtual_der (deleting) "
                   "WHERE (\"deleting\" IS NOT NULL)")
