"""A client's clock: it follows the server's Time resource (IEEE 2030.5-2018 9.2).

Two times meet here. *Local* seconds are the machine's, in which a client sleeps; *server* seconds are those
of Time.currentTime, in which events are scheduled. A demonstration's server may run 60 times as fast: the
client's sleeps shrink by the same rate.
"""
from __future__ import annotations

from typing import NamedTuple

# Time.currentTime is in whole seconds (so it may be one behind), and takes up to so many local seconds to
# arrive.
RESOLUTION_S, LATENCY_S = 2.0, 0.1
# The rate is measured over no less than this many local seconds.
MIN_RATE_SPAN_S = 2.0


class Timebase(NamedTuple):
    """Server seconds = `server` + (local seconds - `local`) * `rate`. `drift` is how far the last reading was
    off."""
    rate: float = 1.0
    local: float = 0.0
    server: float = 0.0
    known: bool = False
    drift: float = 0.0

    def server_time(self, local: float) -> float:
        """What the server's clock shows at this local second."""
        return self.server + (local - self.local) * self.rate

    def local_time(self, server: float) -> float:
        """The local second at which the server's clock shows this."""
        return self.local + (server - self.server) / self.rate

    @property
    def offset(self) -> float:
        """Server's clock less the machine's, at the last reading (seconds)."""
        return self.server - self.local

    def observe(self, current_time: float, local: float) -> Timebase:
        """The timebase after Time.currentTime was read at this local second.

        A reading within the resolution of the clocks leaves everything as it is: time does not jitter, and
        never goes back by a rounding. A larger drift sets the clock and, where the readings are far enough
        apart and the result is a sensible rate, the rate.
        """
        if not self.known:
            return Timebase(self.rate, local, current_time, True)
        drift = current_time - self.server_time(local)
        if abs(drift) <= RESOLUTION_S + LATENCY_S * self.rate:
            return self._replace(drift=drift)
        elapsed = local - self.local
        measured = (current_time - self.server) / elapsed if elapsed >= MIN_RATE_SPAN_S else self.rate
        rate = measured if 0.1 <= measured <= 10_000 else self.rate
        return Timebase(rate, local, current_time, True, drift)
