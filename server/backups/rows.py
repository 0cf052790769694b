"""Rows of tables, read and written alike on SQLite and PostgreSQL, counted and hashed on the way.

Values are those of SQLite: an int for a boolean, bytes for a blob. So a row has one hash on both engines.
"""
from __future__ import annotations

import hashlib
import json
import sqlite3
import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from server.errors import Refused

HISTORY = "schema_migration"  # the migrations that were applied; each database has its own
BATCH = 2000  # rows in memory at a time
Row = tuple[Any, ...]
Batches = Iterator[list[Row]]

_encode = json.JSONEncoder(separators=(",", ":"), default=bytes.hex).encode


class Digest:
    """Number and hash of rows, in whatever order they come.

    The hash is the sum of the SHA-256 of each row modulo 2^256. It finds errors, not forgeries.
    """

    def __init__(self) -> None:
        self.rows = self._sum = 0

    def add(self, rows: list[Row]) -> None:
        """Count and hash these rows."""
        self.rows += len(rows)
        self._sum += sum(
            int.from_bytes(hashlib.sha256(_encode(row).encode()).digest(), "big") for row in rows)

    @property
    def sha256(self) -> str:
        """The hash, 64 hexadecimal digits."""
        return f"{self._sum % (1 << 256):064x}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Digest) and (self.rows, self.sha256) == (other.rows, other.sha256)


@dataclass(frozen=True, kw_only=True)
class TableColumn:
    """A column: its name, and its type as the engine names it."""
    name: str
    data_type: str


@dataclass(frozen=True, kw_only=True)
class TableShape:
    """A table: its name and columns. Their order is that of the values in its rows."""
    name: str
    columns: tuple[TableColumn, ...]

    @property
    def quoted(self) -> str:
        """The columns as SQL."""
        return ", ".join(f'"{column.name}"' for column in self.columns)

    def converted(self, batches: Batches, functions: dict[str, Callable[[Any], Any]]) -> Batches:
        """Yield the rows with those values changed for whose type there is a function. NULL stays."""
        places = [(number, functions[column.data_type]) for number, column in enumerate(self.columns)
                  if column.data_type in functions]
        for batch in batches:
            yield [_changed(row, places) for row in batch] if places else batch


def _changed(row: Row, places: list[tuple[int, Callable[[Any], Any]]]) -> Row:
    values = list(row)
    for number, function in places:
        if values[number] is not None:
            values[number] = function(values[number])
    return tuple(values)


def digested(batches: Batches, digest: Digest) -> Batches:
    """Yield the same rows, and add them to a digest."""
    for batch in batches:
        digest.add(batch)
        yield batch


def total(batches: Batches) -> Digest:
    """Return the digest of all rows."""
    digest = Digest()
    for batch in batches:
        digest.add(batch)
    return digest


# --- SQLite ---------------------------------------------------------------------------------------

def sqlite_tables(connection: sqlite3.Connection, *other: str) -> list[TableShape]:
    """Return the tables, those that others refer to first, without HISTORY and `other`."""
    found = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'")
    names = sorted({name for name, in found} - {HISTORY, *other})
    waiting = {name: {key[2] for key in connection.execute(f'PRAGMA foreign_key_list("{name}")')} - {name}
               for name in names}
    ordered: list[str] = []
    while ready := [name for name, others in waiting.items() if not others & waiting.keys()]:
        ordered += ready
        for name in ready:
            del waiting[name]
    return [_sqlite_shape(connection, name) for name in [*ordered, *waiting]]


def _sqlite_shape(connection: sqlite3.Connection, name: str) -> TableShape:
    described = connection.execute(f'PRAGMA table_info("{name}")').fetchall()
    columns = tuple(TableColumn(name=row[1], data_type=row[2]) for row in described)
    return TableShape(name=name, columns=columns)


