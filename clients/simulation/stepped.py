"""Many clients in stepped time: nothing sleeps; the caller sets the time, and hears when everything due is
done.

In one process that is `Stepped.run_until`. Another process reads an instant in a line, "T", and answers
"T n": n clients had something to do (`serve_instants`). The clock is turned first, then the instant is sent.
"""
from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TextIO

from clients.devices.client import Client
from server import logs

log = logging.getLogger(__name__)
# A client whose step raised an unexpected error is stepped again after so long (seconds).
RETRY_S = 30.0


class Stepped:
    """Clients that run on a clock that is turned by others (`clock.follow("file:PATH")`).

    Each must have `clock.precise` for its clock; their first steps are due at once. `threads` is how many
    requests are in progress at a time.
    """

    def __init__(self, clients: Sequence[Client], threads: int = 3):
        self.clients = list(clients)
        self._due = dict.fromkeys(range(len(self.clients)), 0.0)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="stepped")

    def run_until(self, instant: float) -> int:
        """Step every client that is due at `instant` once, in the order of their times; return how many.

        The clock must be at `instant` already.
        """
        numbers = [number for due, number in sorted(
            (due, number) for number, due in self._due.items() if due <= instant)]
        self._due.update(
            zip(numbers, self._pool.map(lambda number: self._step(number, instant), numbers), strict=True)
        )
        return len(numbers)

    def stop(self) -> None:
        """Close all connections."""
        self._pool.shutdown()
        for client in self.clients:
            client.close()

    def __enter__(self) -> Stepped:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _step(self, number: int, instant: float) -> float:
        try:
            return self.clients[number].step(instant)
        except Exception:
            logs.unexpected(log, f"a step of {self.clients[number].name}")
            return instant + RETRY_S


def serve_instants(fleet: Stepped, instants: TextIO, answers: TextIO) -> None:
    """Run to each instant that is read, until there are no more."""
    with fleet:
        for line in instants:
            count = fleet.run_until(float(line))
            print(line.strip(), count, file=answers, flush=True)
