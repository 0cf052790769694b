"""Dry runs: a change is made, looked at, and taken back with its transaction."""
from __future__ import annotations

from typing import Any


class RolledBack(Exception):
    """Ends a transaction without keeping it; carries what it would have come to."""

    def __init__(self, answer: dict[str, Any]):
        super().__init__(answer)
        self.answer = answer
