"""Who else has a database open, and how to have it alone."""
from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from server.errors import Refused
from server.models import inuse

_REMEDY = "Stop serve, work and whatever else uses it, and try again"


def open_sqlite(path: Path, wait_s: int = 0) -> sqlite3.Connection:
    """Connect to a SQLite database that is there; wait so long for locks. Transactions are explicit."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=wait_s, isolation_level=None)
    connection.execute("PRAGMA foreign_keys = 0")
    return connection


@contextmanager
def sqlite_alone(path: Path) -> Iterator[sqlite3.Connection]:
    """Connect to a SQLite database so that nobody else can. Refused (409) where somebody has it open.

    Whoever has a database in WAL mode open holds a lock on it, also between statements; who serves it has a
    part in a lock of ours, also without a connection.
    """
    with inuse.alone(path), closing(open_sqlite(path)) as connection:
        try:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("BEGIN EXCLUSIVE")
            connection.execute("COMMIT")  # the lock stays
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            raise Refused(409, f"another process has {path} open. {_REMEDY}") from None
        yield connection


def require_postgres_alone(connection: Any, name: str) -> None:
    """Refused (409) where others are connected to this PostgreSQL database (`name` for people)."""
    others = connection.execute(
        "SELECT pid, coalesce(nullif(application_name, ''), 'a program'),"
        " coalesce(host(client_addr), 'this machine') FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid != pg_backend_pid()"
        " AND backend_type = 'client backend' ORDER BY pid").fetchall()
    if others:
        (pid, program, host), more = others[0], len(others) - 1
        also = f" and {more} more" if more else ""
        raise Refused(
            409, f"{program} on {host} (process {pid} of PostgreSQL){also} uses {name}. {_REMEDY}")
