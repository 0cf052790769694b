"""Which notifications are sent when, and what becomes of them.

A worker claims notifications: until their lease is over nobody else sends them. What came of it is written
under the same lease, so that of two workers one counts. A subscription that changes while its notification is
on its way stays due.
"""
from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import NamedTuple

from server import alarms, clock
from server.config import settings
from server.models import Subscription, db, is_postgres
from server.notifications import subscriptions
from server.resources import sql, store, table
from server.resources.codes import NotificationStatus
from server.units import Instant, Seconds

LEASE_S = 60  # in which a notification is delivered, has failed or is given back
FIRST_RETRY_S = 2
LONGEST_RETRY_S = 600
GROWTH = 5  # a retry comes after this part of the time for which it has failed
ALARM = "undelivered"
_COLUMNS = tuple(Subscription._meta.sorted_field_names)


class Result(Enum):
    """What came of an attempt to send a notification."""
    DELIVERED = "delivered"
    NOTHING = "nothing"  # nothing had to be sent
    REFUSED = "refused"  # by a 4xx, which ends the subscription
    FAILED = "failed"  # to be tried again
    UNREACHABLE = "unreachable"  # the same, and so is whatever else is for its receiver
    GIVEN_BACK = "given back"  # it was not tried
    GONE = "gone"  # the subscriber does not see the resource any more


class Outcome(NamedTuple):
    """What came of a claimed notification; `detail` says it in words."""
    claim: Subscription
    result: Result
    detail: str = ""


def lease_s() -> Seconds:
    """Return how long a lease is by the clock, which may run faster."""
    rate = clock.rate()
    return int(LEASE_S * max(1.0, rate if math.isfinite(rate) else 1.0))


def claim(most: int, busy: Sequence[str] = ()) -> list[Subscription]:
    """Claim notifications that are due, the longest due first, at most so many and none for `busy`
    receivers."""
    now = clock.now()
    condition = f"due_at <= ?{f' AND receiver NOT IN ({sql.marks(len(busy))})' if busy else ''}"
    if most <= 0 or sql.row(f"SELECT 1 FROM subscription WHERE {condition} LIMIT 1", now, *busy) is None:
        return []
    skip = "FOR UPDATE SKIP LOCKED" if is_postgres() else ""
    with db.atomic():  # `WITH`: PostgreSQL may ask a subquery of IN again for each row, and claim too many
        rows = sql.rows(
            f"WITH due AS (SELECT href FROM subscription WHERE {condition} ORDER BY due_at, href LIMIT ? "
            f"{skip}) UPDATE subscription SET due_at = ? WHERE href IN (SELECT href FROM due) "
            f"RETURNING {', '.join(_COLUMNS)}", now, *busy, most, now + lease_s())
    return [Subscription(**dict(zip(_COLUMNS, row, strict=True))) for row in rows]


