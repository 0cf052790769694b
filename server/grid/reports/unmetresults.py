"""What reports of unmet demand return; the values are plain dicts."""
from __future__ import annotations

from typing import TypedDict

from server.units import Instant, WattHours, Watts


class UnmetRow(TypedDict):
    """What could not be kept: a `limit`, a `car`, `comfort` or a `contract` (`kind`), of whom, by how much
    and why. `expected` is what a plan expects of a time that is not over.

    `energy_wh` is what is beyond a limit, or what a car or a comfort band lacks; `power_w` is the greatest
    power beyond a limit.
    """
    kind: str
    name: str
    start: Instant
    end: Instant
    expected: bool
    energy_wh: WattHours | None
    power_w: Watts | None
    reason: str
