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

import peewee

from server.units import SecondsExact

SUFFIX = "-turn"  # beside SQLite's -wal and -shm
ASK_S = 0.001  # between two requests for the lock
_threads = threading.Lock()  # held by the one thread of this process that asks, or has its turn
_kept: tuple[tuple[int, str], int | None] = (0, ""), None  # the file, and of which process and path it is


class Locked(peewee.OperationalError):
    """Others have written for longer than was waited."""
    sqlite_errorname = "SQLITE_BUSY"


@contextmanager
def turn(path: str, wait_s: SecondsExact) -> Iterator[None]:
    """Have a turn to write to the database at a path; Locked where others take longer than `wait_s`."""
    end = time.monotonic() + wait_s
    if not _threads.acquire(timeout=wait_s):
        raise Locked("database is locked")
    try:
        file = _open(path)
        if file is None:
            yield
            return
        _lock(file, end)
        try:
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)
    finally:
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
