"""Parts are as large as they may take time."""
from __future__ import annotations

import pytest

from server.resources import parts, store, transactions


def after(size: parts.Parts, count: int, held_s: float, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(transactions, "held_s", lambda: held_s)
    size.took(count)
    return size.size


def test_a_part_grows_while_it_takes_little_time(monkeypatch: pytest.MonkeyPatch) -> None:
    size = parts.Parts(50)
    assert size.size == 50
    assert after(size, 50, 0.01, monkeypatch) == 100, "no faster than doubled"
    assert after(size, 100, 0.08, monkeypatch) == 125
    assert after(size, 125, 0.2, monkeypatch) == 62
    assert after(size, 62, 10.0, monkeypatch) == 50, "never less than the first"
    assert after(size, 0, 0.001, monkeypatch) == 50, "a part without items says nothing"


def test_a_part_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    size = parts.Parts(50)
    for _ in range(10):
        after(size, size.size, 0.0, monkeypatch)
    assert size.size == parts.MOST


def test_a_transaction_says_how_long_it_held_its_locks(server: None, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [10.0]
    monkeypatch.setattr(transactions.time, "monotonic", lambda: now[0])
    with store.transaction("/edev/1"):
        with store.transaction():
            now[0] = 12.5
    assert transactions.held_s() == 2.5
