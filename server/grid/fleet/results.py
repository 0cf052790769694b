"""What functions about the fleet return."""
from __future__ import annotations

from typing import TypedDict

from server.units import Fraction, WattHours, Watts


class DerRatings(TypedDict):
    """What is used of a DER. `overridden` names the ratings that an operator has set, `implausible` what it
    reports that cannot be."""
    der: int
    max_injection_w: Watts
    max_absorption_w: Watts
    capacity_wh: WattHours | None
    soc: Fraction | None
    overridden: str
    implausible: str
