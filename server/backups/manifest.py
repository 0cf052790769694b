"""What a backup says of itself, inside: when and from what it was made, its schema, counts and hashes."""
from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from server.backups import rows
from server.backups.rows import Digest
from server.errors import Refused
from server.units import Instant

TABLE = "backup_manifest"
FORMAT = 1  # of backups; a program refuses those of a later one
APPLICATION_ID = 0x43504250  # "CPBP", by which a file shows that it is a backup (PRAGMA application_id)
_FIELDS = ("format", "product_version", "created_at", "engine", "migrations", "tables")


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The manifest. `migrations` are those that the database has, oldest first; `tables` has the number of
    rows and the hash (see Digest) of each table. `engine` is where the rows come from.
    """
    product_version: str
    created_at: Instant
    engine: str
    migrations: Sequence[str]
    tables: dict[str, dict[str, Any]]
    format: int = FORMAT

    @property
    def rows(self) -> int:
        """The number of rows of all tables."""
        return sum(table["rows"] for table in self.tables.values())

    @property
    def schema(self) -> str:
        """The newest migration."""
        return self.migrations[-1]


def entry(digest: Digest) -> dict[str, Any]:
    """Return what a manifest says of a table."""
    return {"rows": digest.rows, "sha256": digest.sha256}


def write(connection: sqlite3.Connection, manifest: Manifest) -> None:
    """Put a manifest into a database."""
    connection.execute(f"CREATE TABLE {TABLE} (name TEXT PRIMARY KEY, value TEXT NOT NULL)")
    connection.executemany(f"INSERT INTO {TABLE} VALUES (?, ?)",
                           [(name, json.dumps(value)) for name, value in asdict(manifest).items()])
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")


def remove(connection: sqlite3.Connection) -> None:
    """Make a plain database of a backup."""
    connection.execute(f"DROP TABLE {TABLE}")
    connection.execute("PRAGMA application_id = 0")


def verify(path: Path) -> Manifest:
    """Return the manifest of a backup, if all that it says is true.

    Refused (400) where the file is none, is damaged, or is of a program that is newer.
    """
    if not path.is_file():
        raise Refused(400, f"there is no file {path}. Name a file that counterpoise backup has made")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as file:
            manifest = _read(path, file)
            check_integrity(file, str(path))
            missing = dict(manifest.tables)
            for table in rows.sqlite_tables(file, TABLE):
                if entry(rows.total(rows.read_sqlite(file, table))) != missing.pop(table.name, None):
                    raise _damaged(path, f"the rows of {table.name} are not those of its manifest")
            if missing:
                raise _damaged(path, f"it lacks {', '.join(missing)}")
            return manifest
    except sqlite3.DatabaseError as error:
        raise _damaged(path, str(error)) from None


def check_integrity(connection: sqlite3.Connection, name: str) -> None:
    """Refused (400) where a SQLite database is damaged or a row refers to one that does not exist."""
    (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if found != "ok":
        raise Refused(400, f"{name} is damaged: {found}. Use another one")
    if dangling := connection.execute("PRAGMA foreign_key_check").fetchone():
        raise Refused(400, f"{name} is damaged: a row of {dangling[0]} refers to a row of {dangling[2]} that "
                           "does not exist. Use another one")


def _read(path: Path, file: sqlite3.Connection) -> Manifest:
    (identity,) = file.execute("PRAGMA application_id").fetchone()
    if identity != APPLICATION_ID:
        raise Refused(400, f"{path} is not a backup. Name a file that counterpoise backup has made")
    values = {name: json.loads(value) for name, value in file.execute(f"SELECT name, value FROM {TABLE}")}
    if values.get("format", FORMAT) > FORMAT:
        raise Refused(400, f"{path} was made by the later version {values.get('product_version')}. Install "
                           "that version, or a later one")
    if missing := [name for name in _FIELDS if name not in values]:
        raise _damaged(path, f"its manifest lacks {', '.join(missing)}")
    return Manifest(**{name: values[name] for name in _FIELDS})


def _damaged(path: Path, why: str) -> Refused:
    return Refused(400, f"{path} is damaged: {why}. Use another backup")
