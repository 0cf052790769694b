"""Changes of state are in an outbox, from which streams and webhooks are fed."""
from typing import Any

import peewee
from peewee import SQL, BigAutoField, BigIntegerField, TextField

COMPATIBLE_FROM = "0050_profiles"


def up(migrator: Any, db: peewee.Database) -> None:
    class StateChange(peewee.Model):
        id = BigAutoField()
        position = BigIntegerField(null=True)
        at = BigIntegerField()
        kind = TextField()
        subject = TextField()
        change = TextField()
        audience = TextField(default="")
        data = TextField(default="{}")

        class Meta:
            database = db
            legacy_table_names = False

    StateChange.add_index(StateChange.index(StateChange.position, unique=True,
                                            where=SQL("position IS NOT NULL")))
    StateChange.add_index(StateChange.id, where=StateChange.position.is_null(), name="state_change_new")
    db.create_tables([StateChange])
