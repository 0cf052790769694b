"""PostgreSQL databases for tests."""
from __future__ import annotations

import os

import peewee

from server import models
from server.models import db
from server.resources import hooks

URL = os.environ.get("COUNTERPOISE_TEST_POSTGRES", "")  # of a database from which others can be created
_SEEDS = "seeds"  # the schema with copies of the tables that have rows from the start


def create(url: str, server: str = "", options: str = "") -> str:
    """Create an empty database in place of the one that this URL may name; return the URL.

    `server` is the URL of a database from which others can be created, by default that of the tests.
    `options` are those of CREATE DATABASE.
    """
    import psycopg
    name = url.rpartition("/")[2]
    with psycopg.connect(server or URL, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        connection.execute(f'CREATE DATABASE "{name}" {options}')
    return url


def keep(schema: str) -> list[str]:
    """Copy all rows that there are to a new schema, and return the statements that bring just these back."""
    names = [f'"{table._meta.table_name}"' for table in models.tables()]
    statements = [f"DELETE FROM {name}" for name in reversed(names)]  # TRUNCATE takes seven times as long
    db.execute_sql(f"CREATE SCHEMA {schema}")
    for name in names:
        if db.execute_sql(f"SELECT 1 FROM {name} LIMIT 1").fetchone():
            db.execute_sql(f"CREATE TABLE {schema}.{name} AS TABLE {name}")
            statements.append(f"INSERT INTO {name} SELECT * FROM {schema}.{name}")
    return statements


class Emptied:
    """A database that has what it has from the start (`hooks.run_seeds`), and nothing else, in each test.

    Its connection is kept from test to test. A new one costs more than most tests do: the server starts a
    process for it that has read no catalogue and prepared no statement.
    """

    def __init__(self, url: str):
        self.url = create(url)
        models.connect(url)
        hooks.run_seeds()
        self._database = db.obj
        self._empty = "; ".join(["RESET ALL", *keep(_SEEDS)])
        self.leave()

    def enter(self) -> None:
        """Empty it, and make it the database of the models."""
        db.initialize(self._database)
        db.connect(reuse_if_open=True)
        db.execute_sql(self._empty)
        db.obj.connection().settle(db.obj.session)

    def leave(self) -> None:
        """Take it from the models, but stay connected. Close what the test has connected to instead."""
        if db.obj is not self._database:
            db.close()
        db.initialize(peewee.SqliteDatabase(None))  # none, until the next test opens one

    def close(self) -> None:
        self._database.close()
