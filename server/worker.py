"""The worker: what is done without a request, turn by turn.

Every turn does what is due and can be repeated, so that any number of workers may run and any of them may be
killed.
"""
from __future__ import annotations

import logging
import signal
import threading
import time

import peewee

from server import alarms, clock
from server.config import settings
from server.grid.balance import controller
from server.grid.dispatch import orders
from server.grid.series import measurements
from server.models import db
from server.resources import meterreadings, retention, store

log = logging.getLogger(__name__)
TURN_S = 1.0  # between turns
PURGE_S = 3600  # between removals of what is old


def turn() -> int:
    """Clear alarms that are over, render what time has changed, sum up readings, and decide the steps of the
    areas that are due.

    Return how many lists, intervals and steps that was.
    """
    alarms.clear_lapsed()
    rendered = store.refresh() if store.due() else 0
    return rendered + measurements.roll_due(clock.now()) + controller.run_due()


def purge() -> int:
    """Remove events, orders, readings and alarms that are older than the settings keep; return how many."""
    now = clock.now()
    events_before = now - settings.event_days * meterreadings.DAY
    readings_before = now - settings.reading_days * meterreadings.DAY
    return (
        retention.remove_events_before(events_before)
        + orders.forget_before(events_before)
        + retention.remove_readings_before(readings_before)
        + measurements.forget_before(readings_before)
        + alarms.forget_before(now - settings.alarm_days * meterreadings.DAY)
    )


def run(once: bool = False) -> None:
    """Do turn after turn until SIGTERM or SIGINT, or `once`; wait for a database that does not answer."""
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
                purge_at = time.monotonic() + PURGE_S
        except (peewee.OperationalError, peewee.InterfaceError) as error:
            log.warning("the database did not answer: %s", error)
            db.dispose()
        if once or stop.wait(TURN_S):
            return
