"""What a device and an aggregator share: one connection, one clock, the walk, and a step that says when the
next is due."""
from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from clients.devices.faults import NONE, Faults
from clients.events.eventclient import EventClient
from clients.reports.reporter import Trace
from clients.transport import discovery
from clients.transport.connection import (Connection, ConnectionFault, Refusal, Reply, Unreachable,
                                          retry_delay_s)
from clients.transport.discovery import Root
from clients.transport.polling import Poller
from clients.transport.timebase import Timebase

# A client that is called again takes at least this breath (seconds).
MIN_STEP_S = 0.01
# Walks in a row, where one has changed what the next will find: registering, then being somebody.
MAX_WALKS = 4


def discard_trace(_: Trace) -> None:
    """Tell nobody."""


class Client:
    """One certificate's life at a server.

    `step(local)` does what is due at this second of the machine's clock and returns the second at which to be
    called again. It never sleeps; the caller does. `rate` is the server's clock rate if it is known
    beforehand (60 for a demonstration at 60x); otherwise it is measured. `dcap` is the href of
    DeviceCapability, the only one given.
    """

    def __init__(self, name: str, connection: Connection, dcap: str = "/dcap", rate: float = 1.0,
                 tell: Callable[[Trace], None] = discard_trace, clock: Callable[[], float] = time.time):
        self.name, self.dcap = name, dcap
        self.manner: Faults = NONE
        self._connection, self._tell, self._clock = connection, tell, clock
        start = clock()
        self.timebase = Timebase(rate, start, start)
        self.polls = Poller(self._get, lambda: self.now)
        self.root: Root | None = None
        self._failures = 0
        self._quiet_until = self._polls_due = 0.0

    @property
    def followers(self) -> list[EventClient]:
        """The EndDevices in its care."""
        raise NotImplementedError

    def look_after(self, root: Root, now: float) -> None:
        """Walk from the root to what concerns each follower, and let it know."""
        raise NotImplementedError

    def step(self, local: float) -> float:
        """Do what is due; the machine's second at which to call again. What is read now is nothing that the
        past knew."""
        if self._timely and self.now >= self._polls_due:
            for follower in self.followers:
                follower.catch_up(self.now - 1)
        if local >= self._quiet:
            self._attend()
        if self._timely:
            for follower in self.followers:
                follower.live(self.now)
        if local >= self._quiet:
            self._report()
        return max(self._next(local), local + MIN_STEP_S)

    @property
    def _quiet(self) -> float:
        """The machine's second until which the server is not asked."""
        return math.inf if self.manner.gone else self._quiet_until

    @property
    def _timely(self) -> bool:
        """Whether what time it is has been heard, or never will be."""
        return self.timebase.known or self.manner.gone

    def _next(self, local: float) -> float:
        turns = [follower.next_turn for follower in self.followers if self._timely]
        if self._quiet > local:
            return min([self._quiet, *map(self.timebase.local_time, turns)])
        reports = [follower.next_report for follower in self.followers if follower.next_report is not None]
        return min(map(self.timebase.local_time, [self._polls_due, *turns, *reports]))

    def behave(self, manner: Faults) -> None:
        """Be of this manner from now on."""
        self.manner = manner
        for follower in self.followers:
            follower.manner = manner

    @property
    def now(self) -> float:
        """The server's time."""
        return self.timebase.server_time(self._clock())

    def close(self) -> None:
        """Let the connection go."""
        self._connection.close()

    def abort(self) -> None:
        """End for good the request that another thread's step waits for."""
        self._connection.abort()

    def _attend(self) -> None:
        """Read what is due. When that fails, what was known stays known, and the clock goes on."""
        try:
            for _ in range(MAX_WALKS):
                self.polls.begin()
                root = discovery.read_root(self.polls, self.dcap)
                self.look_after(root, self.now)
                self.root, self._failures = root, 0
                self._polls_due = self.polls.end()
                if self._polls_due > self.now:
                    break
        except ConnectionFault as trouble:
            self._hold(trouble)

    def _report(self) -> None:
        if self.root is None:
            return
        try:
            for follower in self.followers:
                follower.report(self.root, self.now)
        except Unreachable as trouble:
            self._hold(trouble)

    def _hold(self, trouble: ConnectionFault) -> None:
        """Leave the server alone for a while: as long as it says, or longer with each failure."""
        self._failures += 1
        self._quiet_until = (
            trouble.until
            if isinstance(trouble, Unreachable)
            else self._clock() + retry_delay_s(self._failures)
        )
        self._tell(Trace(int(self.now), self.name, "trouble", str(trouble)))

    def _get(self, href: str) -> Reply:
        asked = self._clock()
        answer = self._connection.get(href)
        if answer.name == "Time":
            self._set_clock(answer.data, (asked + self._clock()) / 2)
        return answer

    def _set_clock(self, data: dict[str, Any], local: float) -> None:
        before = self.timebase
        self.timebase = before.observe(data["currentTime"] + self.manner.skew, local)
        jump = self.timebase.server_time(local) - before.server_time(local)
        self.polls.shift(jump)
        for follower in self.followers:
            follower.shift(jump)

    def _try(self, action: Callable[[], Reply], what: str) -> Reply | None:
        """Do something that the server may refuse without harm; None where it did."""
        try:
            return action()
        except Refusal as refusal:
            self._tell(Trace(int(self.now), self.name, "trouble", f"{what}: {refusal}"))
            return None
