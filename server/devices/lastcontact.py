"""When each device was last in contact: collected in memory and written every few seconds.

A GET must not write to the database.
"""
from __future__ import annotations

import logging
import os
import threading
import time

from server import clock, logs, timekeeping
from server.models import db, discard_connection
from server.models.unavailable import DATABASE_ERRORS, reason
from server.resources import sql
from server.units import Instant, Lfdi

FLUSH_INTERVAL_S = 5  # of the clock
_LEAST_S = 0.1  # of the system's clock, however fast that of the program goes
log = logging.getLogger(__name__)
_contacts: dict[Lfdi, Instant] = {}


def record(lfdi: Lfdi) -> None:
    """Record that a certificate is in contact now."""
    _contacts[lfdi] = clock.now()


def flush() -> None:
    """Write what has been recorded to the database."""
    contacts = dict(_contacts)
    _contacts.clear()
    if contacts:
        try:
            with db.atomic():
                for lfdi, at in sorted(contacts.items()):
                    sql.execute("UPDATE device SET last_contact_at = ? WHERE lfdi = ?", at, lfdi)
        except Exception:
            for lfdi, at in contacts.items():
                _contacts.setdefault(lfdi, at)
            raise


def start() -> None:
    """Flush regularly in this process and in all that are forked from it later."""
    _start_thread()
    os.register_at_fork(after_in_child=_start_thread)


def _start_thread() -> None:
    threading.Thread(target=_run, name="last contact", daemon=True).start()


def _run() -> None:
    while True:
        time.sleep(max(_LEAST_S, FLUSH_INTERVAL_S / max(clock.rate(), 1.0)))
        try:
            flush()
            if clock.system.is_suspect:
                timekeeping.follow_decision()
        except DATABASE_ERRORS as error:
            log.warning("last contacts could not be written: %s", reason(error))
            discard_connection()
        except Exception:
            logs.unexpected(log, "writing last contacts")  # the thread goes on
