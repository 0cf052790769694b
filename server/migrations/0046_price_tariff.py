"""The tariff as which the price signal of a virtual DER is published.

There is no COMPATIBLE_FROM: an earlier program would put a signal that the tariff does not follow.
"""
from typing import Any

import peewee
from peewee import TextField


def up(migrator: Any, db: peewee.Database) -> None:
    migrator.migrate(migrator.add_column("virtual_der", "price_tariff", TextField(null=True)))
