"""Rename tables and columns, and the indexes, constraints and sequences that are named after them.

Both engines rename in their catalogue and copy no row. They adapt foreign keys and the conditions of partial
indexes, but not the names of indexes, nor those of PostgreSQL's constraints and sequences. Here these get the
names that they would have in a new table, so that a later table with an old name can be created.
"""
from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import peewee
from playhouse.migrate import make_index_name

# Primary keys, foreign keys and sequences of PostgreSQL, as rows of Named.
_POSTGRES_NAMED = """
    SELECT t.relname, c.conname, CASE c.contype WHEN 'p' THEN 'pkey' ELSE 'fkey' END,
           ARRAY(SELECT a.attname::text FROM unnest(c.conkey) WITH ORDINALITY k(attnum, n)
                 JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attnum
                 WHERE c.contype = 'f' ORDER BY k.n)
    FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid JOIN pg_namespace n ON n.oid = t.relnamespace
    WHERE c.contype IN ('p', 'f') AND n.nspname = current_schema()
    UNION ALL
    SELECT t.relname, s.relname, 'seq', ARRAY[a.attname::text]
    FROM pg_class s JOIN pg_depend d ON d.objid = s.oid AND d.deptype IN ('a', 'i')
    JOIN pg_class t ON t.oid = d.refobjid
    JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
    JOIN pg_namespace n ON n.oid = t.relnamespace
    WHERE s.relkind = 'S' AND n.nspname = current_schema()"""
_POSTGRES_RENAME = {"pkey": 'ALTER TABLE "{table}" RENAME CONSTRAINT "{old}" TO "{new}"',
                    "fkey": 'ALTER TABLE "{table}" RENAME CONSTRAINT "{old}" TO "{new}"',
                    "seq": 'ALTER SEQUENCE "{old}" RENAME TO "{new}"',
                    "index": 'ALTER INDEX "{old}" RENAME TO "{new}"'}


class Named(NamedTuple):
    """An index, or (PostgreSQL) a constraint or sequence, of a table; `kind` is a key of _POSTGRES_RENAME."""
    table: str
    name: str
    kind: str
    columns: list[str]

    def usual_name(self, table: str, columns: list[str]) -> str:
        """Return its default name on a table with these names."""
        if self.kind == "index":
            return str(make_index_name(table, columns))
        return "_".join((table, *columns, self.kind))


def rename(database: peewee.Database, tables: Mapping[str, str],
           columns: Mapping[str, Mapping[str, str]]) -> None:
    """Rename tables (old name to new name) and columns (by their table's old name: old name to new name).

    Indexes, constraints and sequences whose name followed from the old names get the name that follows from
    the new. A name may be given to another thing in the same call; ValueError where two names are exchanged.
    """
    following = {item.name: (item, new) for item, new in _following(database, tables, columns)}
    for table, names in columns.items():
        for old, new in _in_order(names):
            database.execute_sql(f'ALTER TABLE "{table}" RENAME COLUMN "{old}" TO "{new}"')
    for old, new in _in_order(tables):
        database.execute_sql(f'ALTER TABLE "{old}" RENAME TO "{new}"')
    if isinstance(database, peewee.SqliteDatabase):
        _recreate_indexes(database, {old: new for old, (_, new) in following.items()})
        return
    for old, new in _in_order({old: new for old, (_, new) in following.items()}):
        item = following[old][0]
        table = tables.get(item.table, item.table)
        database.execute_sql(_POSTGRES_RENAME[item.kind].format(table=table, old=old, new=new))


def _following(database: peewee.Database, tables: Mapping[str, str],
               columns: Mapping[str, Mapping[str, str]]) -> Iterator[tuple[Named, str]]:
    """Yield what is named after tables or columns with new names, each with its own new name."""
    for item in _named(database, tables.keys() | columns.keys()):
        names = columns.get(item.table, {})
        new = item.usual_name(tables.get(item.table, item.table),
                              [names.get(name, name) for name in item.columns])
        if item.name == item.usual_name(item.table, item.columns) != new:
            yield item, new


def _named(database: peewee.Database, tables: Iterable[str]) -> Iterator[Named]:
    """Yield everything of these tables that has a name of its own."""
    for table in tables:
        for index in database.get_indexes(table):
            yield Named(table, index.name, "index", index.columns)
    if not isinstance(database, peewee.SqliteDatabase):
        for row in database.execute_sql(_POSTGRES_NAMED).fetchall():
            if row[0] in tables:
                yield Named(*row)


def _in_order(names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the pairs of old and new names, each after the pair that frees its new name."""
    waiting = dict(names)
    while waiting:
        free = [old for old, new in waiting.items() if new not in waiting]
        if not free:
            raise ValueError(f"names are exchanged ({', '.join(waiting)}): "
                             "rename through a third name, in two calls")
        for old in free:
            yield old, waiting.pop(old)


def _recreate_indexes(database: peewee.Database, names: Mapping[str, str]) -> None:
    """Give indexes of SQLite new names (old to new) by creating them anew."""
    definition = "SELECT sql FROM sqlite_master WHERE type = 'index' AND name = ?"
    statements = []
    for old, new in names.items():
        (sql,) = database.execute_sql(definition, (old,)).fetchone()
        beginning = rf'^(CREATE (?:UNIQUE )?INDEX )"?{re.escape(old)}"?'
        statements.append(re.sub(beginning, rf'\1"{new}"', sql, count=1))
        database.execute_sql(f'DROP INDEX "{old}"')
    for statement in statements:
        database.execute_sql(statement)
