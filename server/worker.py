"""The worker: what is done without a request, turn by turn.

Every turn does what is due and can be repeated, so that any number of workers may run and any of them may be
killed.
"""
from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack

from server import alarms, auditarchive, clock, diskspace, logs, statechanges, timekeeping
from server.config import settings
from server.config.checks import masked
from server.devices import processcounts
from server.functionsets import selflog
from server.grid.balance import controller, preparation
from server.grid.controls import envelopepublication
from server.grid.dispatch import ordernotes, orderreckoning, orderwork
from server.grid.fleet import inferredcapacity
from server.grid.groups import membershipwork
from server.grid.reports import defaultbehaviour, thermallearning
from server.grid.series import measurements, readingsums
from server.models import check_schema, discard_connection, inuse
from server.models.diskfull import is_disk_full
from server.models.unavailable import DATABASE_ERRORS, LoginRefused, reason, verb
from server.monitoring import conditions, hookdelivery, notices, outages, presence, telling
from server.notifications import service
from server.resources import readingdays, refresh, retention

log = logging.getLogger(__name__)
TURN_S = 1.0  # between turns
MAX_PAUSE_S = 16.0  # between attempts to reach a database that does not answer
PURGE_S = 3600  # between removals of what is old
RETRY_S = 60  # until a duty that failed is tried again


def turn() -> int:
    """Say that a worker runs, watch the clock, place changes of state, clear alarms that are over, render
    what time has changed, infer capacities, sum up readings, learn what storage does by itself and how
    thermal loads follow the weather, decide the steps of the areas that are due, make the programs of single
    devices that further steps need, go on with changes of members and with orders whose maker has ended,
    reckon those again that wait for first readings, note which have begun or are over and who has responded,
    publish the next limits of connection points, and look for what is wrong.

    A duty that fails unexpectedly is logged, raised as an alarm, and tried again after RETRY_S; the others go
    on. Return how many lists, capacities, intervals, steps and devices that was.
    """
    return sum(perform(name, duty) for name, duty in DUTIES.items())


def _render() -> int:
    return refresh.run() if refresh.due() else 0


def _clear_alarms() -> int:
    alarms.clear_lapsed()
    return 0


def _place_changes() -> int:
    statechanges.arrange()
    return 0


def _watch_clock() -> int:
    if timekeeping.watch():
        selflog.time_adjusted()
    return 0


def _check_conditions() -> int:
    conditions.check_due()
    return 0


DUTIES: dict[str, Callable[[], int]] = {
    "saying that it runs": presence.beat,
    "watching the clock": _watch_clock,
    "placing changes of state": _place_changes,
    "clearing alarms": _clear_alarms,
    "rendering": _render,
    "inferring capacities": inferredcapacity.infer_due,
    "summing up readings": lambda: measurements.roll_due(clock.now()),
    "learning what storage does by itself": defaultbehaviour.learn_due,
    "learning how thermal loads follow the weather": thermallearning.learn_due,
    "the balance": controller.run_due,
    "preparing programs of single devices": preparation.prepare_due,
    "joining and leaving virtual DERs": membershipwork.finish_all,
    "publishing orders": orderwork.finish_all,
    "reckoning orders": orderreckoning.reckon_due,
    "noting orders and responses": ordernotes.note_due,
    "publishing envelopes": envelopepublication.publish_due,
    "looking for what is wrong": _check_conditions,
}
# By the monotonic clock: a duty that fails while the machine's clock is ahead is tried again all the same.
_retry_at: dict[str, float] = {}  # by the name of the duty
_purge_at = 0.0


def perform(name: str, duty: Callable[[], int]) -> int:
    """Do a duty and return its count; 0 where it failed, or failed a short time ago."""
    if time.monotonic() < _retry_at.get(name, 0):
        return 0
    try:
        return duty()
    except DATABASE_ERRORS:
        raise
    except Exception:
        _retry_at[name] = time.monotonic() + RETRY_S
        alarms.raise_alarm("work", name, logs.unexpected(log, name))
        return 0


def forget() -> None:
    """Try every duty again that failed a short time ago, or found nothing to do."""
    _retry_at.clear()
    conditions.forget()
    presence.forget()
    preparation.forget()


def purge() -> int:
    """Remove a slice of what is older than the settings keep, or archive it; return how many rows.

    The rest is due at once, else the next removal PURGE_S later.
    """
    global _purge_at
    more = readingsums.sum_up(clock.now())
    readingdays.arrange(clock.now())
    removed, rest = retention.remove_old()
    archived = auditarchive.archive()
    processcounts.fold()
    more |= rest or archived == auditarchive.SLICE
    _purge_at = time.monotonic() + (0 if more else PURGE_S)
    return removed + archived


def deliver_due() -> int:
    """Deliver the notifications that are due; a worker that runs does so all the time, beside its duties."""
    service.deliver_due()
    return 0


def run_once(open_database: Callable[[], None]) -> None:
    """Do what is due. Raises one of DATABASE_ERRORS where the database does not answer."""
    open_database()
    turn()
    perform("delivering notifications", deliver_due)
    perform("telling of alarms", notices.deliver_due)
    perform("telling webhooks", hookdelivery.deliver_due)
    perform("removing what is old", purge)


def run(open_database: Callable[[], None], stop: threading.Event | None = None) -> None:
    """Do turn after turn until SIGTERM or SIGINT; wait for a database that does not answer, at the start too.

    `open_database` connects to it, and is called until it has succeeded once. LoginRefused where the database
    refuses the login at the start; one that does so later is waited for. Without `stop`, which is set to
    end the worker, signals set one. Refused (503) once a newer version has changed the tables in a way that
    this one cannot share.
    """
    if stop is None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
    with ExitStack() as held:
        _run(open_database, stop, held)


def _run(open_database: Callable[[], None], stop: threading.Event, held: ExitStack) -> None:
    database = Availability()
    is_open = False
    while True:
        try:
            if not is_open:
                open_database()
                is_open = True
                held.enter_context(inuse.hold(settings.database))
                held.enter_context(service.running())
                held.enter_context(telling.running())
                logging.getLogger(logs.START).info(
                    "the worker has started, on the database %s (%s), in the time zone %s",
                    masked(settings.database), settings.place("database"), settings.timezone)
            check_schema()
            done = turn()
            if time.monotonic() >= _purge_at:
                perform("removing what is old", purge)
            database.answered(done >= refresh.SLICE)
        except DATABASE_ERRORS as error:
            if isinstance(error, LoginRefused) and not is_open:
                raise
            database.failed(error)
        if stop.wait(database.pause_s):
            return


class Availability:
    """Whether the database answers, and how long to wait until it is asked again. Each change is logged
    once. An outage of `alarm_database_s` is told at once, since no alarm can be written, and is an alarm
    afterwards."""

    def __init__(self) -> None:
        self.pause_s, self._answers = TURN_S, True
        self._outage = outages.Outage()

    def answered(self, more: bool) -> None:
        """Take note that it has answered; where there is `more` to do, the next turn does not wait."""
        if not self._answers:
            log.warning("the database answers again")
            self._outage.end()
        self.pause_s, self._answers = 0.0 if more else TURN_S, True

    def failed(self, error: Exception) -> None:
        """Take note that it did not, and close the connection; wait twice as long as the last time."""
        if is_disk_full(error):
            diskspace.report()
        elif self._answers:
            log.warning("the database %s, the worker waits for it: %s", verb(error), reason(error))
        discard_connection()
        self._outage.go_on(reason(error))
        self.pause_s, self._answers = min(MAX_PAUSE_S, max(TURN_S, self.pause_s) * 2), False
