"""Turns to write to SQLite: one process, and one thread of it, after the other."""
from __future__ import annotations

import fcntl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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


def test_who_waits_too_long_is_told_that_it_is_locked(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with turns.turn(str(path), 1):
        pass
    with another_process(path), pytest.raises(turns.Locked) as refused, turns.turn(str(path), 0.002):
        raise AssertionError("it is another's turn")
    assert is_locked(refused.value)
    with turns.turn(str(path), 0):  # it is given back
        other = threading.Thread(target=_expect_locked, args=(str(path),))
        other.start()
        other.join()


def _expect_locked(path: str) -> None:
    with pytest.raises(turns.Locked), turns.turn(path, 0.002):
        raise AssertionError("it is the turn of another thread")


def test_a_turn_comes_as_soon_as_the_other_ends(tmp_path: Path) -> None:
    path, order = str(tmp_path / "x.db"), []
    with turns.turn(path, 1):
        pass

    def write() -> None:
        with turns.turn(path, 10):
            order.append("waited")

    with another_process(tmp_path / "x.db"):
        waiting = threading.Thread(target=write)
        waiting.start()
        order.append("had it")
    waiting.join()
    assert order == ["had it", "waited"]


def test_there_are_none_where_no_file_can_be(tmp_path: Path) -> None:
    with turns.turn(str(tmp_path / "nowhere" / "x.db"), 0):
        pass


def test_a_transaction_waits_for_its_turn(server: None) -> None:
    if models.is_postgres():
        pytest.skip("PostgreSQL has locks of its own")
    path = Path(models.db.obj.database).resolve()
    with store.transaction():
        pass
    with another_process(path), pytest.raises(transactions.Busy), store.transaction(wait_ms=2):
        raise AssertionError("it is another's turn")
    with models.db.atomic(), another_process(path), store.transaction(wait_ms=2):
        pass  # it has SQLite's lock already


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
