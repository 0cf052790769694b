"""Turns to write to SQLite: one process, and one thread of it, after the other."""
from __future__ import annotations

import fcntl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import peewee
import pytest

from server import models
from server.models import turns
from server.models.unavailable import is_locked
from server.resources import sql, store, transactions


@contextmanager
def another_process(path: Path) -> Iterator[None]:
    """Have the turn as a process has that opened the file itself."""
    with open(f"{path}{turns.SUFFIX}", "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def turn(path: str, wait_s: float) -> Iterator[None]:
    """Have a turn."""
    turns.take(path, wait_s)
    yield
    turns.leave(path)


def test_who_waits_too_long_is_told_that_it_is_locked(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with turn(str(path), 1):
        pass
    with another_process(path), pytest.raises(turns.Locked) as refused:
        turns.take(str(path), 0.002)
    assert is_locked(refused.value)
    with turn(str(path), 0):  # it is given back
        other = threading.Thread(target=_expect_locked, args=(str(path),))
        other.start()
        other.join()


def _expect_locked(path: str) -> None:
    with pytest.raises(turns.Locked):
        turns.take(path, 0.002)


def test_a_turn_comes_as_soon_as_the_other_ends(tmp_path: Path) -> None:
    path, order = str(tmp_path / "x.db"), []
    with turn(path, 1):
        pass

    def write() -> None:
        with turn(path, 10):
            order.append("waited")

    with another_process(tmp_path / "x.db"):
        waiting = threading.Thread(target=write)
        waiting.start()
        order.append("had it")
    waiting.join()
    assert order == ["had it", "waited"]


def test_there_are_none_where_no_file_can_be(tmp_path: Path) -> None:
    with turn(str(tmp_path / "nowhere" / "x.db"), 0):
        pass


def test_who_has_a_turn_needs_none_for_another_database(tmp_path: Path) -> None:
    with turn(str(tmp_path / "x.db"), 1):
        with turn(str(tmp_path / "y.db"), 0.002):
            pass
        other = threading.Thread(target=_expect_locked, args=(str(tmp_path / "x.db"),))
        other.start()
        other.join()


def test_a_transaction_waits_for_its_turn(server: None, monkeypatch: pytest.MonkeyPatch) -> None:
    if models.is_postgres():
        pytest.skip("PostgreSQL has locks of its own")
    path = Path(models.db.obj.database).resolve()
    with store.transaction():
        pass
    with another_process(path), pytest.raises(transactions.Busy), store.transaction(wait_ms=2):
        raise AssertionError("it is another's turn")
    monkeypatch.setattr(models.db.obj, "_timeout", 0.002)
    with another_process(path), pytest.raises(turns.Locked), models.db.atomic():
        raise AssertionError("it is another's turn")
    with models.db.atomic(), store.transaction(wait_ms=2):
        pass  # it has its turn already


def test_a_transaction_that_fails_gives_its_turn_back(server: None, monkeypatch: pytest.MonkeyPatch) -> None:
    if models.is_postgres():
        pytest.skip("PostgreSQL has locks of its own")
    path = str(models.db.obj.database)
    with pytest.raises(ZeroDivisionError), models.db.atomic():
        raise ZeroDivisionError
    with pytest.raises(peewee.OperationalError), monkeypatch.context() as patch, models.db.atomic():
        patch.setattr(peewee.SqliteDatabase, "commit", _fail)
    monkeypatch.setattr(peewee.SqliteDatabase, "begin", _fail)
    with pytest.raises(peewee.OperationalError):
        models.db.obj.begin()
    assert turns._local.path is None
    other = threading.Thread(target=turns.take, args=(path, 0.002))
    other.start()
    other.join()
    assert not turns._threads.acquire(blocking=False)  # that thread has it
    turns._threads.release()


def _fail(*_: object) -> None:
    raise peewee.OperationalError("disk I/O error")


def test_others_have_half_of_the_time(server: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only if they have written of late, and only after a long transaction."""
    if models.is_postgres():
        pytest.skip("PostgreSQL has locks of its own")
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    monkeypatch.setattr(transactions._local, "others_at", -1e9)
    transactions._give_way(0.1)  # whoever has made the database wrote before the first look
    slept.clear()
    monkeypatch.setattr(transactions._local, "others_at", -1e9)
    transactions._give_way(0.1)
    assert not slept
    other = models.open_database(f"sqlite:///{models.db.obj.database}")
    other.execute_sql("INSERT INTO key_value (name, value) VALUES ('x', 'y')")
    other.close()
    transactions._give_way(transactions.LONG_S / 2)
    assert not slept
    transactions._give_way(0.1)
    transactions._give_way(9)
    assert slept == [0.1, transactions.MOST_S] and sql.row("SELECT 1")
