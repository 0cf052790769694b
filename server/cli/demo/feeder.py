"""The feeder's meter: what came of each interval, with Counterpoise and without, and where that goes.

Consumption is positive here, in W, as a feeder's meter has it.
"""
from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from server.cli.demo.place import TOP, Place
from server.grid.series import signals
from server.grid.series.intervals import STEP

KINDS = {"battery": "batteries", "evcharger": "cars", "thermostat": "heat pumps", "inverter": "solar"}


@dataclass
class Feeder:
    """Of each interval that is over: by how much too much was drawn `without` us and `with_us`; what each
    kind was `moved` by us (more consumption is positive); the states of charge of the batteries."""
    place: Place
    without: list[float] = field(default_factory=list)
    with_us: list[float] = field(default_factory=list)
    moved: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    charge: list[float] = field(default_factory=list)
    devices: int = 0

    def hear(self, sums: dict[str, Any]) -> bool:
        """Take the devices' totals of an interval (see simulation.totals), as the feeder's meter does,
        and push what was measured; return whether the interval was one of this day."""
        start = sums["at"] - STEP
        number = (start - self.place.start) // STEP
        if not 0 <= number < len(self.place.fixed):
            return False
        fixed = self.place.fixed[number]
        self.without.append(fixed - sum(sums["uncontrolled_w"].values()))
        self.with_us.append(fixed - sum(sums["injection_w"].values()))
        for kind, values in self.moved.items():
            values.append(sums["uncontrolled_w"].get(kind, 0.0) - sums["injection_w"].get(kind, 0.0))
        self.charge, self.devices = sums["soc"], sums["devices"]
        signals.push(
            TOP, "measured", self.with_us[-1], start, STEP, source="demo: the feeder's meter",
            issue_interval_s=STEP,
        )
        return True

    @property
    def cut(self) -> float | None:
        """By which part the root mean square of the imbalance is smaller; None as long as there is none."""
        before = rms(self.without)
        return 1 - rms(self.with_us) / before if before else None


def rms(values: Iterable[float]) -> float:
    """Root mean square; 0 of nothing."""
    values = list(values)
    return math.sqrt(sum(value * value for value in values) / len(values)) if values else 0.0
