"""Alarms: what is wrong, where, since when, and what to do about it. They clear by themselves.

    alarms.raise_alarm("quota", "device 7", "17 reservation requests, 16 are allowed")
    alarms.clear("quota", "device 7")      # once it is over

An alarm is one row while it stands, however often it is raised. Kinds that nothing clears lapse a while after
they were raised last. An alarm that is raised again within an hour of its clearing is the same alarm, so that
a source which comes and goes adds no rows without end. Who is to be told of a change is written with it
(AlarmNotice).
"""
from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from typing import Any, TypedDict

from server import clock
from server.alarmkinds import HOUR_S, KINDS, SEVERITIES
from server.config import settings
from server.models import AlarmNotice, AlarmRecord, changes, db
from server.units import Instant

log = logging.getLogger(__name__)
REFRESH_S = 60  # raised again sooner, an alarm changes nothing: a device shall not cause a write each time
REOPEN_S = HOUR_S
MAX_DETAIL = 500  # characters
NOT_ACKNOWLEDGED = dict.fromkeys(("acknowledged_at", "acknowledged_by", "acknowledged_reason"))
MAIL, WEBHOOK = CHANNELS = ("mail", "webhook")


class AlarmRow(TypedDict):
    """An alarm. `cleared_at` is null while it stands; `times` counts how often it was raised, at most each
    minute. Who acknowledged it, when and why is null until somebody does."""
    id: int
    kind: str
    source: str
    severity: str
    since: Instant
    last_at: Instant
    cleared_at: Instant | None
    times: int
    detail: str
    remedy: str
    acknowledged_at: Instant | None
    acknowledged_by: str | None
    acknowledged_reason: str | None


def raise_alarm(kind: str, source: str, detail: str) -> None:
    """Raise an alarm of one of the KINDS, or note that it still stands.

    `source` is what is wrong, such as `device 7`; `detail` says what is seen, in words. Joins a transaction
    if there is one.
    """
    now, properties = clock.now(), KINDS[kind]
    detail = detail[:MAX_DETAIL]
    row = _newest(kind, source)
    if row is not None and row.cleared_at is None and now - row.last_at < REFRESH_S:
        return
    lapses_after_s = properties.lapses_after_s
    values = {
        "detail": detail,
        "severity": properties.severity.value,
        "remedy": properties.remedy,
        "last_at": now,
        "lapses_at": None if lapses_after_s is None else now + lapses_after_s,
    }
    with db.atomic():
        if row is not None and (row.cleared_at is None or now - row.cleared_at < REOPEN_S):
            again = AlarmRecord.update(cleared_at=None, times=AlarmRecord.times + 1, **values, **(
                {} if row.cleared_at is None else NOT_ACKNOWLEDGED))
            again.where(AlarmRecord.id == row.id).execute()
            if row.cleared_at is not None:
                _tell([row.id], AlarmNotice.RAISED, kind, now)
            return
        AlarmRecord.insert(kind=kind, source=source, since=now, **values).on_conflict_ignore().execute()
        made = _newest(kind, source)
        if made is not None and made.since == now:  # else another process was faster
            _tell([made.id], AlarmNotice.RAISED, kind, now)
    log.warning("alarm: %s, %s: %s", kind, source, detail, extra={"fields": {"alarm": kind}})


def record_over(kind: str, source: str, detail: str, since: Instant) -> None:
    """Record an alarm that could not be raised while it stood, now that it is over."""
    properties, now = KINDS[kind], clock.now()
    with db.atomic():
        row = AlarmRecord.create(
            kind=kind, source=source, since=since, detail=detail[:MAX_DETAIL], remedy=properties.remedy,
            severity=properties.severity.value, last_at=now, cleared_at=now)
        _tell([row.id], AlarmNotice.CLEARED, kind, now)
    log.warning("alarm: %s, %s: %s", kind, source, detail, extra={"fields": {"alarm": kind}})


def clear(kind: str, source: str) -> bool:
    """Clear an alarm, if it stands; return whether it did."""
    uncleared = (AlarmRecord.kind == kind) & (AlarmRecord.source == source) & AlarmRecord.cleared_at.is_null()
    if not AlarmRecord.select().where(uncleared).exists():
        return False
    _clear(uncleared, clock.now())
    log.info("alarm cleared: %s, %s", kind, source, extra={"fields": {"alarm": kind}})
    return True


