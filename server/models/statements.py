"""Statements that are wrong are errors of the program, and not of a database that does not answer."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import peewee

from server.models import groupcommit

MOST_PARAMETERS = 32_766  # of a statement, as SQLite takes them; PostgreSQL takes 65,535
# These are right: where one fails, something else is wrong.
_TRANSACTIONS = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")


def check(parameters: Sequence[Any] | None) -> None:
    """Raise ProgrammingError for more parameters than a statement takes, whatever the database."""
    if parameters is not None and len(parameters) > MOST_PARAMETERS:
        raise peewee.ProgrammingError(
            f"a statement with {len(parameters)} parameters; models.among and sql.among divide them")


class Sqlite(groupcommit.GroupCommitDatabase):
    """A SQLite database whose errors are as those of PostgreSQL. SQLite's driver has one class for statements
    that are wrong and for a database that cannot be read."""

    def execute_sql(self, sql: str, params: Any = None, *arguments: Any, **options: Any) -> Any:
        """Execute a statement. ProgrammingError where it is wrong."""
        check(params)
        try:
            return super().execute_sql(sql, params, *arguments, **options)
        except peewee.OperationalError as error:
            cause = getattr(error, "orig", None)
            if getattr(cause, "sqlite_errorname", "") != "SQLITE_ERROR" or sql.startswith(_TRANSACTIONS):
                raise
            raise peewee.ProgrammingError(*error.args) from error
