"""What reports of unmet demand return; the values are plain dicts."""
from __future__ import annotations

from typing import TypedDict

from server.units import Instant, WattHours, Watts


class UnmetRow(TypedDict):
    """What could not be kept: a `limit`, a `car`, `comfort`, a `contract` or an `order` (`kind`), of whom, by
    how much and why. `expected` is what is expected of a time that is not over.

    `energy_wh` is what is beyond a limit, what a car or a comfort band lacks, or what limits took of an
    order; `power_w` is the greatest power beyond a limit, or that of which an order was clipped.
    """
    kind: str
    name: str
    start: Instant
    end: Instant
    expected: bool
    energy_wh: WattHours | None
    power_w: Watts | None
    reason: str
