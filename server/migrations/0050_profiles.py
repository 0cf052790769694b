"""Devices have profiles, and documents one body, in the variant of the server's profile.

Bodies are made anew, since clients that declare no extensions are sent none. There is no COMPATIBLE_FROM: an
earlier program would look for the second body.
"""
from typing import Any

import peewee
from peewee import TextField

DROPPED = {"document": {"body_2023"}, "subscription": {"edition"}}


def up(migrator: Any, db: peewee.Database) -> None:
    migrator.migrate(migrator.add_column("device", "profile", TextField(default="")))
    db.execute_sql("CREATE INDEX device_profile ON device (profile) WHERE profile <> ''")
    db.execute_sql("ALTER TABLE document DROP COLUMN body_2023")
    migrator.migrate(migrator.add_column("subscription", "level", TextField(default="")))
    db.execute_sql("UPDATE subscription SET level = CASE WHEN edition = 2023 THEN '-S2' ELSE '-S1' END")
    db.execute_sql("ALTER TABLE subscription DROP COLUMN edition")
    db.execute_sql("INSERT INTO key_value (name, value) VALUES ('profile', '2030.5-2018')")
    db.execute_sql("INSERT INTO key_value (name, value) VALUES ('reindex', '0050') ON CONFLICT DO NOTHING")
