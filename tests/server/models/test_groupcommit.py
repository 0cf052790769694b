"""Commits on SQLite are on the disk before they are answered, and many by one write."""
from __future__ import annotations

import os
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.config import settings
from server.models import open_database
from server.models.groupcommit import GroupCommitDatabase, Log
from server.models.unavailable import DATABASE_ERRORS


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "own.db"


@pytest.fixture
def database(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GroupCommitDatabase]:
    monkeypatch.setattr(settings, "synchronous", "full")
    opened = open_database(f"sqlite:///{path}")
    assert isinstance(opened, GroupCommitDatabase)
    opened.execute_sql("CREATE TABLE note (text)")
    yield opened
    opened.close()


def level(database: GroupCommitDatabase) -> int:
    """1 is NORMAL, 2 is FULL."""
    found: int = database.execute_sql("PRAGMA synchronous").fetchone()[0]
    return found


def test_others_write_while_who_has_committed_waits_for_the_disk(
    database: GroupCommitDatabase, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []

    def fdatasync(file: int) -> None:
        other = sqlite3.connect(path, timeout=0)
        with other:
            other.execute("INSERT INTO note SELECT 'other' FROM note WHERE text = 'ours'")
        other.close()
        written.append(os.readlink(f"/proc/self/fd/{file}"))
    monkeypatch.setattr(os, "fdatasync", fdatasync)
    with database.atomic():
        assert level(database) == 1
        database.execute_sql("INSERT INTO note VALUES ('ours')")
        assert not written
    assert written == [f"{path}-wal"]
    assert database.execute_sql("SELECT text FROM note ORDER BY rowid").fetchall() == [("ours",), ("other",)]


def test_what_is_on_the_disk_when_a_transaction_ends_has_it(
    database: GroupCommitDatabase, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    shutil.copy(path, disk)  # which is written at checkpoints only
    monkeypatch.setattr(
        os, "fdatasync", lambda file: shutil.copy(f"/proc/self/fd/{file}", disk / "own.db-wal"))
    for number in range(3):
        with database.atomic():
            database.execute_sql("INSERT INTO note VALUES (?)", (number,))
        shutil.copytree(disk, tmp_path / str(number))  # the power fails here
        after = sqlite3.connect(tmp_path / str(number) / "own.db")
        assert after.execute("SELECT count(*) FROM note").fetchone() == (number + 1,)
        after.close()


def test_outside_of_transactions_sqlite_waits_itself(
    database: GroupCommitDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert level(database) == 2
    with pytest.raises(ZeroDivisionError), database.atomic():
        1 / 0
    assert level(database) == 2
    with database.atomic():
        pass
    assert level(database) == 2


def test_normal_waits_for_no_disk(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "synchronous", "normal")
    monkeypatch.delattr(os, "fdatasync")
    opened = open_database(f"sqlite:///{path}")
    with opened.atomic():
        opened.execute_sql("CREATE TABLE note (text)")
    assert opened.execute_sql("PRAGMA synchronous").fetchone() == (1,)
    opened.close()


def test_what_the_disk_does_not_take_is_an_error_and_the_next_one_tries_again(
    database: GroupCommitDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(os, "fdatasync", _fail)
        with pytest.raises(DATABASE_ERRORS, match="disk I/O error"), database.atomic():
            database.execute_sql("INSERT INTO note VALUES ('ours')")
    with database.atomic():
        database.execute_sql("INSERT INTO note VALUES ('again')")
    assert database.log is not None and database.log.done == database.log.begun


def _fail(file: int) -> None:
    raise OSError(5, "Input/output error")


class Announced(threading.Condition):
    """It says who waits for it."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting = threading.Semaphore(0)

    def wait(self, timeout: float | None = None) -> bool:
        self.waiting.release()
        return super().wait(timeout)


class SlowDisk(Log):
    """A disk whose writes end when the test says so."""

    def __init__(self) -> None:
        super().__init__("nowhere.db")
        self.changed: Announced = Announced()
        self.began, self.ends = threading.Semaphore(0), threading.Semaphore(0)

    def _write(self) -> None:
        self.began.release()
        assert self.ends.acquire(timeout=10)


def test_one_write_takes_all_that_were_committed_before_it_began() -> None:
    disk, over = SlowDisk(), []

    def commit(name: str) -> None:
        disk.flush()
        over.append(name)

    first = threading.Thread(target=commit, args=("first",))
    first.start()
    assert disk.began.acquire(timeout=10)
    others = [threading.Thread(target=commit, args=("other",)) for _ in range(5)]
    for other in others:
        other.start()
    for _ in others:
        assert disk.changed.waiting.acquire(timeout=10)
    disk.ends.release()
    first.join()
    assert over == ["first"] and disk.began.acquire(timeout=10)
    disk.ends.release()
    for other in others:
        other.join()
    assert over.count("other") == 5 and disk.done == 2


def test_without_a_log_there_is_nothing_to_wait_for(tmp_path: Path) -> None:
    Log(str(tmp_path / "x.db")).flush()
