"""SQL written by hand, for statements that are run so often that building them through peewee costs more.

Statements are plain SQL that SQLite and PostgreSQL both understand, with `?` for parameters.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import peewee

from server import models
from server.models import db, is_postgres
from server.models.base import CHUNK, chunked

ARRAY = 1000  # rows
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
    """Insert rows, within the open transaction; `conflict` is an ON CONFLICT clause.

    PostgreSQL is given ARRAY rows in a statement, as an array for each column: one by one each would be
    planned. So no two rows may have one key where the clause updates.
    """
    start = f"INSERT INTO {table} ({', '.join(columns)}) "
    if not is_postgres():
        many(f"{start} VALUES ({marks(len(columns))}) {conflict}", rows)
        return
    types = _types(table)
    arrays = ", ".join(f"?::{types[column].name}[]" for column in columns)
    for chunk in chunked(rows, ARRAY):
        execute(f"{start} SELECT * FROM unnest({arrays}) {conflict}", *(
            [None if value is None else types[column].read(value) for value in values]
            for column, values in zip(columns, zip(*chunk, strict=True), strict=True)))


class _Type(NamedTuple):
    """A type of PostgreSQL, and what makes a value of it: an array has values of one type of Python."""
    name: str
    read: Callable[[Any], Any]


_TYPES = {
    "SMALLINT": _Type("smallint", int), "INTEGER": _Type("integer", int), "BIGINT": _Type("bigint", int),
    "SERIAL": _Type("integer", int), "BIGSERIAL": _Type("bigint", int), "BOOLEAN": _Type("boolean", bool),
    "DOUBLE PRECISION": _Type("double precision", float), "BYTEA": _Type("bytea", bytes),
    "TEXT": _Type("text", str)}


@lru_cache(maxsize=None)
def _types(table: str) -> dict[str, _Type]:
    """Return the types of the columns of a table by their names."""
    model = next(model for model in models.tables() if model._meta.table_name == table)
    context = models.db.obj.get_sql_context()
    return {field.column_name: _TYPES[field.ddl_datatype(context).sql.upper()]
            for field in model._meta.sorted_fields}


def row(statement: str, *parameters: Any) -> Any:
    """Return the first row, or None."""
    return execute(statement, *parameters).fetchone()


def rows(statement: str, *parameters: Any) -> list[Any]:
    """Return every row."""
    return list(execute(statement, *parameters).fetchall())


def bodies(statement: str, *parameters: Any) -> list[Any]:
    """Return every row of a statement for documents.

    PostgreSQL sends their bytes as they are: as text, a hundred cost it and the driver half as much again.
    """
    if not is_postgres():
        return rows(statement, *parameters)
    return list(db.obj.execute_sql(_for_postgres(statement), parameters, binary=True).fetchall())


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
