"""When the certificate ends that a device has shown."""
from typing import Any

import peewee
from peewee import BigIntegerField

COMPATIBLE_FROM = "0050_profiles"


def up(migrator: Any, db: peewee.Database) -> None:
    migrator.migrate(migrator.add_column("device", "certificate_ends_at", BigIntegerField(null=True)))
    db.execute_sql('CREATE INDEX "device_certificate_ends_at" ON "device" ("certificate_ends_at") '
                   'WHERE certificate_ends_at IS NOT NULL')
