"""Who makes the changes of a call, for the audit log.

    with acting("alice", "storm ahead"): …             # who makes the changes inside, and why

It stands apart from `audit` since who only reads needs the name, but not the store.
"""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple


class Actor(NamedTuple):
    """Who makes a change, and why."""
    who: str
    reason: str = ""


_actor: ContextVar[Actor | None] = ContextVar("actor", default=None)


@contextmanager
def acting(who: str, reason: str = "") -> Iterator[None]:
    """Attribute the changes inside to this operator, with this reason."""
    token = _actor.set(Actor(who, reason))
    try:
        yield
    finally:
        _actor.reset(token)


def actor() -> Actor | None:
    """Return who makes changes here; None where nobody does, as for those of devices."""
    return _actor.get()


def who() -> str:
    """Return the name of the actor; "" where there is none."""
    current = _actor.get()
    return current.who if current else ""
