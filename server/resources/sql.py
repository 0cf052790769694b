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
    for chunk in chunked(rows, ARRAY):
        execute(f"{start} SELECT * FROM unnest({_arrays(table, columns)}) {conflict}",
                *_literals(table, columns, chunk))


def inserted(table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], conflict: str) -> list[Any]:
    """Insert up to CHUNK rows as `insert` does, and return those of its RETURNING, with which `conflict`
    ends."""
    start = f"INSERT INTO {table} ({', '.join(columns)}) "
    if is_postgres():
        statement = f"{start} SELECT * FROM unnest({_arrays(table, columns)}) {conflict}"
        return list(execute(statement, *_literals(table, columns, rows)).fetchall())
    values = ", ".join([f"({marks(len(columns))})"] * len(rows))
    return list(execute(f"{start} VALUES {values} {conflict}",
                        *(value for row in rows for value in row)).fetchall())


def update(table: str, keys: Sequence[str], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Update these columns of rows, within the open transaction. Each of `rows` has the keys of one, which
    are unique, then the values.

    PostgreSQL is given ARRAY of them in a statement, as by `insert`.
    """
    if not is_postgres():
        many(f"UPDATE {table} SET {', '.join(f'{column} = ?' for column in columns)} "
             f"WHERE {' AND '.join(f'{key} = ?' for key in keys)}",
             ((*row[len(keys):], *row[:len(keys)]) for row in rows))
        return
    names = (*keys, *columns)
    for chunk in chunked(rows, ARRAY):
        execute(f"UPDATE {table} SET {', '.join(f'{column} = new.{column}' for column in columns)} "
                f"FROM unnest({_arrays(table, names)}) AS new ({', '.join(names)}) "
                f"WHERE {' AND '.join(f'{table}.{key} = new.{key}' for key in keys)}",
                *_literals(table, names, chunk))


def _arrays(table: str, columns: Iterable[str]) -> str:
    return ", ".join(f"?::{_types(table)[column].name}[]" for column in columns)


def _literals(table: str, columns: Iterable[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    """Return the values of each column as a literal of an array."""
    return [_literal(_types(table)[column].text, values)
            for column, values in zip(columns, zip(*rows, strict=True), strict=True)]


def array(values: Iterable[Any]) -> str:
    """Return integers or texts as a literal of an array of PostgreSQL, whose type the statement says."""
    return _literal(lambda value: _text(value) if isinstance(value, str) else str(int(value)), values)


def _literal(text: Callable[[Any], str], values: Iterable[Any]) -> str:
    """Return a literal of an array. psycopg takes five times as long for a list."""
    return "{%s}" % ",".join(["NULL" if value is None else text(value) for value in values])


def _text(value: Any) -> str:
    return '"%s"' % str(value).replace("\\", "\\\\").replace('"', '\\"')


def _integer(value: Any) -> str:
    return str(int(value))


class _Type(NamedTuple):
    """A type of PostgreSQL, and what makes the text of an element of an array of it."""
    name: str
    text: Callable[[Any], str]


_TYPES = {
    "SMALLINT": _Type("smallint", _integer), "INTEGER": _Type("integer", _integer),
    "BIGINT": _Type("bigint", _integer), "SERIAL": _Type("integer", _integer),
    "BIGSERIAL": _Type("bigint", _integer),
    "BOOLEAN": _Type("boolean", lambda value: "t" if value else "f"),
    "DOUBLE PRECISION": _Type("double precision", lambda value: repr(float(value))),
    "BYTEA": _Type("bytea", lambda value: f'"\\\\x{bytes(value).hex()}"'), "TEXT": _Type("text", _text)}


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

    A statement takes CHUNK of them. An order of the query holds within each of the statements. PostgreSQL is
    given them as one array: so the statement is the same for any number, and psycopg reads it once.
    """
    of_postgres = is_postgres()
    for chunk in chunked(dict.fromkeys(values), CHUNK):
        if of_postgres:
            yield from bodies(statement.replace("IN ({})", "= ANY (?)"), array(chunk), *parameters)
        else:
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
