"""Documents that time has changed, such as events that have begun, are rendered again.

A GET renders what it is about to serve, no more, and does not wait for those who write. The worker does the
rest, a slice in each of its turns.
"""
from __future__ import annotations

import logging
import math
import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from server import alarms, clock, logs
from server.models import chunked
from server.models.unavailable import DATABASE_ERRORS
from server.resources import hooks, links, render, sql, store, table, transactions
from server.resources.eventlists import Period
from server.units import Href, Instant

log = logging.getLogger(__name__)
RETRY_S = 300  # until a list that cannot be rendered is tried again
WAIT_MS = 100  # that a GET waits for those who write; then it serves what was rendered before
SLICE = 500  # lists that the worker renders before its other duties have their turn
TOGETHER = 100  # lists in one transaction, for which others wait


class _Known(NamedTuple):
    """At what instant the next document changes, and when that was read."""
    next_at: float
    read_at: Instant


_known: _Known | None = None


def due() -> bool:
    """Return whether time has changed a document since it was rendered.

    It has not while the clock is suspect: a status that is committed, such as completed, is for good.

    The database is asked once a second, since no document is committed that has to change in the same second.
    """
    global _known
    if clock.system.is_suspect:
        return False
    now, known = clock.now(), _known
    if known is None or known.read_at != now:
        instant = sql.row("SELECT min(fresh_until) FROM document WHERE fresh_until IS NOT NULL")[0]
        known = _known = _Known(math.inf if instant is None else instant, now)
    return known.next_at <= now


def forget() -> None:
    """Ask the database anew whether anything is due."""
    global _known
    _known = None


def freshen(lists: Iterable[Href] = (), documents: Iterable[Href] = ()) -> bool:
    """Render what time has changed in these lists, and in the lists below these documents, which count it.

    Return whether there was anything. Where others keep the locks that this needs, all stays as it was
    rendered a moment ago.
    """
    if not due():
        return False
    now = clock.now()
    stale = {href for href in lists if sql.row(
        "SELECT 1 FROM document WHERE parent = ? AND fresh_until <= ? LIMIT 1", href, now)}
    for href in documents:
        stale.update(parent for parent, in sql.rows(
            "SELECT DISTINCT parent FROM document WHERE parent > ? AND parent < ? AND fresh_until <= ?",
            f"{href}/", f"{href}0", now))  # the character after "/" is "0"
    try:
        _render(sorted(stale), WAIT_MS)
    except transactions.Busy:
        return False
    return bool(stale)


def run() -> int:
    """Render the documents of up to SLICE lists that time has changed; return how many lists that was.

    Each worker begins at another list, so that several share the work: a list that another has rendered
    meanwhile is found fresh.
    """
    parents = [parent for parent, in sql.rows(
        "SELECT DISTINCT parent FROM document WHERE fresh_until <= ? LIMIT ?", clock.now(), SLICE)]
    random.shuffle(parents)
    _render(parents)
    forget()
    return len(parents)


def _render(parents: Sequence[Href], wait_ms: int | None = None) -> None:
    """Render what is stale in lists, some of them in one transaction.

    A list that cannot be rendered is logged, raised as an alarm, and tried again later; the others go on.
    """
    for chunk in chunked(parents, TOGETHER):
        try:
            _render_lists(chunk, wait_ms)
        except (*DATABASE_ERRORS, transactions.Busy):
            raise
        except Exception:
            if len(chunk) > 1:
                for parent in chunk:
                    _render([parent], wait_ms)
                continue
            parent, = chunk
            alarms.raise_alarm("work", f"list {parent}", logs.unexpected(log, f"Rendering {parent}"))
            sql.execute("UPDATE document SET fresh_until = ? WHERE parent = ? AND fresh_until <= ?",
                        clock.now() + RETRY_S, parent, clock.now())


def _render_lists(parents: Sequence[Href], wait_ms: int | None) -> None:
    with store.transaction(*parents, wait_ms=wait_ms):
        periods: dict[Href, list[Period]] = defaultdict(list)
        others: dict[str, list[Href]] = defaultdict(list)
        for href, kind, parent, at, until in sql.among(
                "SELECT href, kind, parent, at, until FROM document WHERE parent IN ({}) "
                "AND fresh_until <= ?",
                parents, clock.now()):
            if links.is_event(kind):
                periods[parent].append((at, until))
            else:
                others[kind].append(href)
        store.reevaluate(periods)
        for kind, hrefs in others.items():
            hooks.run_due(kind, hrefs)
        for href in render.rerender(href for hrefs in others.values() for href in hrefs):
            transactions.touch_counts(table.parent(table.parent(href)))
