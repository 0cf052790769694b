"""The meter of the feeder: the imbalance of each interval with and without Counterpoise.

Consumption is positive here, in W, as a feeder's meter counts.
"""
from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from server.cli.demo.setup import TOP, Scenario
from server.grid.series import signals
from server.grid.series.intervals import STEP

KINDS = {"battery": "batteries", "evcharger": "cars", "thermostat": "heat pumps", "inverter": "solar"}


@dataclass
class Feeder:
    """The intervals that have ended.

    `uncontrolled_w` and `controlled_w` are the imbalance without and with Counterpoise (too much drawn is
    positive). `moved_w` is the change of each kind's consumption by Counterpoise, `soc` the states of charge
    of the batteries.
    """
    scenario: Scenario
    uncontrolled_w: list[float] = field(default_factory=list)
    controlled_w: list[float] = field(default_factory=list)
    moved_w: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    soc: list[float] = field(default_factory=list)
    devices: int = 0

    def record(self, sums: dict[str, Any]) -> bool:
        """Take the devices' totals of an interval (see simulation.totals) and push the measured imbalance;
        return whether the interval belongs to this day."""
        start = sums["at"] - STEP
        number = (start - self.scenario.start) // STEP
        if not 0 <= number < len(self.scenario.fixed_w):
            return False
        fixed_w = self.scenario.fixed_w[number]
        self.uncontrolled_w.append(fixed_w - sum(sums["uncontrolled_w"].values()))
        self.controlled_w.append(fixed_w - sum(sums["injection_w"].values()))
        for kind, values in self.moved_w.items():
            values.append(sums["uncontrolled_w"].get(kind, 0.0) - sums["injection_w"].get(kind, 0.0))
        self.soc, self.devices = sums["soc"], sums["devices"]
        signals.push(
            TOP, "measured", self.controlled_w[-1], start, STEP, source="demo: the feeder's meter",
            issue_interval_s=STEP,
        )
        return True

    @property
    def cut(self) -> float | None:
        """The fraction by which Counterpoise lowers the RMS imbalance; None while there is no imbalance."""
        uncontrolled = rms(self.uncontrolled_w)
        return 1 - rms(self.controlled_w) / uncontrolled if uncontrolled else None


def rms(values: Iterable[float]) -> float:
    """The root mean square; 0 of no values."""
    values = list(values)
    return math.sqrt(sum(value * value for value in values) / len(values)) if values else 0.0
