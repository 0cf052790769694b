"""Misbehaviour of devices, for tests of what follows from it, drawn from the LFDI.  Pure."""
from __future__ import annotations

from typing import NamedTuple

from clients.events.events import draw_integer

_RESOLUTION = 10_000


class Faults(NamedTuple):
    """The faults of one device.

    `non_responding`: it is connected, polls and posts readings, but follows no event, sends no Response and
    requests no reservation. `offline`: it sends no request any more, and goes on by what it knows. `opt_out`:
    the probability with which its customer opts out of an event at half its time. `skew_s`: how far its clock
    is ahead of the server's, whatever Time says.
    """
    non_responding: bool = False
    offline: bool = False
    opt_out: float = 0.0
    skew_s: float = 0.0

    def opts_out(self, lfdi: str, mrid: str) -> bool:
        """Return whether the customer opts out of this event; the same every time."""
        return draw_integer(lfdi, f"opts out of {mrid}", _RESOLUTION - 1) < self.opt_out * _RESOLUTION


NONE = Faults()


def draw_faults(
    lfdi: str,
    non_responding: float = 0.0,
    offline: float = 0.0,
    opt_out: float = 0.0,
    skew_s: float = 0.0,
) -> Faults:
    """Return the faults of one device of many.

    `non_responding` and `offline` are the fractions of the devices that have these faults. The clocks are off
    by `skew_s`, some ahead, some behind.
    """
    draw = draw_integer(lfdi, "manner", _RESOLUTION - 1) / _RESOLUTION
    sign = (1, -1)[draw_integer(lfdi, "skew", 1)]
    return Faults(
        non_responding=draw < non_responding,
        offline=non_responding <= draw < non_responding + offline,
        opt_out=opt_out,
        skew_s=skew_s * sign,
    )
