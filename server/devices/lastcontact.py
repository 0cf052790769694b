"""When each device was last here: gathered in memory, written together now and then, since a GET is not to
write."""
from __future__ import annotations

import logging
import threading
import time

import peewee

from server import clock
from server.models import db
from server.resources import sql

EVERY = 5  # seconds of the clock
log = logging.getLogger(__name__)
_contacts: dict[str, int] = {}


def record(lfdi: str) -> None:
    """This certificate was here now."""
    _contacts[lfdi] = clock.now()


def flush() -> None:
    """Write down who was here."""
    gathered = dict(_contacts)
    _contacts.clear()
    if gathered:
        with db.atomic():
            for lfdi, at in sorted(gathered.items()):
                sql.execute("UPDATE device SET last_contact_at = ? WHERE lfdi = ?", at, lfdi)


def start() -> None:
    """Flush every so often, in each process that answers devices, worker processes forked later included."""
    import os
    _thread()
    os.register_at_fork(after_in_child=_thread)


def _thread() -> None:
    threading.Thread(target=_run, name="seen", daemon=True).start()


def _run() -> None:
    while True:
        time.sleep(max(1.0, EVERY / max(clock.rate(), 1.0)))
        try:
            flush()
        except peewee.DatabaseError as error:
            log.warning("who was here could not be written: %s", error)
            db.dispose()
