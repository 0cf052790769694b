"""A client's clock, which follows the server's Time resource (IEEE 2030.5-2018 9.2).

There are two times. *Local* seconds are the machine's, in which a client sleeps; *server* seconds are those
of Time.currentTime, in which events are scheduled. A demonstration's server may run 60 times as fast: then
the client sleeps 60 times as short.
"""
from __future__ import annotations

from typing import NamedTuple

# Time.currentTime is in whole seconds (so it may be one behind), and takes up to so many local seconds to
# arrive.
RESOLUTION_S, LATENCY_S = 2.0, 0.1
# The rate is measured over no less than this many local seconds.
MIN_RATE_SPAN_S = 2.0


class Timebase(NamedTuple):
    """Server seconds = `server` + (local seconds - `local`) * `rate`.

    `known` says whether Time was read. `drift_s` is by how much the last reading missed the prediction.
    """
    rate: float = 1.0
    local: float = 0.0
    server: float = 0.0
    known: bool = False
    drift_s: float = 0.0

    def server_time(self, local: float) -> float:
        """Return the server's time at this local second."""
        return self.server + (local - self.local) * self.rate

    def local_time(self, server: float) -> float:
        """Return the local second at which the server has this time."""
        return self.local + (server - self.server) / self.rate

    @property
    def offset_s(self) -> float:
        """The server's clock minus the machine's at the last reading, in seconds."""
        return self.server - self.local

    def observe(self, current_time: float, local: float) -> Timebase:
        """Return the timebase after Time.currentTime was read at this local second.

        A reading within the resolution of the clocks changes nothing, so that time does not jitter or go back
        by a rounding. A larger drift sets the clock and, where the readings are far enough apart and the
        result is plausible, the rate.
        """
        if not self.known:
            return Timebase(self.rate, local, current_time, True)
        drift_s = current_time - self.server_time(local)
        if abs(drift_s) <= RESOLUTION_S + LATENCY_S * self.rate:
            return self._replace(drift_s=drift_s)
        elapsed = local - self.local
        measured = (current_time - self.server) / elapsed if elapsed >= MIN_RATE_SPAN_S else self.rate
        rate = measured if 0.1 <= measured <= 10_000 else self.rate
        return Timebase(rate, local, current_time, True, drift_s)
