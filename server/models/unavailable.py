"""Errors by which a database is not available: it does not answer, or it refuses the login.

One that does not answer is waited for. One that refuses does so until somebody corrects a setting or the
database, so a process that starts says it and ends.
"""
from __future__ import annotations

import peewee

DATABASE_ERRORS = (peewee.OperationalError, peewee.InterfaceError)  # that it is not available


class Unavailable(peewee.OperationalError):
    """The database is not available. (peewee makes OperationalErrors of its direct subclasses, not of
    theirs.)"""


class LoginRefused(Unavailable):
    """The database answers and refuses the login: an unknown role or database, a wrong password, no right."""


def reason(error: Exception) -> str:
    """Return what the database, or its driver, said, on one line."""
    return " ".join((getattr(error, "strerror", None) or str(error)).split())


def verb(error: Exception) -> str:
    """Return what the database did, for sentences about it."""
    return "refuses the login" if isinstance(error, LoginRefused) else "did not answer"
