"""Transactions of the store: one writer of a tree at a time, and what is due at the end of a transaction."""
from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext

import peewee

from server.models import check_schema, db, is_postgres, turns
from server.models.base import CHUNK
from server.models.unavailable import is_locked
from server.resources import eventnotes, outbox, render, sql
from server.units import Href, SecondsExact

LONG_S = 0.02  # that a transaction takes after which others have their turn
MOST_S = 0.5  # of that turn
LATELY_S = 3.0  # for which it is believed that others write, once they have


class _Local(threading.local):
    depth = 0
    dirty: dict[str, None] = {}
    uncounted: dict[str, None] = {}
    version: int | None = None  # SQLite's count of what other connections have written
    others_at = float("-inf")  # when that was last seen to grow
    held_s = 0.0  # that the last transaction took, from when it had its locks


_local = _Local()


class Busy(Exception):
    """Others keep the locks that a transaction needs."""


@contextmanager
def transaction(*scopes: Href, wait_ms: int | None = None) -> Iterator[None]:
    """A write transaction. One inside another joins it. Busy where others keep its locks longer than
    `wait_ms` (default: the setting `busy_timeout_s`).

    SQLite has one writer at a time. On PostgreSQL, writers of different trees (`scopes` are hrefs: /edev/7,
    /mup/3) work at the same time; a writer without scope, or of more than CHUNK trees, excludes all others.
    Locks are taken in one order, so that no two wait for each other.
    """
    if _local.depth:
        yield
        return
    with _waiting(wait_ms), db.atomic():
        if is_postgres():
            _lock(scopes, wait_ms)
        began = time.monotonic()
        outbox.begin(check_schema())
        eventnotes.begin()
        _local.depth, _local.dirty, _local.uncounted = 1, {}, {}
        try:
            yield
            render_touched()
            outbox.flush()
            eventnotes.flush()
        finally:
            _local.depth = 0
    _local.held_s = time.monotonic() - began
    _give_way(_local.held_s)


def held_s() -> SecondsExact:
    """Return how many seconds the last transaction of this thread took, from when it had its locks."""
    return _local.held_s


def _give_way(held_s: float) -> None:
    """After a long transaction on SQLite, let others write for as long as it took, if others have written of
    late, so that transactions that follow each other leave half of the time to others."""
    if held_s < LONG_S or is_postgres():
        return
    _look_for_others()
    if time.monotonic() - _local.others_at < LATELY_S:
        time.sleep(min(held_s, MOST_S))
        _look_for_others()


def _look_for_others() -> None:
    """Note whether another connection has written since the last look."""
    version = sql.row("PRAGMA data_version")[0]
    if _local.version not in (None, version):
        _local.others_at = time.monotonic()
    _local.version = version


@contextmanager
def _waiting(wait_ms: int | None) -> Iterator[None]:
    if wait_ms is None:
        yield
        return
    default_ms = None if is_postgres() else int(sql.row("PRAGMA busy_timeout")[0])
    if default_ms is not None:
        sql.execute(f"PRAGMA busy_timeout = {wait_ms}")
    try:
        with nullcontext() if default_ms is None else turns.waiting(wait_ms / 1000):
            yield
    except peewee.OperationalError as error:
        if is_locked(error):
            raise Busy from error
        raise
    finally:
        if default_ms is not None:
            sql.execute(f"PRAGMA busy_timeout = {default_ms}")


def _lock(scopes: Iterable[Href], wait_ms: int | None) -> None:
    if wait_ms is not None:
        sql.execute(f"SET LOCAL lock_timeout = {wait_ms}")
    trees = {"/".join(scope.split("/")[:3]) for scope in scopes}
    if not 0 < len(trees) <= CHUNK or any(tree.count("/") < 2 for tree in trees):
        sql.execute("SELECT pg_advisory_xact_lock(2030)")
        return
    sql.execute("SELECT pg_advisory_xact_lock_shared(2030)")
    keys = sql.array(sorted({zlib.crc32(tree.encode()) - (1 << 31) for tree in trees}))
    sql.execute("SELECT pg_advisory_xact_lock(5, tree) FROM unnest(?::integer[]) AS tree", keys)


def render_touched() -> None:
    """Render what was touched in this transaction now, for what is read before its end."""
    while _local.dirty or _local.uncounted:
        hrefs, _local.dirty = _local.dirty, {}
        uncounted, _local.uncounted = _local.uncounted, {}
        render.rerender(hrefs)
        render.recount(href for href in uncounted if href not in hrefs)


def touch(*hrefs: str) -> None:
    """Render these documents again at the end of the transaction."""
    for href in hrefs:
        _local.dirty[href] = None


def touch_counts(*hrefs: str) -> None:
    """Count the items of the lists below these documents again, for their links, at the end of the
    transaction."""
    for href in hrefs:
        _local.uncounted[href] = None
