"""Delivery beside the worker's duties, which may take seconds: a thread that runs as long as the worker
does."""
from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from server import alarms, logs
from server.models import db, discard_connection
from server.models.unavailable import DATABASE_ERRORS
from server.notifications.delivery import Delivery

log = logging.getLogger(__name__)
PAUSE_S = 5.0  # until delivery is tried again that failed as a whole


@contextmanager
def running() -> Iterator[None]:
    """Deliver notifications, in a thread, until the end of the block."""
    stop = threading.Event()
    thread = threading.Thread(target=_serve, args=(stop,), name="notifications", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def deliver_due() -> None:
    """Deliver what is due, once, and return when each of it was tried."""
    asyncio.run(_deliver(threading.Event(), until_done=True))


async def _deliver(stop: threading.Event, until_done: bool = False) -> None:
    await Delivery().run(stop.is_set, until_done)


def _serve(stop: threading.Event) -> None:
    """Deliver until told to stop. The worker itself says when the database does not answer."""
    while not stop.is_set():
        try:
            asyncio.run(_deliver(stop))
        except DATABASE_ERRORS:
            discard_connection()
            stop.wait(PAUSE_S)
        except Exception:
            alarms.raise_alarm("work", "notifications", logs.unexpected(log, "Delivering notifications"))
            stop.wait(PAUSE_S)
    db.close()
