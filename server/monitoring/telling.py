"""Telling people of alarms beside the worker's duties: a mail server may take its time."""
from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from server import alarms, logs
from server.models import db, discard_connection
from server.models.unavailable import DATABASE_ERRORS
from server.monitoring import notices

log = logging.getLogger(__name__)
POLL_S = 1.0  # between looks at the outbox
PAUSE_S = 5.0  # after a fault


@contextmanager
def running() -> Iterator[None]:
    """Tell what is due, in a thread, until the end of the block."""
    stop = threading.Event()
    thread = threading.Thread(target=_serve, args=(stop,), name="alarms", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _serve(stop: threading.Event) -> None:
    """Tell until told to stop. The worker itself says when the database does not answer."""
    while not stop.is_set():
        try:
            notices.deliver_due()
            stop.wait(POLL_S)
        except DATABASE_ERRORS:
            discard_connection()
            stop.wait(PAUSE_S)
        except Exception:
            alarms.raise_alarm("work", "alarms", logs.unexpected(log, "Telling of alarms"))
            stop.wait(PAUSE_S)
    db.close()