def clear_lapsed() -> int:
    """Clear the alarms that nobody has raised for so long that they are over; return how many."""
    lapsed = AlarmRecord.cleared_at.is_null() & (AlarmRecord.lapses_at <= clock.now())
    if not AlarmRecord.select().where(lapsed).exists():
        return 0
    return _clear(lapsed, AlarmRecord.lapses_at)


def _clear(which: Any, at: Any) -> int:
    """Clear alarms, and have people told; return how many."""
    with db.atomic():
        numbers: dict[str, list[int]] = {}
        query: Any = AlarmRecord.select(AlarmRecord.id, AlarmRecord.kind).where(which).tuples()
        for number, kind in query:
            numbers.setdefault(kind, []).append(number)
        cleared: int = AlarmRecord.update(cleared_at=at).where(which).execute()
        for kind, of_kind in numbers.items():
            _tell(of_kind, AlarmNotice.CLEARED, kind, clock.now())
    return cleared


def channels(kind: str) -> Iterator[str]:
    """Yield the channels through which people are told of a kind of alarm, by the settings."""
    properties = KINDS[kind]
    if not properties.told or SEVERITIES.index(properties.severity) < SEVERITIES.index(
            settings.alarm_severity):
        return
    if settings.alarm_mail_to:
        yield MAIL
    if settings.alarm_webhook:
        yield WEBHOOK


def _tell(numbers: Iterable[int], change: str, kind: str, now: Instant) -> None:
    """Have people and programs told of a change of alarms, in the transaction of the change."""
    chosen, severity = list(numbers), KINDS[kind].severity.value
    changes.note_all(changes.ALARM, change, [
        changes.ChangedSubject(str(number), data={"type": kind, "severity": severity}) for number in chosen])
    rows = [{"alarm": number, "change": change, "channel": channel, "at": now, "due_at": now}
            for channel in channels(kind) for number in chosen]
    if rows:
        AlarmNotice.insert_many(rows).execute()


def standing(kind: str) -> set[str]:
    """Return the sources of the alarms of a kind that stand."""
    query: Any = AlarmRecord.select(AlarmRecord.source).where(
        (AlarmRecord.kind == kind) & AlarmRecord.cleared_at.is_null()).tuples()
    return {source for source, in query}


def rows(
    *, cleared: bool = False, source: str = "", limit: int | None = None, kind: str = "",
    unacknowledged: bool = False, numbers: Iterable[int] | None = None
) -> list[AlarmRow]:
    """Return the alarms that stand, the newest first; with `cleared` also those that are over.

    `source` restricts them to sources that begin with it, `kind` to one kind, `numbers` to these.
    """
    in_force = AlarmRecord.lapses_at.is_null() | (AlarmRecord.lapses_at > clock.now())
    query = AlarmRecord.select().order_by(AlarmRecord.since.desc(), AlarmRecord.id.desc()).limit(limit)
    if not cleared:
        query = query.where(AlarmRecord.cleared_at.is_null() & in_force)
    if source:
        query = query.where(AlarmRecord.source.startswith(source))
    if kind:
        query = query.where(AlarmRecord.kind == kind)
    if unacknowledged:
        query = query.where(AlarmRecord.acknowledged_at.is_null())
    if numbers is not None:
        query = query.where(AlarmRecord.id.in_(list(numbers)))
    return [describe(row) for row in query]


def describe(row: AlarmRecord) -> AlarmRow:
    """Return an alarm as it is shown."""
    return {
        "id": row.id,
        "kind": row.kind,
        "source": row.source,
        "severity": row.severity,
        "since": row.since,
        "last_at": row.last_at,
        "cleared_at": row.cleared_at,
        "times": row.times,
        "detail": row.detail,
        "remedy": row.remedy,
        "acknowledged_at": row.acknowledged_at,
        "acknowledged_by": row.acknowledged_by,
        "acknowledged_reason": row.acknowledged_reason,
    }


def _newest(kind: str, source: str) -> AlarmRecord | None:
    """Return the alarm that stands, else the one cleared last."""
    query = AlarmRecord.select().where((AlarmRecord.kind == kind) & (AlarmRecord.source == source))
    row: AlarmRecord | None = query.order_by(AlarmRecord.id.desc()).first()
    return row
