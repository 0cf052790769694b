"""SQL written by hand, for statements that are run so often that building them through peewee costs more.

Statements are plain SQL that SQLite and PostgreSQL both understand, with `?` for parameters.
"""
from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from server.models import db, is_postgres


@lru_cache(maxsize=None)
def _for_postgres(statement: str) -> str:
    return statement.replace("?", "%s")


def execute(statement: str, *parameters: Any) -> Any:
    """Run a statement on this thread's connection and return the cursor. Errors are peewee's."""
    return db.obj.execute_sql(_for_postgres(statement) if is_postgres() else statement, parameters)


def many(statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
    """Run a statement once for each row of parameters, within the open transaction."""
    cursor = db.obj.cursor()
    cursor.executemany(_for_postgres(statement) if is_postgres() else statement, list(rows))


def row(statement: str, *parameters: Any) -> Any:
    """Return the first row, or None."""
    return execute(statement, *parameters).fetchone()


def rows(statement: str, *parameters: Any) -> list[Any]:
    """Return every row."""
    return list(execute(statement, *parameters).fetchall())


def marks(count: int) -> str:
    """Return `?, ?, ?` for an IN list."""
    return ", ".join("?" * count)
