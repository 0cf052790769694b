"""The tables of a database as they are, whatever the models say: described, filled, read, on both engines."""
from __future__ import annotations

import itertools
import json
from collections import Counter
from pathlib import Path
from typing import Any

from peewee import ForeignKeyMetadata

from server import models
from server.models import db

HISTORY = "schema_migration"  # the migrations that were applied
ROWS = 3  # per table, by `fill`: two with a value everywhere, one with NULL wherever that may be
Row = dict[str, Any]


def _bytes(number: int, text: str) -> bytes:
    return text.encode()


def _text(number: int, text: str) -> str:
    return text


def _integer(number: int, text: str) -> int:
    return number


def _real(number: int, text: str) -> float:
    return number + 0.25


def _boolean(number: int, text: str) -> bool:
    return number % 2 == 0


# By the column's type: its value, from a number and a text that are given to no other cell.
_VALUES = {"text": _text, "blob": _bytes, "bytea": _bytes, "integer": _integer, "bigint": _integer,
           "smallint": _integer, "real": _real, "double precision": _real, "boolean": _boolean}

_POSTGRES = {
    "columns": """
        SELECT t.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
               pg_get_expr(d.adbin, d.adrelid)
        FROM pg_attribute a JOIN pg_class t ON t.oid = a.attrelid AND t.relkind IN ('r', 'p')
        LEFT JOIN pg_attrdef d ON d.adrelid = t.oid AND d.adnum = a.attnum
        WHERE t.relnamespace = 'public'::regnamespace AND NOT t.relispartition
        AND a.attnum > 0 AND NOT a.attisdropped""",
    "indexes": """
        SELECT t.relname, i.indexname, replace(i.indexdef, ' ON ONLY ', ' ON ')
        FROM pg_indexes i JOIN pg_class t ON t.oid = i.tablename::regclass
        WHERE schemaname = 'public' AND NOT t.relispartition""",
    "constraints": """
        SELECT t.relname, c.conname, pg_get_constraintdef(c.oid)
        FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid
        WHERE t.relnamespace = 'public'::regnamespace AND c.contype != 'n' AND NOT t.relispartition""",
    "sequences": "SELECT sequencename, data_type FROM pg_sequences WHERE schemaname = 'public'"}
_PARTS = "SELECT relname FROM pg_class WHERE relispartition"


def names() -> list[str]:
    """Every table but HISTORY, those that others refer to first. A partition is a part of its table."""
    parts = {name for name, in db.execute_sql(_PARTS).fetchall()} if models.is_postgres() else set()
    waiting = {table: {key.dest_table for key in db.get_foreign_keys(table)} - {table}
               for table in sorted(db.get_tables()) if table not in parts | {HISTORY}}
    ordered: list[str] = []
    while waiting:
        ready = [table for table, others in waiting.items() if others <= set(ordered)]
        assert ready, f"foreign keys of {', '.join(waiting)} form a circle"
        ordered += ready
        waiting = {table: others for table, others in waiting.items() if table not in ready}
    return ordered


def describe() -> dict[str, Any]:
    """Columns (type, NULL, default), keys, indexes with their conditions, and the names of all these.

    The order of columns is left out: a column that is added comes last.
    """
    if models.is_postgres():
        parts = {part: db.execute_sql(query).fetchall() for part, query in _POSTGRES.items()}
        return {part: {row[:2]: row[2:] for row in rows if not row[0].startswith(HISTORY)}
                for part, rows in parts.items()}
    return {table: _describe_sqlite(table) for table in names()}


def _describe_sqlite(table: str) -> dict[str, Any]:
    def pragma(name: str, argument: str) -> list[Any]:
        return list(db.execute_sql(f'PRAGMA {name}("{argument}")').fetchall())
    keys: dict[int, list[Any]] = {}
    for number, *key in pragma("foreign_key_list", table):
        keys.setdefault(number, []).append(tuple(key))
    indexes = {}
    for _, name, unique, origin, partial in pragma("index_list", table):
        (sql,) = db.execute_sql("SELECT sql FROM sqlite_master WHERE name = ?", (name,)).fetchone()
        columns = tuple(row[2:5] for row in pragma("index_xinfo", name) if row[5])
        indexes[name] = unique, origin, columns, sql.partition(" WHERE ")[2] if partial else ""
    return {"columns": {name: (kind, *more) for _, name, kind, *more in pragma("table_info", table)},
            "foreign keys": sorted(keys.values()), "indexes": indexes}


def fill() -> dict[str, list[Row]]:
    """Put ROWS rows into every table, by its columns, no value twice; returns them."""
    numbers = itertools.count(1)
    content: dict[str, list[Row]] = {}
    for table in names():
        keys = {key.column: key for key in db.get_foreign_keys(table)}
        content[table] = []
        for number in range(ROWS):
            row = {}
            for column in db.get_columns(table):
                if column.name in keys:
                    row[column.name] = _reference(keys[column.name], table, content, number)
                elif column.null and number == ROWS - 1:
                    row[column.name] = None
                else:
                    text = f"{table}.{column.name} {number} 'é"
                    row[column.name] = _VALUES[column.data_type.lower()](next(numbers), text)
            insert(table, row)
            content[table].append(row)
    return content


def _reference(key: ForeignKeyMetadata, table: str, content: dict[str, list[Row]], number: int) -> Any:
    """A foreign key's value: the row of this number; in the same table the row before, for the first none."""
    if key.dest_table != table:
        return content[key.dest_table][number][key.dest_column]
    return content[table][number - 1][key.dest_column] if number else None


def insert(table: str, row: Row) -> None:
    """Insert one row."""
    columns = ", ".join(f'"{column}"' for column in row)
    values = ", ".join([db.obj.param] * len(row))
    db.execute_sql(f'INSERT INTO "{table}" ({columns}) VALUES ({values})', tuple(row.values()))


def load(path: Path) -> None:
    """Insert the rows of a file, as far as the database has tables and columns for them.

    Bytes are {"hex": …} in the file.
    """
    tables = json.loads(path.read_text())["tables"]
    for table in names():
        types = {column.name: column.data_type.lower() for column in db.get_columns(table)}
        for values in tables[table]["rows"]:
            row = dict(zip(tables[table]["columns"], values, strict=True))
            insert(table, {column: _from_json(value, types[column])
                           for column, value in row.items() if column in types})


def _from_json(value: Any, data_type: str) -> Any:
    if isinstance(value, dict):
        return bytes.fromhex(value["hex"])
    return bool(value) if data_type == "boolean" and value is not None else value


def read(table: str, columns: list[str]) -> Counter[tuple[Any, ...]]:
    """These columns of every row; how many rows have the same values."""
    fields = ", ".join(f'"{column}"' for column in columns)
    return Counter(tuple(bytes(value) if isinstance(value, memoryview) else value for value in row)
                   for row in db.execute_sql(f'SELECT {fields} FROM "{table}"').fetchall())


def rows(table: str) -> Counter[tuple[Any, ...]]:
    """Every row; how many have the same values."""
    return read(table, [column.name for column in db.get_columns(table)])
