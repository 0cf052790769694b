"""Errors by which a database is not available: it does not answer, or it refuses the login.

One that does not answer is waited for. One that refuses does so until somebody corrects a setting or the
database, so a process that starts says it and ends.
"""
from __future__ import annotations

from collections.abc import Iterator

import peewee

DATABASE_ERRORS = (peewee.OperationalError, peewee.InterfaceError)  # that it is not available


class Unavailable(peewee.OperationalError):
    """The database is not available. (peewee makes OperationalErrors of its direct subclasses, not of
    theirs.)"""


class LoginRefused(Unavailable):
    """The database answers and refuses the login: an unknown role or database, a wrong password, no right."""


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error, those that it wraps, and those in whose handling it came."""
    while error is not None:
        yield error
        error = getattr(error, "orig", None) or error.__cause__ or error.__context__


def is_locked(error: Exception) -> bool:
    """Return whether an error means that others have kept a lock for longer than was waited."""
    return any(getattr(cause, "sqlite_errorname", None) == "SQLITE_BUSY"
               or getattr(cause, "sqlstate", None) == "55P03" for cause in chain(error))  # lock_not_available


def reason(error: Exception) -> str:
    """Return what the database, or its driver, said, on one line."""
    return " ".join((getattr(error, "strerror", None) or str(error)).split())


def verb(error: Exception) -> str:
    """Return what the database did, for sentences about it."""
    return "refuses the login" if isinstance(error, LoginRefused) else "did not answer"
