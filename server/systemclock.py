"""The system's clock, guarded against jumps: a virtual machine that wakes up, a wrong time server.

It is compared with CLOCK_BOOTTIME, which nobody sets. Within BOUND_S the time follows the system's clock. A
jump beyond that is suspect: the time goes on as before, until an operator or STEADY_S without another jump
confirm the new one.
"""
from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial

BOUND_S = 30.0  # time servers correct by less than that
NOTED_S = 0.5  # adjustments from here on are logged
STEADY_S = 900.0

log = logging.getLogger(__name__)


boottime = partial(time.clock_gettime, time.CLOCK_BOOTTIME)
"""Returns the seconds since the system was started, those in which it slept included."""


class SystemClock:
    """The time of a system's clock, as far as it is trusted. Offsets are seconds of `real` less `boot`."""

    def __init__(self, real: Callable[[], float] = time.time, boot: Callable[[], float] = boottime):
        self.real, self.boot = real, boot
        self.trusted_s = self.offset_s()
        self.suspect_s: float | None = None
        self.suspect_since = 0.0  # by `boot`

    def offset_s(self) -> float:
        """Return the present offset of the system's clock, trusted or not."""
        return self.real() - self.boot()

    @property
    def is_suspect(self) -> bool:
        """Whether the system's clock has jumped, and nobody has confirmed that yet."""
        return self.suspect_s is not None

    @property
    def jump_s(self) -> float:
        """How far the system's clock is ahead of the trusted time; 0 where it is not suspect."""
        return 0.0 if self.suspect_s is None else self.suspect_s - self.trusted_s

    def time(self) -> float:
        """Return the trusted time, in seconds since 1970."""
        real, boot = self.real(), self.boot()
        offset_s = real - boot
        jump_s = offset_s - self.trusted_s
        if -BOUND_S <= jump_s <= BOUND_S:
            if abs(jump_s) >= NOTED_S:
                log.info("the clock was adjusted by %.1f s", jump_s)
            self.trusted_s, self.suspect_s = offset_s, None
            return real
        if self.suspect_s is None or abs(offset_s - self.suspect_s) > BOUND_S:
            self.suspect_s, self.suspect_since = offset_s, boot
            log.error(
                "the clock jumped by %.0f s; the time goes on as before, see `counterpoise clock`", jump_s)
        elif boot - self.suspect_since >= STEADY_S:
            log.warning("the clock has been steady for %.0f s after a jump of %.0f s: it is followed again",
                        STEADY_S, jump_s)
            self.trust(offset_s)
            return real
        return boot + self.trusted_s

    def trust(self, offset_s: float) -> None:
        """Take the time from this offset on."""
        self.trusted_s, self.suspect_s = offset_s, None
