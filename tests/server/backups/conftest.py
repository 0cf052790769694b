"""Databases of both engines that stand beside the one of the test, and what rows they have."""
from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from server import models
from server.models import db
from tests import postgres, tables

Content = dict[str, Counter[tuple[Any, ...]]]
MakeUrl = Callable[[str, str], str]


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeUrl]:
    """Makes the URL of a database without tables: `url("postgres", "target")`."""
    def make(engine: str, name: str) -> str:
        if engine == "sqlite":
            return f"sqlite:///{tmp_path}/{name}.db"
        return postgres.create(f"{request.getfixturevalue('_postgres')}_{name}")
    yield make
    if db.obj is not None:
        db.close()


def open_at(url: str, last: str | None = None) -> None:
    """Make it the database of the models, with the tables as after this migration (default: the newest)."""
    db.initialize(models.open_database(url))
    models.runner.migrate(db.obj, models.MIGRATIONS, last)


def content() -> Content:
    """All rows of the database of the models."""
    return {table: tables.read(table, sorted(column.name for column in db.get_columns(table)))
            for table in tables.names()}
