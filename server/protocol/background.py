"""What a process of the device interface does beside requests, every few seconds: it writes what they noted.

A GET must not write to the database.
"""
from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable

from server import clock, logs, timekeeping
from server.devices import endingcertificates, exchanges, lastcontact
from server.models import discard_connection
from server.models.unavailable import DATABASE_ERRORS, reason
from server.monitoring import notices, presence
from server.protocol import requestcounts

INTERVAL_S = 5  # of the clock
_LEAST_S = 0.1  # of the system's clock, however fast that of the program goes
log = logging.getLogger(__name__)


def start() -> None:
    """Do so in all processes that are forked from this one.

    In this one there is none: a fork while a thread connects to the database would leave the child with a
    lock that nobody gives back.
    """
    os.register_at_fork(after_in_child=_start_thread)


def _start_thread() -> None:
    threading.Thread(target=_run, name="background", daemon=True).start()


def _run() -> None:
    while True:
        time.sleep(max(_LEAST_S, INTERVAL_S / max(clock.rate(), 1.0)))
        for action, task in TASKS.items():
            try:
                task()
            except DATABASE_ERRORS as error:
                log.warning("%s could not be done: %s", action, reason(error))
                discard_connection()
            except Exception:
                logs.unexpected(log, action)  # the thread goes on


def _follow_clock() -> None:
    if clock.system.is_suspect:
        timekeeping.follow_decision()


def _watch_worker() -> None:
    """Look whether a worker runs; while none does, tell people of alarms in its place."""
    if presence.watch():
        notices.deliver_due()


def _write_exchanges() -> None:
    """Count what requests noted, and write what somebody wants of it."""
    noted = exchanges.drain()
    requestcounts.count(noted)
    exchanges.keep(noted)
    requestcounts.tell()


TASKS: dict[str, Callable[[], None]] = {
    "writing last contacts": lastcontact.flush,
    "following the clock": _follow_clock,
    "telling of certificates": endingcertificates.flush,
    "writing exchanges and counts": _write_exchanges,
    "watching the worker": _watch_worker,
}
