"""Documents that time has changed, such as events that have begun, are rendered again."""
from __future__ import annotations

import logging

import peewee

from server import alarms, clock, logs
from server.resources import links, render, sql, store, table

log = logging.getLogger(__name__)
RETRY_S = 300  # until a list that cannot be rendered is tried again


def due() -> bool:
    """Return whether time has changed a document since it was rendered.

    It has not while the clock is suspect: a status that is committed, such as completed, is for good.
    """
    if clock.system.is_suspect:
        return False
    return sql.row("SELECT 1 FROM document WHERE fresh_until <= ? LIMIT 1", clock.now()) is not None


def run() -> int:
    """Render every document that time has changed; return in how many lists there were any.

    A list that cannot be rendered is logged, raised as an alarm, and tried again later; the others go on.
    """
    parents = sql.rows("SELECT DISTINCT parent FROM document WHERE fresh_until <= ?", clock.now())
    for (parent,) in parents:
        try:
            _render_list(parent)
        except (peewee.OperationalError, peewee.InterfaceError):
            raise
        except Exception:
            alarms.raise_alarm("work", f"list {parent}", logs.unexpected(log, f"Rendering {parent}"))
            sql.execute("UPDATE document SET fresh_until = ? WHERE parent = ? AND fresh_until <= ?",
                        clock.now() + RETRY_S, parent, clock.now())
    return len(parents)


def _render_list(parent: str) -> None:
    with store.transaction(parent):
        stale = sql.rows(
            "SELECT href, kind, at, until FROM document WHERE parent = ? AND fresh_until <= ?",
            parent, clock.now())
        store.reevaluate(parent, [(at, until) for _, kind, at, until in stale if links.is_event(kind)])
        for href, kind, _, _ in stale:
            if not links.is_event(kind) and render.rerender(href):
                store.touch(table.parent(parent))
