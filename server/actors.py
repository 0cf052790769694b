"""Who makes the changes of a call, for the audit log.

    with acting("alice", "storm ahead"): …             # who makes the changes inside, and why

It stands apart from `audit` since who only reads needs the name, but not the store.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

LOCAL = " (command line)"


class Actor(NamedTuple):
    """Who makes a change, and why; `signed_in` where they have proved who they are."""
    who: str
    reason: str = ""
    signed_in: bool = False


_actor: ContextVar[Actor | None] = ContextVar("actor", default=None)


@contextmanager
def acting(who: str, reason: str = "", signed_in: bool = False) -> Iterator[None]:
    """Attribute the changes inside to this operator, with this reason."""
    token = _actor.set(Actor(who, reason, signed_in))
    try:
        yield
    finally:
        _actor.reset(token)


_noticed: ContextVar[Callable[[], None] | None] = ContextVar("noticed", default=None)


@contextmanager
def noticing(changed: Callable[[], None]) -> Iterator[None]:
    """Call a function for each change of an operator inside, in its transaction."""
    token = _noticed.set(changed)
    try:
        yield
    finally:
        _noticed.reset(token)


def notice() -> None:
    """Say, in a transaction, that an operator changes something in it."""
    changed = _noticed.get()
    if changed is not None:
        changed()


def actor() -> Actor | None:
    """Return who makes changes here; None where nobody does, as for those of devices."""
    return _actor.get()


def local(name: str) -> str:
    """How the audit log calls somebody of the local command line, once there are users: a name there is not
    that of a user, but what somebody has said."""
    return f"{name}{LOCAL}"


def same_person(first: str, second: str) -> bool:
    """Whether two names are of one person, as far as they say."""
    return first.removesuffix(LOCAL) == second.removesuffix(LOCAL)


def who() -> str:
    """Return the name of the actor; "" where there is none."""
    current = _actor.get()
    return current.who if current else ""
