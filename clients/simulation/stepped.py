"""Many clients in stepped time: nobody sleeps; whoever turns the clock says when, and hears when all that is
due is done.

In one process that is `Stepped.until`. Another process is told an instant in a line, "T", and answers "T n":
n clients had something to do (`answer`). The clock is turned first, then the clients are told.
"""
from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TextIO

from clients.devices.client import Client
from server import logs

log = logging.getLogger(__name__)
# A client whose step went wrong in a way nobody foresaw is left alone for so long (seconds).
RETRY_S = 30.0


class Stepped:
    """Clients that live by a clock that others turn (`clock.follow("file:PATH")`). Each must have
    `clock.precise` for its clock; their first steps are due at once. `threads` is how many requests are under
    way at a time."""

    def __init__(self, clients: Sequence[Client], threads: int = 3):
        self.clients = list(clients)
        self._wakes = dict.fromkeys(range(len(self.clients)), 0.0)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="stepped")

    def until(self, instant: float) -> int:
        """Let every client whose time has come do what is due, once, in the order of their times; the clock
        stands at `instant` already. How many there were."""
        due = sorted((wake, number) for number, wake in self._wakes.items() if wake <= instant)
        numbers = [number for _, number in due]
        self._wakes.update(
            zip(numbers, self._pool.map(lambda number: self._step(number, instant), numbers), strict=True)
        )
        return len(due)

    @property
    def next(self) -> float:
        """The instant at which a client has something to do next."""
        return min(self._wakes.values(), default=float("inf"))

    def stop(self) -> None:
        """Let all connections go."""
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


def serve_instants(fleet: Stepped, asked: TextIO, answers: TextIO) -> None:
    """Do as the lines of `asked` say, until there are no more."""
    with fleet:
        for line in asked:
            count = fleet.until(float(line))
            print(line.strip(), count, file=answers, flush=True)
