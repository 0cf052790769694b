"""Transactions of the store: one writer of a tree at a time, and what is due at the end of a transaction."""
from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import peewee

from server.models import check_schema, db, is_postgres
from server.models.base import CHUNK
from server.models.unavailable import is_locked
from server.resources import render, sql
from server.units import Href

LONG_S, MOST_S = 0.04, 0.5  # of a transaction that others shall not wait for twice, and of the time for them


class _Local(threading.local):
    depth = 0
    dirty: dict[str, None]


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
        check_schema()
        _local.depth, _local.dirty = 1, {}
        try:
            yield
            while _local.dirty:
                hrefs, _local.dirty = _local.dirty, {}
                render.rerender(hrefs)
        finally:
            _local.depth = 0
    _give_way(time.monotonic() - began)


def _give_way(held_s: float) -> None:
    """Let others write after a long transaction, for as long as it took, if there are others.

    SQLite gives its lock to no one in particular: who waits asks again after up to 0.1 s, and would hardly
    ever find it free between long transactions that follow each other.
    """
    if held_s < LONG_S or is_postgres():
        return
    version = sql.row("PRAGMA data_version")
    time.sleep(LONG_S / 2)
    if sql.row("PRAGMA data_version") != version:  # another connection has written
        time.sleep(min(held_s, MOST_S))


@contextmanager
def _waiting(wait_ms: int | None) -> Iterator[None]:
    if wait_ms is None:
        yield
        return
    default_ms = None if is_postgres() else int(sql.row("PRAGMA busy_timeout")[0])
    if default_ms is not None:
        sql.execute(f"PRAGMA busy_timeout = {wait_ms}")
    try:
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
    keys = sorted({zlib.crc32(tree.encode()) - (1 << 31) for tree in trees})
    sql.execute("SELECT pg_advisory_xact_lock(5, tree) FROM unnest(?::integer[]) AS tree", keys)


def touch(*hrefs: str) -> None:
    """Render these documents again at the end of the transaction."""
    for href in hrefs:
        _local.dirty[href] = None
