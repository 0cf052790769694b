"""A database, as it is at one instant, into a file. Whoever else reads or writes it goes on meanwhile."""
from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from importlib import metadata
from pathlib import Path
from typing import Any

import peewee

from server import clock, models
from server.backups import manifest, rows, sessions
from server.backups.manifest import Manifest
from server.backups.rows import Digest, TableShape
from server.config import settings
from server.config.checks import masked
from server.errors import Refused
from server.migrations import runner
from server.models.diskfull import is_disk_full

STEP_PAGES = 4096  # that SQLite copies at a time
SQLITE, POSTGRESQL = "sqlite", "postgresql"


def write(url: str, path: Path, *, alone: bool = False, replace: bool = False) -> Manifest:
    """Write a backup of the database at a URL; return its manifest.

    The file appears under its name once it is complete, verified and on the disk; only this user can read
    it. With `alone` the database is refused (409) while somebody else uses it. Refused (400) where the file
    exists, unless `replace`, or where the copy is not what was read.
    """
    if path.exists() and not replace:
        raise Refused(400, f"there is a file {path} already. Name another one, or replace it (--replace)")
    copy = _of_sqlite if url.startswith("sqlite") else _of_postgres
    try:
        with _renamed(path) as part:
            made, sources = copy(url, part, alone)
            with closing(sqlite3.connect(part, isolation_level=None)) as file:
                _complete(file, made, sources)
    except (sqlite3.Error, peewee.PeeweeException, OSError) as error:
        if not is_disk_full(error):
            raise
        raise Refused(507, f"there is no room for {path}, and none of it was kept. Make room on that disk, "
                           "or name another one") from None
    return made


@contextmanager
def _renamed(path: Path) -> Iterator[Path]:
    """Yield a new name beside a path, which what was written there gets in the end."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        yield part
        for name in (part, path.absolute().parent):
            descriptor = os.open(name, os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)
            if name == part:
                os.replace(part, path)
    finally:
        for name in (part, Path(f"{part}-journal"), Path(f"{part}-wal"), Path(f"{part}-shm")):
            with suppress(FileNotFoundError):
                name.unlink()


def _complete(file: sqlite3.Connection, made: Manifest, sources: dict[str, Digest]) -> None:
    """Compare the rows with those that were read, leave out what was deleted, and add the manifest."""
    for name in ("journal_mode = DELETE", "journal_mode = OFF", "synchronous = 0"):  # complete or thrown away
        file.execute(f"PRAGMA {name}")
    manifest.check_integrity(file, "the database")
    for table in rows.sqlite_tables(file):
        if rows.total(rows.read_sqlite(file, table)) != sources[table.name]:
            raise Refused(500, f"the copy of the table {table.name} is not what was read. Nothing was kept. "
                               "Check the disk and the memory of this machine")
    file.execute("VACUUM")  # deleted rows are not a part of a backup
    manifest.write(file, made)


def _made(engine: str, migrations: Sequence[str], sources: dict[str, Digest]) -> Manifest:
    return Manifest(
        product_version=metadata.version("counterpoise"), created_at=clock.now(), engine=engine,
        migrations=list(migrations),
        tables={name: manifest.entry(digest) for name, digest in sources.items()})


# --- SQLite ---------------------------------------------------------------------------------------

def _of_sqlite(url: str, part: Path, alone: bool) -> tuple[Manifest, dict[str, Digest]]:
    """Copy the pages of a SQLite database in one read transaction, which also hashes the rows."""
    path = Path(url.partition(":///")[2])
    if not path.is_file():
        raise Refused(503, f"there is no database {path.absolute()}. Name another one")
    opened = (sessions.sqlite_alone(path) if alone
              else closing(sessions.open_sqlite(path, settings.busy_timeout_s)))
    with opened as source, closing(sqlite3.connect(part)) as file:
        source.execute("BEGIN")  # from the first SELECT on, it sees one state
        migrations = _known(masked(url), [name for name, in source.execute(_APPLIED)]
                            if source.execute(_HAS_HISTORY).fetchone() else [])
        sources = {table.name: rows.total(rows.read_sqlite(source, table))
                   for table in rows.sqlite_tables(source)}
        source.backup(file, pages=STEP_PAGES)
        source.execute("COMMIT")
    return _made(SQLITE, migrations, sources), sources


_APPLIED = f"SELECT name FROM {rows.HISTORY} ORDER BY name"
_HAS_HISTORY = f"SELECT 1 FROM sqlite_master WHERE name = '{rows.HISTORY}'"


def _known(name: str, applied: list[str]) -> list[str]:
    """Return the migrations of a database; Refused where it has none, or such as are not known."""
    known = [path.stem for path in sorted(models.MIGRATIONS.glob("[0-9]*.py"))]
    if not applied:
        raise Refused(503, f"the database {name} is empty. Name another one")
    if applied != known[:len(applied)]:
        raise Refused(503, f"the database {name} is newer than this program. Use the version that was used "
                           "last, or a later one")
    return applied


# --- PostgreSQL -----------------------------------------------------------------------------------

def _of_postgres(url: str, part: Path, alone: bool) -> tuple[Manifest, dict[str, Digest]]:
    """Copy the rows of a PostgreSQL database in one transaction that sees one state, REPEATABLE READ."""
    database = models.open_database(url)
    try:
        connection = database.connection()
        with connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            if alone:
                sessions.require_postgres_alone(connection, masked(url))
            applied = ([name for name, in connection.execute(_APPLIED)]
                       if rows.HISTORY in database.get_tables() else [])
            migrations = _known(masked(url), applied)
            sources = _copied(connection, part, migrations[-1])
    finally:
        database.close()
    return _made(POSTGRESQL, migrations, sources), sources


def _copied(connection: Any, part: Path, schema: str) -> dict[str, Digest]:
    """Copy all rows into a SQLite database that is made as it was after the migration `schema`."""
    made = peewee.SqliteDatabase(str(part), pragmas={"foreign_keys": 0, "synchronous": 0})
    try:
        runner.migrate(made, models.MIGRATIONS, last=schema)
        file: sqlite3.Connection = made.connection()
        tables = rows.sqlite_tables(file)
        file.execute("BEGIN")
        sources = {table.name: _copy(connection, file, table) for table in tables}
        file.execute("COMMIT")
        return sources
    finally:
        made.close()


def _copy(connection: Any, file: sqlite3.Connection, table: TableShape) -> Digest:
    digest = Digest()
    file.execute(f'DELETE FROM "{table.name}"')  # what a migration has put there
    batches = rows.read_postgres(connection, rows.postgres_shape(connection, table))
    rows.write_sqlite(file, table, rows.digested(batches, digest))
    return digest
