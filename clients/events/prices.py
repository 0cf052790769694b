"""Prices of a tariff as a device of the utility's customer reads them: what a kWh costs that it draws (IEEE
2030.5-2018, 10.5).  Pure.

A TimeTariffInterval is an event that sets one mode, the price.
"""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from server.resources.codes import FlowDirection

MODE = "price"
HORIZON_S = 86_400
"""Intervals that begin later are not read yet."""


def is_delivered(reading_type: dict[str, Any]) -> bool:
    """Return whether a RateComponent with this ReadingType is for energy that the customer draws."""
    return bool(reading_type.get("flowDirection") == FlowDirection.FORWARD)


def priced(
    profile: dict[str, Any], interval: dict[str, Any], blocks: Iterable[dict[str, Any]]
) -> dict[str, Any]:
    """Return a TimeTariffInterval with its price per kWh, in the currency of its TariffProfile: that of the
    first of its consumption blocks. One without any has none."""
    first = min(blocks, key=lambda block: block["startValue"], default=None)
    if first is None or "price" not in first:
        return interval
    return interval | {MODE: float(first["price"] * 10.0 ** profile.get("pricePowerOfTenMultiplier", 0))}


def modes(interval: dict[str, Any]) -> dict[str, Any]:
    """Return the mode that a TimeTariffInterval sets, if it has a price."""
    return {MODE: interval[MODE]} if MODE in interval else {}
