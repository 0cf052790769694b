"""Quantities on the wire: a value and a power of ten, percents in hundredths. Pure."""
from collections.abc import Mapping
from typing import Any

INT16 = 32767
FULL = 10_000  # 100 % in hundredths, as PerCent and SignedPerCent have it


def base_value(quantity: Mapping[str, Any] | None) -> float | None:
    """The value of an ActivePower, WattHour … in its base unit; None for None."""
    if quantity is None:
        return None
    return float(quantity["value"] * 10.0 ** quantity.get("multiplier", 0))


def step(limit: float) -> int:
    """The finest step, in W and at least 1, in which an Int16 can count up to this magnitude."""
    unit = 1
    while abs(limit) / unit > INT16:
        unit *= 10
    return unit


def active_power(value: int, unit: int = 1) -> dict[str, int]:
    """`value` steps of `unit` W (a power of ten) as an ActivePower. ValueError where an Int16 cannot hold
    it."""
    if abs(value) > INT16:
        raise ValueError(f"{value} steps of {unit} W do not fit an ActivePower; take a greater step")
    return {"multiplier": len(str(unit)) - 1, "value": value}


def power(watts: float) -> dict[str, int]:
    """The ActivePower nearest to so many W."""
    unit = step(round(watts))
    return active_power(round(watts / unit), unit)
