"""What a FlowReservationResponse grants, as numbers; positive for charging, as in FlowReservation."""
from __future__ import annotations

from typing import NamedTuple


class ReservationOffer(NamedTuple):
    """Power and energy (signed) that are granted from `start` (UTC, s) on for `duration_s`."""
    start: int
    duration_s: int
    power_w: float
    energy_wh: float
