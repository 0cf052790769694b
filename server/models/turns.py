"""Who may write to a SQLite database next.

SQLite gives its lock to no one in particular: who waits asks again after up to 0.1 s, and hardly ever finds
it free while another process writes much. So one thread of each process at a time asks for the lock of a file
beside the database, every millisecond, and has SQLite's to itself while it has that one.
"""
from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import peewee

from server.units import SecondsExact

SUFFIX = "-turn"  # beside SQLite's -wal and -shm
ASK_S = 0.001  # between two requests for the lock
_threads = threading.Lock()  # held by the one thread of this process that asks, or has its turn
_kept: tuple[tuple[int, str], int | None] = (0, ""), None  # the file, and of which process and path it is


class Locked(peewee.OperationalError):
    """Others have written for longer than was waited."""
    sqlite_errorname = "SQLITE_BUSY"


class _ThreadTurn(threading.local):
    path: str | None = None  # of the database to which this thread has its turn to write
    wait_s: SecondsExact | None = None


_local = _ThreadTurn()


class TurnTakingDatabase(peewee.SqliteDatabase):
    """A SQLite database whose transactions that write are turns. `atomic` raises Locked where others take
    longer than the time-out of the connection, or than `waiting` says."""

    def begin(self, lock_type: Any = None) -> None:
        """Begin a transaction."""
        take(self.database, self.timeout)
        try:
            super().begin(lock_type)
        except BaseException:
            leave(self.database)
            raise

    def commit(self) -> None:
        """Commit a transaction. Where that fails, it has still to be rolled back."""
        super().commit()
        leave(self.database)

    def rollback(self) -> None:
        """Roll back a transaction."""
        try:
            super().rollback()
        finally:
            leave(self.database)


@contextmanager
def waiting(wait_s: SecondsExact) -> Iterator[None]:
    """Have this thread wait so long for its turns, whatever its connection says."""
    _local.wait_s = wait_s
    try:
        yield
    finally:
        _local.wait_s = None


def take(path: str, wait_s: SecondsExact) -> None:
    """Take the turn to write to the database at a path, for this thread; Locked where others take longer than
    `wait_s`. A thread that has a turn already needs none for another database."""
    if _local.path is not None:
        return
    if _local.wait_s is not None:
        wait_s = _local.wait_s
    end = time.monotonic() + wait_s
    if not _threads.acquire(timeout=wait_s):
        raise Locked("database is locked")
    try:
        file = _open(path)
        if file is not None:
            _lock(file, end)
    except BaseException:
        _threads.release()
        raise
    _local.path = path


def leave(path: str) -> None:
    """Let others have their turn to write to the database at a path, if this thread has it."""
    if _local.path == path:
        _local.path = None
        if _kept[1] is not None:
            fcntl.flock(_kept[1], fcntl.LOCK_UN)
        _threads.release()


def _lock(file: int, end: float) -> None:
    while True:
        try:
            return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                raise Locked("database is locked") from None
            time.sleep(ASK_S)


def _open(path: str) -> int | None:
    """Return the descriptor of the file beside a database; None where there can be none.

    It is kept for the next turn, but not over a fork, which would share the lock.
    """
    global _kept
    if _kept[0] == (os.getpid(), path):
        return _kept[1]
    if _kept[1] is not None:
        os.close(_kept[1])
    try:
        file = os.open(f"{os.path.realpath(path)}{SUFFIX}", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError:
        file = None
    _kept = (os.getpid(), path), file
    return file
