"""How a device misbehaves, for those who want to see what comes of it. Drawn from its LFDI: the same every
time.  Pure."""
from __future__ import annotations

from typing import NamedTuple

from clients.events.events import draw_integer

_RESOLUTION = 10_000


class Faults(NamedTuple):
    """A `silent` device is connected, polls and posts readings, but follows, answers and asks nothing; one
    that is `gone` says nothing any more and goes on by what it knows. Its customer opts out of an event, in
    the middle of it, with the probability `opt_out`. Its clock is `skew` seconds ahead of the server's,
    whatever the server says."""
    silent: bool = False
    gone: bool = False
    opt_out: float = 0.0
    skew: float = 0.0

    def leaves(self, lfdi: str, mrid: str) -> bool:
        """Whether the customer opts out of this event."""
        return draw_integer(lfdi, f"opts out of {mrid}", _RESOLUTION - 1) < self.opt_out * _RESOLUTION


NONE = Faults()


def draw_faults(
    lfdi: str, silent: float = 0.0, gone: float = 0.0, opt_out: float = 0.0, skew: float = 0.0
) -> Faults:
    """The manner of one of many, of whom these shares are silent or gone, and whose clocks are off by `skew`
    seconds, some ahead, some behind."""
    place = draw_integer(lfdi, "manner", _RESOLUTION - 1) / _RESOLUTION
    return Faults(
        place < silent,
        silent <= place < silent + gone,
        opt_out,
        skew * (1, -1)[draw_integer(lfdi, "skew", 1)],
    )
