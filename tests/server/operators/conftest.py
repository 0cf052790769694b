"""Passwords are hashed in no time here."""
from __future__ import annotations

import pytest

from server.operators import passwords


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "ITERATIONS", 1)
    monkeypatch.setattr(passwords, "MEMORY_KIB", 8)
    passwords._nobodys.cache_clear()
