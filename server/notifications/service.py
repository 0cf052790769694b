"""Delivery beside the worker's duties, which may take seconds: a thread that runs as long as the worker
does."""
from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from server import sidethreads
from server.notifications.delivery import Delivery


@contextmanager
def running() -> Iterator[None]:
    """Deliver notifications, in a thread, until the end of the block."""
    with sidethreads.running("notifications", _serve):
        yield


def deliver_due() -> None:
    """Deliver what is due, once, and return when each of it was tried."""
    asyncio.run(_deliver(threading.Event(), until_done=True))


def _serve(stop: threading.Event) -> None:
    asyncio.run(_deliver(stop))


async def _deliver(stop: threading.Event, until_done: bool = False) -> None:
    await Delivery().run(stop.is_set, until_done)
