"""What every table has: the database, JSON as text."""
from __future__ import annotations

import json
from typing import Any

import peewee
from peewee import Model, TextField

db = peewee.DatabaseProxy()
EVERYONE = "*"


class JSON(TextField):
    """A value kept as JSON text."""

    def db_value(self, value: Any) -> str | None:
        return None if value is None else json.dumps(value, separators=(",", ":"), ensure_ascii=False)

    def python_value(self, value: str | None) -> Any:
        return None if value is None else json.loads(value)


class Table(Model):
    class Meta:
        database = db
        legacy_table_names = False
