"""Quantities in documents: a value and a power of ten; percentages in hundredths. Pure."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from server.units import Watts

INT16 = 32767
_FINEST = -3  # thousandths are finer than any device controls
MAX_TOU_TIER = 15  # TOUType: 0 none, 1 to 15 for tiers A to O
MAX_CONSUMPTION_BLOCK = 16  # ConsumptionBlockType: 0 none
FULL = 10_000  # 100 %: PerCent and SignedPerCent count hundredths


def base_value(quantity: Mapping[str, Any] | None) -> float | None:
    """Return the value of an ActivePower, WattHour and so on in its base unit; None for None."""
    if quantity is None:
        return None
    return float(quantity["value"] * 10.0 ** quantity.get("multiplier", 0))


def step(limit_w: Watts) -> int:
    """Return the finest step, in W and at least 1, in which an Int16 can count up to this magnitude."""
    unit_w = 1
    while abs(limit_w) / unit_w > INT16:
        unit_w *= 10
    return unit_w


def active_power(value: int, unit_w: int = 1) -> dict[str, int]:
    """Return `value` steps of `unit_w` (a power of ten) as an ActivePower.

    ValueError where an Int16 cannot hold the value.
    """
    if abs(value) > INT16:
        raise ValueError(f"{value} steps of {unit_w} W do not fit an ActivePower; take a greater step")
    return {"multiplier": len(str(unit_w)) - 1, "value": value}


def power(power_w: Watts) -> dict[str, int]:
    """Return the ActivePower that is nearest to a power."""
    unit_w = step(round(power_w))
    return active_power(round(power_w / unit_w), unit_w)


def fixed_point(value: float, most: int = INT16) -> dict[str, int]:
    """Return the multiplier and value that are nearest to a number, with at most three decimal places.

    The multiplier is 0 where the number is whole and fits.
    """
    multiplier = 0
    while abs(round(value / 10 ** multiplier)) > most:
        multiplier += 1
    while multiplier > _FINEST and not _whole(value / 10.0 ** multiplier) and (
            abs(value / 10.0 ** (multiplier - 1)) <= most):
        multiplier -= 1
    return {"multiplier": multiplier, "value": round(value / 10.0 ** multiplier)}


def _whole(value: float) -> bool:
    return abs(value - round(value)) < 1e-6
