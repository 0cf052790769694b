"""From changes to notifications that are due: a slice of the subscribers of a change in each transaction.

Any number of workers share it. On PostgreSQL each takes changes that no other has locked; SQLite has one
writer at a time. How far a change has come is committed with the subscriptions that it marks, so a worker
that is killed leaves nothing out.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from server import clock
from server.config import settings
from server.models import db, is_postgres
from server.notifications import subscriptions
from server.resources import audiences, sql
from server.resources.codes import NotificationStatus
from server.units import Href

SLICE = 500  # subscriptions that are marked in one transaction
CHANGES = 100  # that are looked at in one transaction
ENDED = 50  # subscriptions that end in one transaction: their documents go
HOUR_S = 3600


class _Pending(NamedTuple):
    """A row of ResourceChange; see there."""
    id: int
    watched: Href
    audience: str
    active: bool
    status: int
    least: int | None
    greatest: int | None
    after: Href


_SELECT = f"SELECT {', '.join(_Pending._fields)} FROM resource_change ORDER BY id LIMIT {CHANGES}"
# Changes meanwhile come with the notification that is due. Of readings that matter each is sent at once.
_MARK = """
    UPDATE subscription SET version = version + 1,
        check_only = CASE WHEN due_at IS NULL OR check_only THEN ? ELSE check_only END,
        due_at = CASE WHEN due_at IS NOT NULL THEN due_at
                      WHEN lower IS NULL AND sent_at + ? > ? THEN sent_at + ? ELSE ? END
    WHERE status = 0 AND href IN ({})"""


def run() -> int:
    """Mark what is due by a slice of changes; return how many subscriptions that was, or have ended.

    There may be more where it is not 0.
    """
    if sql.row("SELECT 1 FROM resource_change LIMIT 1") is None:
        return 0
    removed: list[_Pending] = []
    with db.atomic():
        left = SLICE
        for row in sql.rows(_SELECT + (" FOR UPDATE SKIP LOCKED" if is_postgres() else "")):
            change = _Pending(*row)
            if change.status:
                removed.append(change)
            else:
                left -= _mark(change, left)
            if left <= 0:
                break
    # Not in that transaction: who removes documents waits for those who write there, and they for its rows.
    return max(1, SLICE - left + sum(map(_end, removed)))


def _mark(change: _Pending, most: int) -> int:
    """Mark subscriptions that a change concerns, at most so many; return how many."""
    if change.watched:
        full, checked = _concerned(change, most), []
        last = full[-1] if len(full) == most else ""
    else:
        rows = sql.rows("SELECT href, watched, only_audience FROM subscription WHERE viewer = ? AND "
                        "status = 0 AND href > ? ORDER BY href LIMIT ?", change.audience, change.after, most)
        full = [href for href, watched, only in rows if watched.count("/") == 1 and not only]
        checked = [href for href, _, _ in rows if href not in set(full)]
        last = rows[-1][0] if len(rows) == most else ""
    _make_due(full, check_only=False)
    _make_due(checked, check_only=True)
    if last:
        sql.execute("UPDATE resource_change SET after = ? WHERE id = ?", last, change.id)
    else:
        sql.execute("DELETE FROM resource_change WHERE id = ?", change.id)
    return len(full) + len(checked)


def _concerned(change: _Pending, most: int) -> list[Href]:
    """Return the subscriptions to what has changed whose viewer sees it, in the order of their hrefs."""
    conditions, values = ["watched = ?", "status = 0", "href > ?"], [change.watched, change.after]
    if change.audience:
        views = audiences.viewing(change.audience)
        conditions += [f"(only_audience = '' OR only_audience IN ({sql.marks(len(views))}))",
                       "EXISTS (SELECT 1 FROM audience a WHERE a.lfdi = subscription.viewer "
                       "AND a.audience = ?)"]
        values += [*views, change.audience]
    if not change.active:
        conditions.append("NOT active_only")
    parameters: list[object] = [*values]
    if change.least is not None:
        conditions.append("(lower IS NULL OR lower > ? OR upper < ?)")
        parameters += [change.least, change.greatest]
    return [href for href, in sql.rows(
        f"SELECT href FROM subscription WHERE {' AND '.join(conditions)} ORDER BY href LIMIT ?",
        *parameters, most)]


def _make_due(hrefs: Sequence[Href], check_only: bool) -> None:
    now, interval_s = clock.now(), settings.notification_interval_s
    if hrefs:
        sql.execute(_MARK.format(sql.marks(len(hrefs))), check_only, interval_s, now, interval_s, now, *hrefs)


def _end(change: _Pending) -> int:
    """End subscriptions to what was removed, and to what was below it; return how many."""
    hrefs = [href for href, in sql.rows(
        f"SELECT href FROM subscription WHERE (resource = ? OR {sql.below('resource')}) AND status = 0 "
        "ORDER BY href LIMIT ?", change.watched, *sql.bounds(change.watched), ENDED)]
    ended = subscriptions.end(hrefs, NotificationStatus(change.status))
    if len(hrefs) < ENDED:
        sql.execute("DELETE FROM resource_change WHERE id = ?", change.id)
    return ended


def end_expired() -> int:
    """End subscriptions that their devices have not renewed for too long; return how many."""
    if not settings.subscription_hours:
        return 0
    before = clock.now() - settings.subscription_hours * HOUR_S
    return subscriptions.end(subscriptions.expired(before, ENDED), NotificationStatus.CANCELLED)
