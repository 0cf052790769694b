"""Whether an error means that a disk is full: of SQLite, of PostgreSQL, or of the operating system."""
from __future__ import annotations

import errno

from server.models.unavailable import chain

_SQLITE = ("SQLITE_FULL", "SQLITE_IOERR_SHMSIZE")  # the second where the index of the WAL cannot grow
_POSTGRES = "53100"  # SQLSTATE disk_full


def is_disk_full(error: BaseException | None) -> bool:
    """Return whether an error says so, or the one that it wraps, or the one in whose handling it came.

    After such an error SQLite has ended the transaction by itself, so that the rollback fails too.
    """
    return any(
        getattr(cause, "errno", None) in (errno.ENOSPC, errno.EDQUOT)
        or getattr(cause, "sqlite_errorname", None) in _SQLITE
        or getattr(cause, "sqlstate", None) == _POSTGRES
        for cause in chain(error)
    )
