"""The meters of the feeders: what each draws in each interval with and without Counterpoise.

Consumption is positive here, in W, as a feeder's meter counts. Where the area follows an imbalance, the meter
reads that: what is drawn beside what is delivered.
"""
from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from clients.simulation.scenario import SPIKE_PRICE
from server.cli.demo.setup import FeederScenario, Scenario
from server.grid.series import signals
from server.grid.series.intervals import STEP

KINDS = {"battery": "batteries", "evcharger": "cars", "thermostat": "heat pumps", "inverter": "solar"}
BUSINESS_KINDS = {"interruptible": "cold store", "generator": "engine"}
ALL_KINDS = {**KINDS, **BUSINESS_KINDS}
HOURS = STEP / 3600


@dataclass
class Feeder:
    """The intervals of a feeder that have ended since `start`.

    `uncontrolled_w` and `controlled_w` are what it draws without and with Counterpoise. `moved_w` is the
    change of each kind's consumption by Counterpoise, `soc` the states of charge of the batteries.
    """
    scenario: FeederScenario
    start: int
    uncontrolled_w: list[float] = field(default_factory=list)
    controlled_w: list[float] = field(default_factory=list)
    moved_w: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in ALL_KINDS})
    soc: list[float] = field(default_factory=list)
    devices: int = 0

    def record(self, sums: dict[str, Any]) -> bool:
        """Take the devices' totals of an interval (see simulation.totals) and push what the meter reads;
        return whether the interval belongs to this day."""
        begin = sums["at"] - STEP
        number = (begin - self.start) // STEP
        if not 0 <= number < len(self.scenario.fixed_w):
            return False
        fixed_w = self.scenario.fixed_w[number]
        self.uncontrolled_w.append(fixed_w - sum(sums["uncontrolled_w"].values()))
        self.controlled_w.append(fixed_w - sum(sums["injection_w"].values()))
        for kind, values in self.moved_w.items():
            values.append(sums["uncontrolled_w"].get(kind, 0.0) - sums["injection_w"].get(kind, 0.0))
        self.soc, self.devices = sums["soc"], sums["devices"]
        signals.push(
            self.scenario.area, "measured", self.controlled_w[-1], begin, STEP,
            source="demo: the feeder's meter", issue_interval_s=STEP,
        )
        return True

    @property
    def cut(self) -> float | None:
        """The fraction by which Counterpoise lowers the RMS imbalance; None while there is no imbalance."""
        uncontrolled = rms(self.uncontrolled_w)
        return 1 - rms(self.controlled_w) / uncontrolled if uncontrolled else None

    def bill(self, load_w: Sequence[float]) -> float:
        """What a load costs by the prices of the scenario: `uncontrolled_w` or `controlled_w`."""
        prices = self.scenario.prices or []
        return sum(power_w * price for power_w, price in zip(load_w, prices, strict=False)) * HOURS / 1000

    def moved_at_spike_kwh(self, kind: str) -> float:
        """By how much more energy a kind drew by Counterpoise while the price was at its highest."""
        prices = self.scenario.prices or []
        return sum(power_w for power_w, price in zip(self.moved_w[kind], prices, strict=False)
                   if price == SPIKE_PRICE) * HOURS / 1000


@dataclass
class Feeders:
    """The feeders of a scenario: `town` is kept in balance, `street` follows prices."""
    scenario: Scenario
    town: Feeder
    street: Feeder

    @staticmethod
    def of(scenario: Scenario) -> Feeders:
        """Return the feeders before anything was recorded."""
        town, street = (Feeder(feeder, scenario.start) for feeder in scenario.feeders)
        return Feeders(scenario, town, street)

    def record(self, sums: dict[str, Any]) -> bool:
        """Take the totals of an interval of one feeder; return whether all have now completed one of this
        day."""
        feeders = {feeder.scenario.label: feeder for feeder in (self.town, self.street)}
        recorded = feeders[sums["feeder"]].record(sums)
        return recorded and len({len(feeder.controlled_w) for feeder in feeders.values()}) == 1

    @property
    def intervals(self) -> int:
        """How many intervals all have completed."""
        return min(len(self.town.controlled_w), len(self.street.controlled_w))


def rms(values: Iterable[float]) -> float:
    """The root mean square; 0 of no values."""
    values = list(values)
    return math.sqrt(sum(value * value for value in values) / len(values)) if values else 0.0
