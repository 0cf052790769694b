"""The last exchanges of devices with the server, and whose are kept whole for a while."""
from typing import Any

import peewee
from peewee import BigAutoField, BigIntegerField, BooleanField, DoubleField, SmallIntegerField, TextField

COMPATIBLE_FROM = "0050_profiles"


def up(migrator: Any, db: peewee.Database) -> None:
    class Exchange(peewee.Model):
        id = BigAutoField()
        process = TextField()
        number = BigIntegerField()
        lfdi = TextField()
        at = DoubleField()
        method = TextField()
        href = TextField()
        status = SmallIntegerField()
        size = BigIntegerField()
        duration_ms = DoubleField()
        reason = TextField(default="")
        request_body = TextField(null=True)
        answer_body = TextField(null=True)

        class Meta:
            database = db
            legacy_table_names = False
            indexes = ((("process", "number"), True), (("lfdi", "at", "id"), False), (("at",), False))

    class DeviceTrace(peewee.Model):
        lfdi = TextField(primary_key=True)
        until = BigIntegerField(default=0)
        bodies = BooleanField(default=False)
        asked_at = BigIntegerField(default=0)

        class Meta:
            database = db
            legacy_table_names = False
            indexes = ((("until",), False),)

    db.create_tables([Exchange, DeviceTrace])
