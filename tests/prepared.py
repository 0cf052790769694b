"""What a database has when many tests begin, made once in each process and copied from then on."""
from __future__ import annotations

import sqlite3
from collections.abc import Callable

from server.models import db, is_postgres
from tests import postgres

_copies: dict[tuple[str, bool], Callable[[], None]] = {}  # by name, and whether it is for PostgreSQL


def begin_with(name: str, make: Callable[[], None]) -> None:
    """Bring the empty database to the state of this name, which `make` makes.

    Nothing but the database is kept: `make` changes no setting, no clock and no file.
    """
    key = name, is_postgres()
    if key in _copies:
        _copies[key]()
    else:
        make()
        _copies[key] = _copy_of_postgres(name) if is_postgres() else _copy_of_sqlite()


def _copy_of_sqlite() -> Callable[[], None]:
    copy = sqlite3.connect(":memory:", check_same_thread=False)
    db.connection().backup(copy)
    return lambda: copy.backup(db.connection())


def _copy_of_postgres(name: str) -> Callable[[], None]:
    last = db.execute_sql("SELECT sequencename, last_value FROM pg_sequences "
                          "WHERE schemaname = 'public' AND last_value IS NOT NULL").fetchall()
    counters = [f"SELECT setval('{sequence}', {number})" for sequence, number in last]
    statements = "; ".join([*postgres.keep(name), *counters])
    return lambda: db.execute_sql(statements)
