"""`counterpoise check`: whether all that the server needs is in order, said at once."""
from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypedDict

import click
import peewee
from OpenSSL import SSL

from server.cli import common
from server.cli.tables import show
from server.config import BadSettings, settings
from server.config.checks import masked
from server.errors import Refused

if TYPE_CHECKING:
    from server.monitoring.certificates import End

OK, WARNING, FAULT = "ok", "warning", "fault"
_YEAR_2025 = 1_735_689_600  # a clock before it is not set
_AHEAD_S = 300  # what the database may be ahead of the clock


class CheckRow(TypedDict):
    """What was checked, whether it is in order, and what was found."""
    subject: str
    state: str
    found: str


class _Finding(NamedTuple):
    state: str
    text: str


def findings() -> list[CheckRow]:
    """Check everything; one that finds a fault stops none of the others."""
    return [CheckRow(subject=subject, state=finding.state, found=finding.text)
            for subject, check in _CHECKS.items() for finding in check()]


def _settings() -> Iterator[_Finding]:
    try:
        settings.require(files=True)
    except BadSettings as bad:
        yield from (_Finding(FAULT, fault) for fault in bad.faults)
    else:
        yield _Finding(OK, f"all accepted; the time zone is {settings.timezone}")
    yield from (_Finding(WARNING, sentence) for sentence in settings.outdated())


def _certificates() -> Iterator[_Finding]:
    from server.devices.revocation import BadRevocationList
    from server.monitoring import certificates
    from server.protocol import credentials
    paths = certificates.paths()
    if not all(Path(path).is_file() for path in paths):
        return  # the settings have said it
    try:
        credentials.load()
        for path in paths:
            yield from map(_end, certificates.ends(path))
    except BadRevocationList as error:
        yield _Finding(FAULT, str(error))
    except (OSError, SSL.Error, ValueError) as error:
        yield _Finding(FAULT, credentials.fault(error))


def _end(end: End) -> _Finding:
    now = time.time()
    left_days = end.left_days(now)
    state = FAULT if left_days < 0 else WARNING if left_days < settings.alarm_certificate_days else OK
    return _Finding(state, end.in_words(now) + ("" if state == OK else ". Renew it"))


def _database() -> Iterator[_Finding]:
    """Look at the database as it is: `check` upgrades nothing."""
    from server import models
    from server.models import unavailable
    try:
        models.connect(create=False, upgrade=False)
        if pending := models.pending():
            models.db.close()
            lacks = ", ".join(pending)
            yield _Finding(WARNING, f"{masked(settings.database)} is of an older version, without {lacks}. "
                           "Back it up, then run counterpoise init, or start the server")
            return
        common.follow_clock()
    except Refused as refused:
        yield _Finding(FAULT, refused.why)
    except peewee.PeeweeException as error:
        fault = f"{unavailable.verb(error)}: {unavailable.reason(error)}"
        yield _Finding(FAULT, f"{masked(settings.database)} {fault} ({settings.place('database')})")
    else:
        yield _Finding(OK, f"{masked(settings.database)} answers and has all tables")


def _is_open() -> bool:
    from server.models import db
    return db.obj is not None and not db.is_closed()


def _clock() -> Iterator[_Finding]:
    from server import clock
    from server.models import AuditEntry
    now = time.time()
    shown = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%MZ")
    newest = AuditEntry.select(peewee.fn.MAX(AuditEntry.at)).scalar() if _is_open() else None
    if settings.clock:
        yield _Finding(WARNING, f"the setting clock is {settings.clock}: instants are not the system's")
    elif clock.system.is_suspect:
        jump = f"it has jumped by {clock.system.jump_s:+.0f} s and is not followed"
        yield _Finding(FAULT, f"{jump}. Correct it, or run counterpoise clock accept")
    elif now < _YEAR_2025:
        yield _Finding(FAULT, f"it is {shown}, which cannot be. Set the clock, and keep it by NTP")
    elif newest is not None and newest > now + _AHEAD_S:
        yield _Finding(WARNING, f"it is {shown}, before the newest entry of the audit log. Compare the clock")
    else:
        yield _Finding(OK, f"it is {shown}")


def _worker() -> Iterator[_Finding]:
    from server import clock
    from server.monitoring import presence
    if not _is_open():
        return
    at = presence.beaten_at()
    if at is None:
        yield _Finding(WARNING, "it has never run. Start counterpoise work")
    elif presence.is_away():
        minutes = (clock.now() - at) // 60
        yield _Finding(WARNING, f"it has not run for {minutes} minutes. Start counterpoise work")
    else:
        yield _Finding(OK, "it runs")


def _notifications() -> Iterator[_Finding]:
    from server import clock
    from server.notifications import queue
    if not _is_open():
        return
    due, failing, since = queue.backlog()
    if not due:
        yield _Finding(OK, "none is due")
    elif failing:
        minutes = (clock.now() - (since or 0)) // 60
        yield _Finding(WARNING, f"{due} are due, {failing} of them to receivers that do not take them, the "
                       f"first for {minutes} minutes. See counterpoise subscription list --failing")
    else:
        yield _Finding(OK, f"{due} are due")


def _disk() -> Iterator[_Finding]:
    from server import diskspace
    free = diskspace.free_bytes()
    state = WARNING if diskspace.is_short(free) else OK
    remedy = "" if state == OK else ". Make room"
    yield _Finding(state, f"{diskspace.folder()} has {free / 1e9:.1f} GB free{remedy}")


_CHECKS: dict[str, Callable[[], Iterator[_Finding]]] = {
    "settings": _settings, "certificates": _certificates, "database": _database, "clock": _clock,
    "worker": _worker, "notifications": _notifications, "disk": _disk}


@click.command("check")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(as_json: bool) -> None:
    """Check settings, certificates and their end, database, clock, worker, notifications and disk.

    The exit status is 1 where something is a fault.
    """
    rows = findings()
    show(rows, as_json, list[CheckRow])
    if any(row["state"] == FAULT for row in rows):
        raise click.exceptions.Exit(1)


COMMANDS = (check,)