def retry_at(failing_since: Instant | None, now: Instant) -> Instant:
    """Return when to try again what fails since then: within seconds at first, then ever later. Pure."""
    failing_s = 0 if failing_since is None else now - failing_since
    return now + min(LONGEST_RETRY_S, max(FIRST_RETRY_S, failing_s // GROWTH))


def settle(outcomes: Iterable[Outcome]) -> None:
    """Write what came of notifications, all in one transaction, but for those whose subscriptions end: who
    ends one waits for those who write there, and they for the rows of that transaction."""
    chosen = sorted(outcomes, key=lambda outcome: str(outcome.claim.href))
    if not chosen:
        return
    with db.atomic():
        _delivered([outcome for outcome in chosen if outcome.result in (Result.DELIVERED, Result.NOTHING)])
        hopeless = [outcome for outcome in chosen if outcome.result in _WAITING and not _wait(outcome)]
    for outcome in hopeless:
        _give_up(outcome)
    for outcome in chosen:
        if outcome.result in _ENDING:
            _ENDING[outcome.result](outcome)


def _delivered(outcomes: Sequence[Outcome]) -> None:
    """Write what was delivered, most of what comes, by one statement for all."""
    now = clock.now()
    subscriptions.forget(outcome.claim.href for outcome in outcomes if outcome.claim.status)
    sql.many(
        "UPDATE subscription SET due_at = CASE WHEN version = ? THEN NULL ELSE ? END, sent_at = ?, "
        "check_only = (version <> ?) AND check_only, failing_since = NULL, last_error = NULL "
        "WHERE href = ? AND due_at = ? AND status = 0",
        [(claim.version, now + settings.notification_interval_s,
          claim.sent_at if outcome.result is Result.NOTHING else now, claim.version, claim.href, claim.due_at)
         for outcome in outcomes for claim in [outcome.claim] if not claim.status])
    for source in {_source(outcome.claim) for outcome in outcomes if outcome.claim.failing_since is not None}:
        alarms.clear(ALARM, source)


def _wait(outcome: Outcome) -> bool:
    """Have a notification tried again later; return whether it is worth that still."""
    claim, now = outcome.claim, clock.now()
    if outcome.result is Result.GIVEN_BACK:
        sql.execute("UPDATE subscription SET due_at = ? WHERE href = ? AND due_at = ?",
                    retry_at(claim.failing_since, now), claim.href, claim.due_at)
        return True
    since = now if claim.failing_since is None else claim.failing_since
    if now - since >= settings.notification_retry_hours * 3600:
        return False
    at = retry_at(since, now)
    sql.execute("UPDATE subscription SET due_at = ?, failing_since = ?, last_error = ? "
                "WHERE href = ? AND due_at = ?", at, since, outcome.detail, claim.href, claim.due_at)
    if outcome.result is Result.UNREACHABLE:  # those that others send just now have a lease, which is later
        sql.execute("UPDATE subscription SET due_at = ?, failing_since = coalesce(failing_since, ?), "
                    "last_error = ? WHERE receiver = ? AND due_at <= ?",
                    at, now, outcome.detail, claim.receiver, now)
    if now - since >= settings.alarm_undelivered_s:
        alarms.raise_alarm(ALARM, _source(claim), f"{claim.receiver} does not take notifications since "
                                                  f"{now - since} s: {outcome.detail}")
    return True


def _give_up(outcome: Outcome) -> None:
    """End a subscription whose receiver was tried long enough: it is told so once, if it can be."""
    claim = outcome.claim
    if claim.status:
        subscriptions.forget([claim.href])
        return
    alarms.raise_alarm(ALARM, _source(claim), f"{claim.href} has ended: {claim.receiver} did not take "
                       f"notifications for {settings.notification_retry_hours} h: {outcome.detail}")
    subscriptions.end([claim.href], NotificationStatus.CANCELLED)


def _refused(outcome: Outcome) -> None:
    claim = outcome.claim
    if claim.status:
        subscriptions.forget([claim.href])
    else:
        subscriptions.end([claim.href], NotificationStatus.CANCELLED, tell=False)


def _gone(outcome: Outcome) -> None:
    status = NotificationStatus.CANCELLED if _exists(outcome.claim) else NotificationStatus.RESOURCE_DELETED
    subscriptions.end([outcome.claim.href], status)


def _exists(claim: Subscription) -> bool:
    """Return whether there is the resource of a subscription; a list is there with what is above it."""
    href, match = claim.resource, table.match(claim.resource)
    if match is not None and match.row.is_list:
        href = table.parent(href)
    if not href or store.get(href) is not None:
        return True
    return table.match(href) is None and sql.row(  # above what a virtual DER assigns there is only that
        "SELECT 1 FROM virtual_der WHERE id = ?", table.number(href)) is not None


_WAITING = (Result.FAILED, Result.UNREACHABLE, Result.GIVEN_BACK)
_ENDING = {Result.REFUSED: _refused, Result.GONE: _gone}


def _source(claim: Subscription) -> str:
    return f"device {claim.href.split('/')[2]}"


class Backlog(NamedTuple):
    """How many notifications are due, how many of them have failed before, and since when the first fails."""
    due: int
    failing: int
    failing_since: Instant | None


def backlog() -> Backlog:
    """Return what is still to be delivered, changes without their subscribers included."""
    changes, = sql.row("SELECT count(*) FROM resource_change")
    due, failing, since = sql.row("SELECT count(*), count(failing_since), min(failing_since) "
                                  "FROM subscription WHERE due_at IS NOT NULL")
    return Backlog(due + changes, failing, since)
