"""Which requests may occupy a thread, so that neither a client nor a database that makes wait takes all."""
from __future__ import annotations

import threading

from server.devices.access import SAFE


class Admission:
    """Counts the requests in flight of a worker process with so many threads.

    Those of one certificate may occupy half the threads, those that write all but one.
    """

    def __init__(self, threads: int):
        self.max_of_certificate = max(1, threads // 2)
        self.max_writers = max(1, threads - 1)
        self.in_flight: dict[str, int] = {}  # by LFDI
        self.writers = 0  # of those, how many write
        self.left = 0  # how many requests were counted and are no more
        self.lock = threading.Lock()

    def enter(self, lfdi: str, method: str) -> int:
        """Count a request in flight and return 0. Where it has to wait, return the HTTP status of its answer
        if it waits too long."""
        writes = method not in SAFE
        with self.lock:
            of_certificate = self.in_flight.get(lfdi, 0)
            if of_certificate >= self.max_of_certificate:
                return 429
            if writes and self.writers >= self.max_writers:
                return 503
            self.in_flight[lfdi] = of_certificate + 1
            self.writers += writes
        return 0

    def leave(self, lfdi: str, method: str) -> None:
        """Count a request no more."""
        with self.lock:
            self.writers -= method not in SAFE
            if remaining := self.in_flight.pop(lfdi) - 1:
                self.in_flight[lfdi] = remaining
            self.left += 1
