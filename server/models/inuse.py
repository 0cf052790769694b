"""A lock beside a SQLite database that `serve` and `work` share for as long as they live.

SQLite's own locks tell of open connections only, and a worker that waits for its next turn, or for a database
that is away, may have none. Who wants the database alone takes the lock for itself. PostgreSQL needs none:
whoever writes there after a restore finds the restored tables.
"""
from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import IO

from server.errors import Refused

SUFFIX = "-inuse"  # beside SQLite's -wal and -shm
_SERVICES = {"gunicorn": "serve", "work": "work"}  # by a word of the command line


def hold(url: str) -> AbstractContextManager[object]:
    """Take a part in the lock of the database at a URL, until the result is closed or the process ends.

    Forked processes hold it too. Refused (503) while somebody has the database alone.
    """
    path = Path(url.partition(":///")[2])
    if not url.startswith("sqlite") or not path.parent.is_dir():
        return nullcontext()
    file = _open(path)
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise Refused(503, f"{path} is being restored or moved. Start again when that is done") from None
    return file


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Have the lock of a SQLite database alone. Refused (409) where others share it, by their names."""
    with _open(path) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holders = " and ".join(_holders(file)) or "another process"
            raise Refused(409, f"{path} is in use by {holders}. Stop serve, work and whatever else uses it, "
                               "and try again") from None
        yield


def _open(path: Path) -> IO[bytes]:
    name = f"{path.resolve()}{SUFFIX}"
    return os.fdopen(os.open(name, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600), "r+b")


def _holders(file: IO[bytes]) -> list[str]:
    """Return the processes that have taken the lock of a file, as Linux lists them; none elsewhere."""
    inode, found = str(os.fstat(file.fileno()).st_ino), list[str]()
    with suppress(OSError):
        for line in Path("/proc/locks").read_text().splitlines():
            words = line.split()  # 1: FLOCK ADVISORY READ <pid> <major:minor:inode> <start> <end>
            if words[1] == "FLOCK" and words[5].rpartition(":")[2] == inode:
                found.append(f"{_name(words[4])} (process {words[4]})")
    return found


def _name(pid: str) -> str:
    with suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
        return next((name for word, name in _SERVICES.items() if word in words), "a program")
    return "a program"
