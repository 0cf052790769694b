"""What a flow reservation is granted, as numbers. Power and energy are positive for charging, as in
FlowReservation."""
from typing import NamedTuple


class ReservationOffer(NamedTuple):
    """What is granted: `power` and `energy` (signed) from `start` on for `duration` seconds."""
    start: int
    duration: int
    power: float
    energy: float
