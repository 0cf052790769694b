"""What a device and an aggregator share: one connection, one clock, discovery, and a step that returns when
the next is due."""
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

# The shortest time between two steps (seconds), so that a client cannot keep a thread busy.
MIN_STEP_S = 0.01
# Discoveries in a row, where one changes what the next will find: after a registration a server shows more.
MAX_DISCOVERIES = 4


def discard_trace(_: Trace) -> None:
    """Do nothing with a trace."""


class Client:
    """The client of one certificate.

    `step(local)` does what is due at this second of the machine's clock and returns the second at which to be
    called again. It never sleeps; the caller does. `rate` is the server's clock rate if it is known
    beforehand (60 for a demonstration at 60x); otherwise it is measured. `dcap` is the href of
    DeviceCapability, the only href that is configured.
    """

    def __init__(self, name: str, connection: Connection, dcap: str = "/dcap", rate: float = 1.0,
                 on_event: Callable[[Trace], None] = discard_trace,
                 clock: Callable[[], float] = time.time):
        self.name, self.dcap = name, dcap
        self.faults: Faults = NONE
        self._connection, self._on_event, self._clock = connection, on_event, clock
        start = clock()
        self.timebase = Timebase(rate, start, start)
        self.polls = Poller(self._get, lambda: self.now)
        self.root: Root | None = None
        self.time_href: str | None = None
        self._failures = 0
        self._retry_at = self._polls_due = 0.0

    @property
    def event_clients(self) -> list[EventClient]:
        """The clients of the EndDevices that this certificate speaks for."""
        raise NotImplementedError

    def discover(self, root: Root, now: float) -> None:
        """Follow the links from the root to what concerns each event client, and pass it on."""
        raise NotImplementedError

    def step(self, local: float) -> float:
        """Do what is due; return the machine's second at which to call again.

        Event clients run up to a second ago before anything is read, since what is read was not known then.
        """
        if self._time_known and self.now >= self._polls_due:
            for event_client in self.event_clients:
                event_client.catch_up(self.now - 1)
        if local >= self._offline_until:
            self._poll()
        if self._time_known:
            for event_client in self.event_clients:
                event_client.run_until(self.now)
        if local >= self._offline_until:
            self._report()
        return max(self._next_step(local), local + MIN_STEP_S)

    @property
    def _offline_until(self) -> float:
        """The machine's second until which the server is sent no request."""
        return math.inf if self.faults.offline else self._retry_at

    @property
    def _time_known(self) -> bool:
        """Whether the server's time is known, or never will be."""
        return self.timebase.known or self.faults.offline

    def _next_step(self, local: float) -> float:
        runs = [event_client.next_run for event_client in self.event_clients if self._time_known]
        if self._offline_until > local:
            return min([self._offline_until, *map(self.timebase.local_time, runs)])
        reports = [
            event_client.next_report
            for event_client in self.event_clients
            if event_client.next_report is not None
        ]
        return min(map(self.timebase.local_time, [self._polls_due, *runs, *reports]))

    def set_faults(self, faults: Faults) -> None:
        """Misbehave in this way from now on."""
        self.faults = faults
        for event_client in self.event_clients:
            event_client.faults = faults

    @property
    def now(self) -> float:
        """The server's time."""
        return self.timebase.server_time(self._clock())

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        self._connection.close()

    def abort(self) -> None:
        """End for good the request that another thread's step waits for."""
        self._connection.abort()

    def _poll(self) -> None:
        """Read what is due. After a failure the last state remains in effect, and the clock goes on."""
        try:
            for _ in range(MAX_DISCOVERIES):
                self.polls.begin()
                root = discovery.read_root(self.polls, self.dcap)
                self.discover(root, self.now)
                self.root, self._failures = root, 0
                self._polls_due = self.polls.end()
                if self._polls_due > self.now:
                    break
        except ConnectionFault as fault:
            self._back_off(fault)

    def _report(self) -> None:
        if self.root is None:
            return
        try:
            for event_client in self.event_clients:
                event_client.report(self.root, self.now)
        except Unreachable as fault:
            self._back_off(fault)

    def _back_off(self, fault: ConnectionFault) -> None:
        """Send no request for a while: as long as the server asks for, or longer with each failure."""
        self._failures += 1
        self._retry_at = (
            fault.until
            if isinstance(fault, Unreachable)
            else self._clock() + retry_delay_s(self._failures)
        )
        self._on_event(Trace(int(self.now), self.name, "error", str(fault)))

    def _get(self, href: str) -> Reply:
        sent_at = self._clock()
        reply = self._connection.get(href)
        if reply.name == "DeviceCapability":
            self.time_href = discovery.link_href(reply.data, "TimeLink")
        elif reply.name == "Time" and href == self.time_href:  # and not that of an assignment
            self._set_clock(reply.data, (sent_at + self._clock()) / 2)
        return reply

    def _set_clock(self, data: dict[str, Any], local: float) -> None:
        before = self.timebase
        self.timebase = before.observe(data["currentTime"] + self.faults.skew_s, local)
        jump_s = self.timebase.server_time(local) - before.server_time(local)
        self.polls.shift_clock(jump_s)
        for event_client in self.event_clients:
            event_client.shift_clock(jump_s)

    def _try(self, action: Callable[[], Reply], purpose: str) -> Reply | None:
        """Send a request that the server may refuse without harm; return None where it did."""
        try:
            return action()
        except Refusal as refusal:
            self._on_event(Trace(int(self.now), self.name, "error", f"{purpose}: {refusal}"))
            return None
