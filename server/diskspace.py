"""Room on the disk of the database: the alarm while it is short, and what is said once there is none."""
from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import peewee

from server import alarms
from server.alarmfindings import Finding
from server.config import settings
from server.config.checks import masked
from server.models import db

log = logging.getLogger(__name__)
ALARM = "disk"
LOG_S = 60  # between two records of the same, so that these do not fill a disk as well
_logged_at = -float(LOG_S)


def folder() -> Path:
    """Return the nearest folder that exists on the way to the database; for PostgreSQL the working folder."""
    database = str(settings.database)
    path = Path(database.partition(":///")[2] if database.startswith("sqlite") else ".").absolute()
    return next(parent for parent in (path, *path.parents) if parent.is_dir())


def free_bytes() -> int:
    """Return how many bytes are free in `folder`."""
    return shutil.disk_usage(folder()).free


def is_short(free: int) -> bool:
    """Return whether so many free bytes are too few: the database cannot grow for long."""
    return free < int(settings.alarm_disk_bytes)


def short() -> Iterator[Finding]:
    """Yield that room is short on the disk of a SQLite database.

    How much room PostgreSQL has shows only once it has none; then `report` raises the alarm, which lapses
    after an hour.
    """
    if settings.database.startswith("sqlite"):
        free = free_bytes()
        yield Finding(_source(), f"{folder()} has {free / 1e6:.0f} MB free" if is_short(free) else "")


def report() -> None:
    """Log that the disk is full, and raise the alarm if that can be written."""
    global _logged_at
    if time.monotonic() - _logged_at < LOG_S:
        return
    _logged_at = time.monotonic()
    log.error("the disk of the database %s is full. Make room there", _source())
    try:
        with db.atomic():
            alarms.raise_alarm(ALARM, _source(), "it is full, so that devices are asked to come back later")
    except peewee.PeeweeException as fault:
        log.warning("the alarm could not be stored: %s", fault)


def _source() -> str:
    return masked(settings.database)
