"""Threads beside the worker's duties, for what waits on others: receivers, mail servers, webhooks."""
from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from server import alarms, logs
from server.models import db, discard_connection
from server.models.unavailable import DATABASE_ERRORS

log = logging.getLogger(__name__)
PAUSE_S = 5.0  # after a fault


@contextmanager
def running(name: str, task: Callable[[threading.Event], object], every_s: float = 0.0) -> Iterator[None]:
    """Call a task again and again, in a thread of its own, until the end of the block.

    `task` is given the event that is set then; `every_s` is the pause between two calls. A fault is logged
    and raised as an alarm. The worker itself says when the database does not answer.
    """
    stop = threading.Event()
    thread = threading.Thread(target=_serve, args=(name, task, every_s, stop), name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _serve(
    name: str, task: Callable[[threading.Event], object], every_s: float, stop: threading.Event
) -> None:
    while not stop.is_set():
        try:
            task(stop)
            stop.wait(every_s)
        except DATABASE_ERRORS:
            discard_connection()
            stop.wait(PAUSE_S)
        except Exception:
            alarms.raise_alarm("work", name, logs.unexpected(log, f"The thread {name}"))
            stop.wait(PAUSE_S)
    db.close()
