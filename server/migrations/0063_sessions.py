"""Sessions have where somebody has signed in from, and by what.

What comes with forms is derived from the cookie, and needs no column; no program has read it.
"""
from typing import Any

import peewee
from peewee import TextField

COMPATIBLE_FROM = "0050_profiles"
DROPPED = {"operator_session": {"csrf"}}


def up(migrator: Any, db: peewee.Database) -> None:
    migrator.migrate(
        migrator.drop_column("operator_session", "csrf"),
        migrator.add_column("operator_session", "signed_in_by", TextField(default="")),
        migrator.add_column("operator_session", "address", TextField(default="")),
    )
