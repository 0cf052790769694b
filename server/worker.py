"""What happens without anyone asking.

Every turn does what is due and is safe to repeat, so that any number of workers may run and any of them may
be killed.
"""
from __future__ import annotations

import logging
import signal
import threading
import time

import peewee

from server import clock
from server.config import settings
from server.grid.balance import controller
from server.grid.dispatch import orders
from server.grid.series import measurements
from server.models import db
from server.resources import meterreadings, retention, store

log = logging.getLogger(__name__)
TURN = 1.0
PURGE_EVERY = 3600


def turn() -> int:
    """Render what time has changed, sum up what was measured, decide the steps of areas that are kept in
    balance; how much of all that there was."""
    done = store.refresh() if store.due() else 0
    return done + measurements.roll_due(clock.now()) + controller.run_due()


def purge() -> int:
    """Forget what is older than the settings keep; how much that was."""
    now = clock.now()
    events, readings_ = (
        now - days * meterreadings.DAY for days in (settings.event_days, settings.reading_days)
    )
    removed = retention.remove_events_before(events) + orders.forget_before(events)
    removed += retention.remove_readings_before(readings_)
    return removed + measurements.forget_before(readings_)


def run(once: bool = False) -> None:
    """Turn after turn until SIGTERM or SIGINT. A database that is away is waited for."""
    stop = threading.Event()
    if not once:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
    log.info("the worker has started")
    purge_at = 0.0
    while True:
        try:
            turn()
            if time.monotonic() >= purge_at:
                purge()
                purge_at = time.monotonic() + PURGE_EVERY
        except (peewee.OperationalError, peewee.InterfaceError) as error:
            log.warning("the database did not answer: %s", error)
            db.dispose()
        if once or stop.wait(TURN):
            return
