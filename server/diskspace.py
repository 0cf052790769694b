"""Room on the disk of the database: the alarm while it is short, and what is said once there is none."""
from __future__ import annotations

import logging
import shutil
import time
from pathlib import Path

import peewee

from server import alarms
from server.config import settings
from server.config.checks import masked
from server.models import db

log = logging.getLogger(__name__)
ALARM = "disk"
SHORT_BYTES = 1 << 30  # below, a database cannot grow for long
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


def watch() -> None:
    """Raise the alarm while room is short, and clear it. The worker calls this.

    How much room PostgreSQL has shows only once it has none; then the alarm lapses after an hour.
    """
    if not settings.database.startswith("sqlite"):
        return
    free = free_bytes()
    if free < SHORT_BYTES:
        alarms.raise_alarm(ALARM, _source(), f"{folder()} has {free / 1e6:.0f} MB free")
    else:
        alarms.clear(ALARM, _source())


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
