"""Apply migrations: all of them or none, one process at a time, every row kept."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import peewee

from server.errors import Refused

DIRECTORY = Path(__file__).parent
HISTORY = "schema_migration"  # peewee's table of the applied migrations
LOCK = (2030, 5)  # of PostgreSQL's advisory locks: held by the process that migrates
WRITERS = 2030  # the one that writers share (see resources.store): a migration excludes them
REQUIREMENT = "schema compatible from"  # KeyValue: the migration a program has to know, and the newest
PRAGMAS = {
    # peewee drops and recreates a SQLite table to alter it; ON DELETE CASCADE would delete what refers to it.
    "foreign_keys": 0,
    # A renamed table is renamed in foreign keys too; some builds of SQLite switch that off.
    "legacy_alter_table": 0,
    # In ms: a second process waits for the first, and a large database takes minutes.
    "busy_timeout": 600_000,
}


def migrate(database: peewee.Database, directory: Path = DIRECTORY, last: str | None = None) -> list[str]:
    """Apply the migrations in `directory` that the database has not seen, up to `last` if that is given.

    All are applied in one transaction. A second process that migrates at the same time waits, then finds
    nothing to do. The KeyValue REQUIREMENT says afterwards which migration a program has to know to share the
    database: the last that declares no COMPATIBLE_FROM, or what a later one declares.

    Returns the names of the applied migrations. Raises Refused, and changes nothing, where the database is
    newer than the program and not compatible with it, or where a row refers to a row that does not exist.
    """
    if _is_current(database, directory):
        return []
    from playhouse import migrations  # which loads all drivers of databases
    runner = migrations.Runner(database, str(directory))
    if not _pending(runner):
        return []
    with _pragmas(database), database.atomic():
        if isinstance(database, peewee.PostgresqlDatabase):
            database.execute_sql("SELECT pg_advisory_xact_lock(%s, %s)", LOCK)
            database.execute_sql("SELECT pg_advisory_xact_lock(%s)", (WRITERS,))
        if not _pending(runner):  # another process was faster
            return []
        _check_foreign_keys(database, "The database is damaged and was not upgraded",
                            "Delete the row, or add the row that it refers to, then start again.")
        names: list[str] = runner.up(last)
        newest = max(runner.applied())
        _require(database, f"{requirement(directory, newest)} {newest}")
        _check_foreign_keys(
            database, f"The upgrade by {', '.join(names)} was rolled back, since it damages the database",
            "Install the version that was used last, and report this message.")
    return names


def _is_current(database: peewee.Database, directory: Path) -> bool:
    """Return whether exactly the migrations in `directory` are applied."""
    if not database.table_exists(HISTORY):
        return False
    applied = {name for name, in database.execute_sql(f"SELECT name FROM {HISTORY}").fetchall()}
    return applied == known(directory)


def pending(database: peewee.Database, directory: Path = DIRECTORY) -> list[str]:
    """Return the names of the migrations that `migrate` would apply. Refused as there."""
    if _is_current(database, directory):
        return []
    from playhouse import migrations
    return _pending(migrations.Runner(database, str(directory)))


def _pending(runner: Any) -> list[str]:
    """Return the migrations to apply.

    Refused where migrations are applied that the program does not know, unless they are compatible with it
    and it has none to apply itself.
    """
    rows = runner.status()
    unknown = [row.name for row in rows if row.path is None]
    pending = [row.name for row in rows if not row.applied]
    if unknown and (pending or not _is_compatible(runner.database, Path(runner.directory), max(unknown))):
        raise Refused(503, f"The database {runner.database.database} is newer than this program: it has the "
                           f"migrations {', '.join(unknown)}, which this version does not know. Install the "
                           "version that was used last, or a later one, or restore a backup from before the "
                           "upgrade.")
    return pending


def known(directory: Path = DIRECTORY) -> frozenset[str]:
    """Return the names of the migrations that the program knows."""
    return frozenset(path.stem for path in directory.glob("[0-9]*.py"))


def requirement(directory: Path, last: str) -> str:
    """Return the migration that a program has to know to work with the tables after those up to `last`."""
    from playhouse import migrations
    loaded = [migration for migration in migrations.Migration.load_directory(str(directory))
              if migration.name <= last]
    return max(str(getattr(migration.load(), "COMPATIBLE_FROM", migration.name)) for migration in loaded)


def _require(database: peewee.Database, required: str) -> None:
    if database.table_exists("key_value"):  # an early schema has another one
        database.execute_sql("DELETE FROM key_value WHERE name = " + _mark(database), (REQUIREMENT,))
        mark = _mark(database)
        database.execute_sql(f"INSERT INTO key_value (name, value) VALUES ({mark}, {mark})",
                             (REQUIREMENT, required))


def _mark(database: peewee.Database) -> str:
    return "%s" if isinstance(database, peewee.PostgresqlDatabase) else "?"


def _is_compatible(database: peewee.Database, directory: Path, newest: str) -> bool:
    """Return whether a program that knows the migrations in `directory` may share the database.

    It may not where nothing is said of the `newest` migration.
    """
    if not database.table_exists("key_value"):
        return False
    row = database.execute_sql(f"SELECT value FROM key_value WHERE name = {_mark(database)}",
                               (REQUIREMENT,)).fetchone()
    if row is None:
        return False
    required, last = row[0].split()
    return required in known(directory) and newest <= last


@contextmanager
def _pragmas(database: peewee.Database) -> Iterator[None]:
    """Set SQLite's PRAGMAS for the time of the migrations, and then what was set before."""
    if not isinstance(database, peewee.SqliteDatabase):
        yield
        return
    if database.in_transaction():
        raise RuntimeError("Migrations cannot run inside a transaction: SQLite would keep foreign keys on, "
                           "and delete rows.")
    before = {name: database.pragma(name) for name in PRAGMAS}
    try:
        for name, value in PRAGMAS.items():
            database.pragma(name, value)
        yield
    finally:
        for name, value in before.items():
            database.pragma(name, value)


def _check_foreign_keys(database: peewee.Database, fault: str, remedy: str) -> None:
    """Raise Refused, with `fault` and `remedy`, where a row refers to a row that does not exist.

    PostgreSQL checks by itself, at every statement.
    """
    if not isinstance(database, peewee.SqliteDatabase):
        return
    dangling = database.execute_sql("PRAGMA foreign_key_check").fetchall()
    if dangling:
        raise Refused(503, f"{fault}. Number of rows that refer to a row that does not exist: "
                           f"{len(dangling)}. First: {_describe(database, *dangling[0])} {remedy}")


def _describe(database: peewee.Database, table: str, rowid: int, parent: str, key: int) -> str:
    """Name a row that refers to nothing, as PRAGMA foreign_key_check reports it."""
    columns = [row[3] for row in _pragma(database, "foreign_key_list", table) if row[0] == key]
    identity = [row[1] for row in _pragma(database, "table_info", table) if row[5]] or ["rowid"]
    names = list(dict.fromkeys(identity + columns))
    fields = ", ".join(f'"{name}"' for name in names)
    values = database.execute_sql(f'SELECT {fields} FROM "{table}" WHERE rowid = ?', (rowid,)).fetchone()
    row = ", ".join(f"{name} = {value!r}" for name, value in zip(names, values, strict=True))
    return f"table {table}, row with {row}: its {', '.join(columns)} is not in table {parent}."


def _pragma(database: peewee.Database, name: str, table: str) -> list[Any]:
    rows: list[Any] = database.execute_sql(f'PRAGMA {name}("{table}")').fetchall()
    return rows
