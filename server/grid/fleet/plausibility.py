"""What devices report, as far as it can be: values beyond any plausible size are left out and named.

The documents keep such values and serve them as posted. Bounds are settings.
"""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from server.config import settings
from server.resources.quantities import FULL, base_value
from server.units import Fraction, WattHours, Watts

UNKNOWN_PERCENT = 65_535  # what devices send for a percentage that they do not know: a UInt16 with all bits
MAX_AVAILABILITY_S = 30 * 86_400  # no storage holds out longer at full power


class Plausible:
    """Reads values of documents, None where they are not reported or cannot be; `faults` names the latter."""

    def __init__(self) -> None:
        self.faults: list[str] = []

    def power_w(self, name: str, quantity: Mapping[str, Any] | None) -> Watts | None:
        """Return a rating of power, a magnitude."""
        return self._within(name, base_value(quantity), settings.plausible_power_w, "W")

    def energy_wh(self, name: str, quantity: Mapping[str, Any] | None) -> WattHours | None:
        """Return a rating of energy, a magnitude."""
        return self._within(name, base_value(quantity), settings.plausible_energy_wh, "Wh")

    def signed_power_w(self, name: str, quantity: Mapping[str, Any] | None) -> Watts | None:
        """Return a power of either sign."""
        power_w = base_value(quantity)
        most_w = settings.plausible_power_w
        return self._within(name, power_w, most_w, "W", least=-most_w)

    def signed_energy_wh(self, name: str, quantity: Mapping[str, Any] | None) -> WattHours | None:
        """Return an energy of either sign."""
        energy_wh = base_value(quantity)
        most_wh = settings.plausible_energy_wh
        return self._within(name, energy_wh, most_wh, "Wh", least=-most_wh)

    def soc(self, name: str, value: int | None) -> Fraction | None:
        """Return a state of charge from hundredths of a percent. A little more than full is full."""
        if value is None or value == UNKNOWN_PERCENT:
            return None
        percent = self._within(name, value * 100 / FULL, settings.full_soc_percent, "%")
        return None if percent is None else min(percent / 100, 1.0)

    def duration_s(self, name: str, value: int | None) -> float | None:
        """Return for how long something lasts at full power."""
        return self._within(name, value, MAX_AVAILABILITY_S, "s")

    def fraction(self, name: str, value: int | None) -> Fraction | None:
        """Return a part of a whole from hundredths of a percent."""
        if value is None or value == UNKNOWN_PERCENT:
            return None
        percent = self._within(name, value * 100 / FULL, 100.0, "%")
        return None if percent is None else percent / 100

    def _within(
        self, name: str, value: float | None, most: float, unit: str, least: float = 0.0
    ) -> float | None:
        if value is None or least <= value <= most:
            return value
        self.faults.append(f"{name} is {value:.15g} {unit}, plausible is {least:.15g} to {most:.15g}")
        return None
