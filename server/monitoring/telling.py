"""Telling people and programs beside the worker's duties: a mail server may take its time."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from server import sidethreads
from server.monitoring import hookdelivery, notices

POLL_S = 1.0  # between looks at the outbox


@contextmanager
def running() -> Iterator[None]:
    """Tell what is due, in a thread for people and one for programs, until the end of the block."""
    with (sidethreads.running("alarms", lambda stop: notices.deliver_due(), POLL_S),
          sidethreads.running("webhooks", lambda stop: hookdelivery.deliver_due(), POLL_S)):
        yield
