"""Dry runs: a change is made, looked at, and rolled back with its transaction."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from server.resources import store
from server.units import Href


class RolledBack(Exception):
    """Ends a transaction without keeping it; carries the answer of the dry run."""

    def __init__(self, answer: dict[str, Any]):
        super().__init__(answer)
        self.answer = answer


@contextmanager
def transaction(dry_run: bool, *scopes: Href) -> Iterator[None]:
    """A transaction of the store that is rolled back at its end where `dry_run` is set.

    For `scopes` see `store.transaction`. Results are taken inside, while the change is there to be read.
    """
    try:
        with store.transaction(*scopes):
            yield
            if dry_run:
                raise RolledBack({})
    except RolledBack:
        pass
