"""A home battery, beside panels of its household's own if there are any."""
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Self

from clients.devices.devicemodel import LIMITS, DeviceModel, reactive_power
from clients.events.control import PowerOrder
from clients.simulation import weather


@dataclass(frozen=True)
class Battery(DeviceModel):
    """`max_wh` behind `max_w` both ways; `stored` Wh at present; never under `reserve` of its capacity.

    Left alone it serves its household: discharges what the house uses, charges what its panels (`panel_w`)
    have over.
    """
    max_w: float = 5000.0
    max_charge_w: float = 5000.0
    max_discharge_w: float = 5000.0
    max_wh: float = 13500.0
    stored: float = 6750.0
    reserve: float = 0.1
    round_trip: float = 0.9
    panel_w: float = 0.0

    kind: ClassVar[str] = "battery"
    der_type: ClassVar[int] = 80
    category: ClassVar[int] = 1 << 25
    modes: ClassVar[frozenset[str]] = LIMITS | {
        "charge",
        "discharge",
        "opModFixedW",
        "opModTargetW",
        "opModMaxLimW",
        "opModFixedPFInjectW",
        "opModFixedVar",
        "opModTargetVar",
        "opModVoltVar",
    }

    @property
    def max_var(self) -> float:
        return 0.44 * self.max_w

    @property
    def one_way(self) -> float:
        """Part of the energy that survives one way through the inverter and the cells."""
        return math.sqrt(self.round_trip)

    @property
    def charge(self) -> float:
        return self.stored / self.max_wh

    @property
    def usable(self) -> float:
        """Wh that can still be injected, as they arrive at the grid."""
        return max(0.0, self.stored - self.reserve * self.max_wh) * self.one_way

    @property
    def headroom(self) -> float:
        """Wh that can still be absorbed, as they leave the grid."""
        return max(0.0, self.max_wh - self.stored) / self.one_way

    @property
    def available_w(self) -> float:
        return self.max_discharge_w if self.usable > 0 else 0.0

    def step(self, order: PowerOrder, now: float, seconds: float) -> Self:
        """Follows its target, or its household, as far as the cells and the limits allow."""
        hours = seconds / 3600
        if not order.connect:
            return self.metered(0.0, 0.0, order, now, seconds)
        net = (
            weather.household_load_w(self.site, now)
            - weather.irradiance_w_per_m2(self.site, now) / 1000 * self.panel_w
        )
        wanted = order.bounded(net if order.target is None else order.target, net)
        watts = self.ramped(wanted, order, seconds)
        watts = min(
            max(watts, -self.max_charge_w, -self.headroom / hours), self.max_discharge_w, self.usable / hours
        )
        moved = watts * hours
        stored = self.stored - (moved / self.one_way if moved > 0 else moved * self.one_way)
        var = reactive_power(order, watts, self.volts, self)
        return self.metered(watts, var, order, now, seconds, stored=min(max(stored, 0.0), self.max_wh))
