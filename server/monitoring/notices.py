"""The outbox of alarms: which changes are told when, and what becomes of them.

A change of an alarm is written with a notice for each channel (alarms). Whoever delivers claims the notices
that are due: until the lease is over nobody else sends them. What changed within `alarm_interval_s` is told
in one message. What is not taken is tried again, ever later, for `alarm_retry_hours`.
"""
from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from server import alarms, clock
from server.alarms import AlarmRow
from server.config import settings
from server.models import AlarmNotice, AlarmRecord, KeyValue, among, db, is_postgres
from server.monitoring import mail, webhook
from server.monitoring.undelivered import Undelivered
from server.notifications import queue
from server.resources import sql
from server.units import Instant, Seconds

log = logging.getLogger(__name__)
ALARM = "notices"
LEASE_S = 120  # in which a message is sent or has failed
A_MESSAGE = 200  # notices told in one message


class AlarmChange(NamedTuple):
    """What became of an alarm, `raised` or `cleared`, and when."""
    alarm: AlarmRow
    change: str
    at: Instant


class Channel(NamedTuple):
    """A way of telling people: whether it is configured, and what sends a message."""
    is_on: Callable[[], bool]
    send: Callable[[Sequence[AlarmChange]], None]


CHANNELS = {
    alarms.MAIL: Channel(lambda: bool(settings.alarm_mail_to),
                         lambda changes: mail.send(*mail.text(changes))),
    alarms.WEBHOOK: Channel(lambda: bool(settings.alarm_webhook), webhook.send),
}


def deliver_due() -> int:
    """Tell what is due, through each channel; return how many changes were told."""
    return sum(_deliver(name, channel) for name, channel in CHANNELS.items())


def _deliver(name: str, channel: Channel) -> int:
    now = clock.now()
    due = "SELECT 1 FROM alarm_notice WHERE channel = ? AND due_at <= ? LIMIT 1"
    if sql.row(due, name, now) is None or 0 < _not_before(name) - now <= settings.alarm_interval_s:
        return 0
    if not channel.is_on():
        AlarmNotice.delete().where(AlarmNotice.channel == name).execute()
        return 0
    claimed = _claim(name, now)
    changes = _changes(claimed)
    if not changes:
        return 0
    try:
        channel.send(changes)
    except Undelivered as fault:
        _failed(name, claimed, str(fault))
        return 0
    _delivered(name, claimed)
    return len(changes)


def _claim(name: str, now: Instant) -> list[AlarmNotice]:
    """Claim the notices of a channel that are due, the oldest first."""
    skip = "FOR UPDATE SKIP LOCKED" if is_postgres() else ""
    with db.atomic():
        numbers = [number for number, in sql.rows(  # `WITH`: see notifications.queue
            "WITH due AS (SELECT id FROM alarm_notice WHERE channel = ? AND due_at <= ? "
            f"ORDER BY due_at, id LIMIT ? {skip}) UPDATE alarm_notice SET due_at = ? "
            "WHERE id IN (SELECT id FROM due) RETURNING id", name, now, A_MESSAGE, now + _lease_s())]
        return sorted(among(AlarmNotice.select(), AlarmNotice.id, numbers), key=lambda notice: notice.id)


def _lease_s() -> Seconds:
    rate = clock.rate()
    return int(LEASE_S * max(1.0, rate if math.isfinite(rate) else 1.0))


def _changes(claimed: Sequence[AlarmNotice]) -> list[AlarmChange]:
    """Return the last change of each alarm, in the order in which they happened."""
    last = {notice.alarm_id: notice for notice in claimed}
    of_number = {row.id: row for row in among(AlarmRecord.select(), AlarmRecord.id, last)}
    return [AlarmChange(alarms.describe(of_number[notice.alarm_id]), notice.change, notice.at)
            for notice in claimed if last[notice.alarm_id] is notice]


def _delivered(name: str, claimed: Sequence[AlarmNotice]) -> None:
    with db.atomic():
        for notice in claimed:
            sql.execute("DELETE FROM alarm_notice WHERE id = ?", notice.id)
        value = str(clock.now() + settings.alarm_interval_s)
        KeyValue.insert(name=_key(name), value=value).on_conflict(
            conflict_target=[KeyValue.name], update={KeyValue.value: value}).execute()
        alarms.clear(ALARM, name)


def _failed(name: str, claimed: Sequence[AlarmNotice], why: str) -> None:
    """Have notices tried again later; give up those that were tried long enough."""
    now = clock.now()
    log.warning("alarms are not told by %s: %s", name, why)
    with db.atomic():
        for notice in claimed:
            since = notice.failing_since if notice.failing_since is not None else now
            if now - since >= settings.alarm_retry_hours * 3600:
                sql.execute("DELETE FROM alarm_notice WHERE id = ?", notice.id)
            else:
                sql.execute("UPDATE alarm_notice SET due_at = ?, failing_since = ?, last_error = ? "
                            "WHERE id = ?", queue.retry_at(since, now), since, why, notice.id)
        first = min(notice.failing_since or now for notice in claimed)
        if now - first >= settings.alarm_undelivered_s:
            alarms.raise_alarm(ALARM, name, f"{len(claimed)} changes of alarms are not told since "
                                            f"{now - first} s: {why}")


def _key(name: str) -> str:
    return f"notices:{name}"


def _not_before(name: str) -> Instant:
    """Return when the next message may be sent through a channel."""
    row = KeyValue.get_or_none(KeyValue.name == _key(name))
    return 0 if row is None else int(row.value)


def send_now(subject: str, text: str) -> None:
    """Send a mail without the outbox, where there is no database to keep it in. A failure is logged."""
    if not CHANNELS[alarms.MAIL].is_on():
        return
    try:
        mail.send(subject, text)
    except Undelivered as fault:
        log.warning("alarms are not told by mail: %s", fault)


class Untold(NamedTuple):
    """How many notices wait, and since when the first of them fails."""
    waiting: int
    failing_since: Instant | None


def untold() -> Untold:
    """Return what is still to be told."""
    return Untold(*sql.row("SELECT count(*), min(failing_since) FROM alarm_notice"))
