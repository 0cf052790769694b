"""Commits on SQLite that survive a power failure, while nobody waits for the disk but who has committed.

SQLite itself waits for the disk at each commit and keeps its lock meanwhile: on a disk that takes 8 ms, all
devices together write 125 times a second. Here a transaction ends without that. Then its thread, which has
its turn no more, waits until the write-ahead log is on the disk, and one write takes with it all that were
committed before it began, as in PostgreSQL. After a power failure SQLite takes the log up to the last whole
commit that is on the disk: what is lost was answered to nobody.
"""
from __future__ import annotations

import os
import threading
from contextlib import suppress
from typing import Any

import peewee

from server.models import turns


class Log:
    """The write-ahead log of a SQLite database (a path), as this process writes it to the disk."""

    def __init__(self, database: str):
        self.path = f"{os.path.realpath(database)}-wal"
        self.changed = threading.Condition()
        self.begun = self.done = 0  # writes, counted
        self.is_writing = False

    def flush(self) -> None:
        """Wait until all that was committed before this call is on the disk. OperationalError where the disk
        does not take it.

        A write takes what was committed before it began: who finds one under way needs the next.
        """
        with self.changed:
            needed = self.begun + 1
            while self.is_writing and self.done < needed:
                self.changed.wait()
            if self.done >= needed:
                return
            self.is_writing, self.begun = True, self.begun + 1
        failed = True
        try:
            self._write()
            failed = False
        except OSError as error:
            raise peewee.OperationalError(f"disk I/O error: {error}") from error
        finally:
            with self.changed:
                self.is_writing = False
                if not failed:
                    self.done = self.begun
                self.changed.notify_all()

    def _write(self) -> None:
        with suppress(FileNotFoundError):  # without such a log SQLite writes to the disk itself
            file = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
            try:
                os.fdatasync(file)
            finally:
                os.close(file)


class GroupCommitDatabase(turns.TurnTakingDatabase):
    """A SQLite database. With `group_commit`, and `synchronous` full, each transaction is on the disk when it
    is committed; for a statement outside of any, SQLite itself sees to that."""
    log: Log | None = None

    def init(self, database: str | None, *arguments: Any, group_commit: bool = False, **options: Any) -> None:
        """Take the path of a database, and peewee's options."""
        super().init(database, *arguments, **options)
        self.log = Log(database) if database and group_commit else None

    def begin(self, lock_type: Any = None) -> None:
        """Begin a transaction."""
        self._synchronous("NORMAL")
        try:
            super().begin(lock_type)
        except BaseException:
            self._synchronous("FULL")
            raise

    def commit(self) -> None:
        """Commit a transaction. Where that fails, it has still to be rolled back."""
        super().commit()
        if self.log:
            self._synchronous("FULL")
            self.log.flush()

    def rollback(self) -> None:
        """Roll back a transaction, if there still is one: the log may have failed after its commit, and
        SQLite rolls back itself where it finds no room."""
        if self.connection().in_transaction:
            super().rollback()
        else:
            turns.leave(self.database)
        self._synchronous("FULL")

    def _synchronous(self, value: str) -> None:
        if self.log:
            self.connection().execute(f"PRAGMA synchronous = {value}")
