"""A backup into a database, on either engine: all of it or nothing, and verified."""
from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import peewee

from server import models
from server.backups import manifest, rows, sessions, snapshot
from server.backups.manifest import Manifest
from server.backups.rows import Digest
from server.config.checks import masked
from server.errors import Refused
from server.migrations import runner

IN_USE = ("device", "virtual_der", "audit_entry")  # tables without rows as long as a database is not used


def restore(path: Path, url: str, *, replace: bool = False, dry_run: bool = False) -> Manifest:
    """Put a backup into the database at a URL, at the schema of this program; return its manifest.

    Refused, and nothing changed, where the file is damaged or newer than the program (400), where the
    database has devices, virtual DERs or audit entries, unless `replace`, or somebody uses it (409). With
    `dry_run` nothing is changed in any case.
    """
    made = manifest.verify(path)
    known = [file.stem for file in sorted(models.MIGRATIONS.glob("[0-9]*.py"))]
    if list(made.migrations) != known[:len(made.migrations)]:
        raise Refused(400, f"{path} is of a later version ({made.product_version}, schema {made.schema}). "
                           "Install that version, or a later one")
    put = _into_sqlite if url.startswith("sqlite") else _into_postgres
    as_it_is = not url.startswith("sqlite") and len(made.migrations) == len(known)
    with _opened(path) if as_it_is else _prepared(path) as source:
        put(source, url, replace, dry_run)
    return made


def move(source_url: str, url: str, *, dry_run: bool = False) -> Manifest:
    """Copy a database that nobody uses into an empty one; return the manifest of the copy.

    Refused as by `restore`, and where the source is in use (409).
    """
    if source_url == url:
        raise Refused(400, f"{masked(url)} is both source and target. Name another target")
    with tempfile.TemporaryDirectory(prefix="counterpoise-") as folder:
        path = Path(folder) / "move.backup"
        snapshot.write(source_url, path, alone=True)
        return restore(path, url, dry_run=dry_run)


def _opened(path: Path) -> closing[sqlite3.Connection]:
    return closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True))


@contextmanager
def _prepared(path: Path) -> Iterator[sqlite3.Connection]:
    """Yield a plain copy of a backup at the schema of this program; it is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="counterpoise-") as folder:
        copy = Path(folder) / "copy.db"
        with _opened(path) as file, closing(sqlite3.connect(copy, isolation_level=None)) as plain:
            file.backup(plain)
            plain.execute("PRAGMA synchronous = 0")
            manifest.remove(plain)
        database = peewee.SqliteDatabase(str(copy), pragmas={"foreign_keys": 1, "synchronous": 0})
        try:
            runner.migrate(database, models.MIGRATIONS)
        finally:
            database.close()
        with closing(sqlite3.connect(copy, isolation_level=None)) as plain:
            manifest.check_integrity(plain, str(path))
            yield plain


def _require_unused(counts: dict[str, int], name: str, replace: bool) -> None:
    used = {table: count for table, count in counts.items() if count}
    if used and not replace:
        words = ", ".join(f"{count} rows of {table}" for table, count in used.items())
        raise Refused(409, f"the database {name} has {words}. Name an empty one, or replace it "
                           "(--replace)")


def _require_same(table: str, source: Digest, target: Digest) -> None:
    if source != target:
        raise Refused(500, f"the table {table} is not as in the backup after it was written ({target.rows} "
                           f"rows, {source.rows} expected). Check the disk, and restore it again")


# --- SQLite ---------------------------------------------------------------------------------------

def _into_sqlite(source: sqlite3.Connection, url: str, replace: bool, dry_run: bool) -> None:
    path = Path(url.partition(":///")[2])
    if not path.exists():
        if not dry_run:
            _into_new_sqlite(source, path)
        return
    with sessions.sqlite_alone(path) as target:
        there = {table.name for table in rows.sqlite_tables(target)}
        counts = {name: target.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
                  for name in IN_USE if name in there}
        _require_unused(counts, masked(url), replace)
        if dry_run:
            return
        _copy_pages(source, target)


def _into_new_sqlite(source: sqlite3.Connection, path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        with sessions.sqlite_alone(path) as target:
            _copy_pages(source, target)
    except BaseException:
        path.unlink()
        raise


def _copy_pages(source: sqlite3.Connection, target: sqlite3.Connection) -> None:
    source.backup(target)  # in one transaction of the target
    target.execute("PRAGMA journal_mode = WAL")
    for table in rows.sqlite_tables(source):
        _require_same(table.name, rows.total(rows.read_sqlite(source, table)),
                      rows.total(rows.read_sqlite(target, table)))


# --- PostgreSQL -----------------------------------------------------------------------------------

def _into_postgres(source: sqlite3.Connection, url: str, replace: bool, dry_run: bool) -> None:
    """Copy all rows in one transaction, which ends once they are read again and found the same."""
    database = models.open_database(url)
    try:
        connection = database.connection()
        sessions.require_postgres_alone(connection, masked(url))
        there = set(database.get_tables())
        counts = {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
                  for name in IN_USE if name in there}
        _require_unused(counts, masked(url), replace)
        if dry_run:
            return
        runner.migrate(database, models.MIGRATIONS)
        with connection.transaction():
            _copy_rows(source, connection)
        connection.execute("ANALYZE")
    finally:
        database.close()


def _copy_rows(source: sqlite3.Connection, connection: Any) -> None:
    tables = [rows.postgres_shape(connection, table) for table in rows.sqlite_tables(source, manifest.TABLE)]
    names = ", ".join(f'"{table.name}"' for table in tables)
    connection.execute(f"TRUNCATE {names}")  # takes the lock that keeps all others out
    for table in tables:
        digest = Digest()
        batches = rows.digested(rows.as_kept(table, rows.read_sqlite(source, table)), digest)
        rows.write_postgres(connection, table, batches)
        kept = rows.as_kept(table, rows.read_postgres(connection, table))
        _require_same(table.name, digest, rows.total(kept))
    rows.advance_sequences(connection, tables)
