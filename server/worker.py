"""What happens without anyone asking.

Every turn does what is due and is safe to repeat, so that any number of workers may run and any of them may be killed.
"""
from __future__ import annotations

import logging
import signal
import threading
import time

import peewee

from server import clock
from server.config import settings
from server.grid import dispatch
from server.grid.extras import BALANCE
from server.models import db
from server.resources import purging, readings, store

log = logging.getLogger(__name__)
TURN = 1.0
PURGE_EVERY = 3600


def turn() -> int:
    """Render what time has changed, sum up what was measured, decide the steps of areas that are kept in balance; how much
    of all that there was."""
    done = store.refresh() if store.due() else 0
    return done + (_balance() if BALANCE else 0)


def _balance() -> int:
    from server.grid import balancing, history
    return history.roll_due(clock.now()) + balancing.turn()


def purge() -> int:
    """Forget what is older than the settings keep; how much that was."""
    now = clock.now()
    events, readings_ = (now - days * readings.DAY for days in (settings.event_days, settings.reading_days))
    gone = purging.forget_events(events) + dispatch.forget_before(events) + purging.forget_readings(readings_)
    if BALANCE:
        from server.grid import history
        gone += history.forget_before(readings_)
    return gone


def run(once: bool = False) -> None:
    """Turn after turn until SIGTERM or SIGINT. A database that is away is waited for."""
    stop = threading.Event()
    if not once:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
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
