"""Statements that are asked often enough to be written by hand: building one through the mapper costs more
than running it. They are plain SQL that SQLite and PostgreSQL both speak, with `?` for parameters."""
from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from server.models import db, is_postgres


@lru_cache(maxsize=None)
def _for_postgres(statement: str) -> str:
    return statement.replace("?", "%s")


def execute(statement: str, *parameters: Any) -> Any:
    """Run a statement on this thread's connection; a cursor. Database errors come as peewee's."""
    return db.obj.execute_sql(_for_postgres(statement) if is_postgres() else statement, parameters)


def many(statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
    """Run a statement once for each row of parameters, within the transaction that is open."""
    cursor = db.obj.cursor()
    cursor.executemany(_for_postgres(statement) if is_postgres() else statement, list(rows))


def row(statement: str, *parameters: Any) -> Any:
    """The first row, or None."""
    return execute(statement, *parameters).fetchone()


def rows(statement: str, *parameters: Any) -> list[Any]:
    """Every row."""
    return list(execute(statement, *parameters).fetchall())


def marks(count: int) -> str:
    """`?, ?, ?` for an IN list."""
    return ", ".join("?" * count)