def read_sqlite(connection: sqlite3.Connection, table: TableShape) -> Batches:
    """Yield the rows of a table."""
    cursor = connection.execute(f'SELECT {table.quoted} FROM "{table.name}"')
    while batch := cursor.fetchmany(BATCH):
        yield batch


def write_sqlite(connection: sqlite3.Connection, table: TableShape, batches: Batches) -> None:
    """Insert rows, in the open transaction."""
    marks = ", ".join("?" * len(table.columns))
    for batch in batches:
        connection.executemany(f'INSERT INTO "{table.name}" ({table.quoted}) VALUES ({marks})', batch)


# --- PostgreSQL (`connection` is psycopg's, in an open transaction) ---------------------------------

def postgres_shape(connection: Any, table: TableShape) -> TableShape:
    """Return a table with the same columns and the types that they have on PostgreSQL.

    Refused (500) where the columns are others.
    """
    types = dict(connection.execute(
        "SELECT column_name, data_type FROM information_schema.columns"
        " WHERE table_schema = current_schema() AND table_name = %s", (table.name,)).fetchall())
    if types.keys() != {column.name for column in table.columns}:
        raise Refused(500, f"the table {table.name} has other columns on PostgreSQL than on SQLite. Nothing "
                           "was changed. Report this message")
    columns = tuple(TableColumn(name=column.name, data_type=types[column.name]) for column in table.columns)
    return TableShape(name=table.name, columns=columns)


def _truth(value: int) -> int:
    """Return the number that a column of the type boolean keeps."""
    return int(bool(value))


def _single(value: float) -> float:
    """Return the number that a column of the type real keeps."""
    with suppress(OverflowError):
        return float(struct.unpack("f", struct.pack("f", value))[0])
    return value


# To the values that rows have here, and back
_FROM_POSTGRES: dict[str, Callable[[Any], Any]] = {"boolean": int}
_TO_POSTGRES: dict[str, Callable[[Any], Any]] = {"boolean": bool}
_KEPT: dict[str, Callable[[Any], Any]] = {"boolean": _truth, "real": _single}


def read_postgres(connection: Any, table: TableShape) -> Batches:
    """Yield the rows of a table (`postgres_shape`)."""
    def batches() -> Batches:
        with connection.cursor(f"rows of {table.name}") as cursor:
            cursor.execute(f'SELECT {table.quoted} FROM "{table.name}"')
            while batch := cursor.fetchmany(BATCH):
                yield batch
    return table.converted(batches(), _FROM_POSTGRES)


def as_kept(table: TableShape, batches: Batches) -> Batches:
    """Yield the rows as PostgreSQL keeps them: 0 or 1 for a boolean, the digits of a real."""
    return table.converted(batches, _KEPT)


def write_postgres(connection: Any, table: TableShape, batches: Batches) -> None:
    """Insert rows by COPY. Refused (400) where PostgreSQL does not take one."""
    import psycopg
    try:
        with connection.cursor().copy(f'COPY "{table.name}" ({table.quoted}) FROM STDIN') as copy:
            for batch in table.converted(batches, _TO_POSTGRES):
                for row in batch:
                    copy.write_row(row)
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        reason = str(error).strip().replace("\n", "; ")
        raise Refused(400, f"PostgreSQL does not take a row of the table {table.name}: {reason}. Nothing was "
                           "changed. Correct that row in the source, and try again") from None


def advance_sequences(connection: Any, tables: Iterable[TableShape]) -> None:
    """Let the numbers that PostgreSQL gives begin after the greatest that is there."""
    for table in tables:
        owned = connection.execute(
            "SELECT column_name, pg_get_serial_sequence(quote_ident(table_name), column_name)"
            " FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = %s",
            (table.name,)).fetchall()
        for column, sequence in owned:
            if sequence is not None:
                connection.execute(
                    f'SELECT setval(%s, coalesce(max("{column}"), 1), max("{column}") IS NOT NULL)'
                    f' FROM "{table.name}"', (sequence,))
