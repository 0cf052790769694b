"""Whether an error means that a disk is full: of SQLite, of PostgreSQL, or of the operating system."""
from __future__ import annotations

import errno

_SQLITE = ("SQLITE_FULL", "SQLITE_IOERR_SHMSIZE")  # the second where the index of the WAL cannot grow
_POSTGRES = "53100"  # SQLSTATE disk_full


def is_disk_full(error: BaseException | None) -> bool:
    """Return whether an error says so, or the one that it wraps, or the one in whose handling it came.

    After such an error SQLite has ended the transaction by itself, so that the rollback fails too.
    """
    if error is None:
        return False
    return (
        getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT)
        or getattr(error, "sqlite_errorname", None) in _SQLITE
        or getattr(error, "sqlstate", None) == _POSTGRES
        or is_disk_full(getattr(error, "orig", None))
        or is_disk_full(error.__cause__ or error.__context__)
    )
