"""Alarms: what is wrong, where, since when, and what to do about it. They clear by themselves.

    alarms.raise_alarm("quota", "device 7", "17 reservation requests, 16 are allowed")
    alarms.clear("quota", "device 7")      # once it is over

An alarm is one row while it stands, however often it is raised. Kinds that nothing clears lapse a while after
they were raised last. An alarm that is raised again within an hour of its clearing is the same alarm, so that
a source which comes and goes adds no rows without end.
"""
from __future__ import annotations

import logging
from dataclasses import dataclass
from enum import StrEnum
from typing import TypedDict

from server import clock
from server.models import AlarmRecord
from server.units import Instant

log = logging.getLogger(__name__)
HOUR_S = 3600
REFRESH_S = 60  # raised again sooner, an alarm changes nothing: a device shall not cause a write each time
REOPEN_S = HOUR_S
MAX_DETAIL = 500  # characters


class Severity(StrEnum):
    """How soon somebody has to act."""
    INFO = "info"
    WARNING = "warning"  # today
    CRITICAL = "critical"  # now


@dataclass(frozen=True)
class AlarmKind:
    """What all alarms of a kind share. `lapses_after_s` is null where something clears them."""
    severity: Severity
    remedy: str
    lapses_after_s: int | None = None


KINDS = {
    "clock": AlarmKind(
        Severity.CRITICAL,
        "Correct the clock of the machine, or run `counterpoise clock accept` there if it is right now."),
    "disk": AlarmKind(
        Severity.CRITICAL, "Make room on the disk of the database, or give it a larger one.", HOUR_S),
    "quota": AlarmKind(
        Severity.WARNING, "Find out why the device sends so much, or raise the quota (a setting).", HOUR_S),
    "work": AlarmKind(
        Severity.CRITICAL,
        "Report the error with its reference from the log. What it is about was left out.", HOUR_S),
    "implausible rating": AlarmKind(
        Severity.WARNING, "Correct it at the device, or set it with `counterpoise device rate`."),
    "implausible state of charge": AlarmKind(Severity.WARNING, "Correct what the device reports."),
    "implausible request": AlarmKind(Severity.WARNING, "Correct what the device asks for.", HOUR_S),
    "undelivered": AlarmKind(
        Severity.WARNING,
        "Ask who runs the receiver whether it is reachable, and by an address that it may have "
        "(`counterpoise subscription list`).", 24 * HOUR_S),
    "untimely reading": AlarmKind(Severity.WARNING, "Set the clock of the device.", HOUR_S),
    "implausible reading": AlarmKind(
        Severity.WARNING,
        "Correct the multiplier or the rating at the device, or override its rating.", HOUR_S),
    "implausible area meter": AlarmKind(
        Severity.WARNING,
        "Correct the unit, the sign or the source of what `counterpoise signal push AREA measured` is given; "
        "it is tried again by itself."),
}


class AlarmRow(TypedDict):
    """An alarm. `cleared_at` is null while it stands; `times` counts how often it was raised, at most each
    minute."""
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
    if row is not None and (row.cleared_at is None or now - row.cleared_at < REOPEN_S):
        again = AlarmRecord.update(cleared_at=None, times=AlarmRecord.times + 1, **values)
        again.where(AlarmRecord.id == row.id).execute()
    else:
        AlarmRecord.insert(kind=kind, source=source, since=now, **values).on_conflict_ignore().execute()
        log.warning("alarm: %s, %s: %s", kind, source, detail, extra={"fields": {"alarm": kind}})


def clear(kind: str, source: str) -> bool:
    """Clear an alarm, if it stands; return whether it did."""
    uncleared = (AlarmRecord.kind == kind) & (AlarmRecord.source == source) & AlarmRecord.cleared_at.is_null()
    if not AlarmRecord.select().where(uncleared).exists():
        return False
    AlarmRecord.update(cleared_at=clock.now()).where(uncleared).execute()
    log.info("alarm cleared: %s, %s", kind, source, extra={"fields": {"alarm": kind}})
    return True


def clear_lapsed() -> int:
    """Clear the alarms that nobody has raised for so long that they are over; return how many."""
    now = clock.now()
    lapsed = AlarmRecord.cleared_at.is_null() & (AlarmRecord.lapses_at <= now)
    if not AlarmRecord.select().where(lapsed).exists():
        return 0
    cleared: int = AlarmRecord.update(cleared_at=AlarmRecord.lapses_at).where(lapsed).execute()
    return cleared


def rows(*, cleared: bool = False, source: str = "", limit: int | None = None) -> list[AlarmRow]:
    """Return the alarms that stand, the newest first; with `cleared` also those that are over.

    `source` restricts them to sources that begin with it.
    """
    in_force = AlarmRecord.lapses_at.is_null() | (AlarmRecord.lapses_at > clock.now())
    query = AlarmRecord.select().order_by(AlarmRecord.since.desc(), AlarmRecord.id.desc()).limit(limit)
    if not cleared:
        query = query.where(AlarmRecord.cleared_at.is_null() & in_force)
    if source:
        query = query.where(AlarmRecord.source.startswith(source))
    return [AlarmRow(id=row.id, kind=row.kind, source=row.source, severity=row.severity, since=row.since,
                     last_at=row.last_at, cleared_at=row.cleared_at, times=row.times, detail=row.detail,
                     remedy=row.remedy)
            for row in query]


def _newest(kind: str, source: str) -> AlarmRecord | None:
    """Return the alarm that stands, else the one cleared last."""
    query = AlarmRecord.select().where((AlarmRecord.kind == kind) & (AlarmRecord.source == source))
    row: AlarmRecord | None = query.order_by(AlarmRecord.id.desc()).first()
    return row
