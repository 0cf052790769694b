"""SQL written by hand, for statements that are run so often that building them through peewee costs more.

Statements are plain SQL that SQLite and PostgreSQL both understand, with `?` for parameters.
"""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import peewee

from server.models import db, is_postgres
from server.models.base import CHUNK, chunked

# Makes errors of the drivers peewee's, as its own statements do.
_errors = peewee.__exception_wrapper__  # type: ignore[attr-defined]


@lru_cache(maxsize=1000)
def _for_postgres(statement: str) -> str:
    return statement.replace("?", "%s")


def execute(statement: str, *parameters: Any) -> Any:
    """Run a statement on this thread's connection and return the cursor. Errors are peewee's."""
    return db.obj.execute_sql(_for_postgres(statement) if is_postgres() else statement, parameters)


def many(statement: str, rows: Iterable[Sequence[Any]]) -> None:
    """Run a statement once for each row of parameters, within the open transaction. Errors are peewee's."""
    values = list(rows)
    if values:
        with _errors:
            db.obj.cursor().executemany(_for_postgres(statement) if is_postgres() else statement, values)


def insert(table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], conflict: str = "") -> None:
    """Insert rows, within the open transaction; `conflict` is an ON CONFLICT clause."""
    many(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks(len(columns))}) {conflict}", rows)


def row(statement: str, *parameters: Any) -> Any:
    """Return the first row, or None."""
    return execute(statement, *parameters).fetchone()


def rows(statement: str, *parameters: Any) -> list[Any]:
    """Return every row."""
    return list(execute(statement, *parameters).fetchall())


def among(statement: str, values: Iterable[Any], *parameters: Any) -> Iterator[Any]:
    """Yield the rows of a SELECT with `IN ({})`, which may be any number of values; `parameters` follow them.

    A statement takes CHUNK of them. An order of the query holds within each of the statements.
    """
    for chunk in chunked(dict.fromkeys(values), CHUNK):
        yield from rows(statement.format(marks(len(chunk))), *chunk, *parameters)


def below(column: str) -> str:
    """Return the condition that a column has an href below another; `bounds` are its parameters.

    A range finds them in an index, which LIKE does only at times: on PostgreSQL where the pattern is known
    when the statement is planned and the collation is C. Its ranges are bytewise, whatever the collation, in
    the indexes of migration 0016.
    """
    least, beyond = ("~>=~", "~<~") if is_postgres() else (">=", "<")
    return f"({column} {least} ? AND {column} {beyond} ?)"


def bounds(href: str) -> tuple[str, str]:
    """Return the least href below another, and what is greater than all of them: `0` follows `/`."""
    return f"{href}/", f"{href}0"


def is_below(field: peewee.Field, href: str) -> peewee.Expression:
    """Return `below` for a query of peewee."""
    least, beyond = ("~>=~", "~<~") if is_postgres() else (">=", "<")
    low, high = bounds(href)
    return peewee.Expression(field, least, low) & peewee.Expression(field, beyond, high)


def marks(count: int) -> str:
    """Return `?, ?, ?` for an IN list."""
    return ", ".join("?" * count)
