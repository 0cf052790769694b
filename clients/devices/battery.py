"""A home battery, with photovoltaic panels of its household's own if there are any."""
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Self

from clients.devices.devicemodel import LIMITS, DeviceModel, reactive_power_var
from clients.events.control import PowerOrder
from clients.simulation import weather
from server.resources.codes import DERType, DeviceCategory


@dataclass(frozen=True)
class Battery(DeviceModel):
    """A battery of `max_wh` behind an inverter, holding `stored_wh`, never below the state of charge
    `reserve_soc`.

    Without a target it serves its household: it discharges what the house consumes and charges the surplus of
    its panels (`panel_w`, rated).
    """
    max_w: float = 5000.0
    max_charge_w: float = 5000.0
    max_discharge_w: float = 5000.0
    max_wh: float = 13500.0
    stored_wh: float = 6750.0
    reserve_soc: float = 0.1
    round_trip_efficiency: float = 0.9
    panel_w: float = 0.0

    kind: ClassVar[str] = "battery"
    der_type: ClassVar[DERType] = DERType.OTHER_STORAGE
    category: ClassVar[DeviceCategory] = DeviceCategory.OTHER_STORAGE
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
        return 0.44 * self.max_w    # IEEE 1547-2018 category B

    @property
    def one_way_efficiency(self) -> float:
        """The fraction of the energy that is not lost on one way through the inverter and the cells."""
        return math.sqrt(self.round_trip_efficiency)

    @property
    def soc(self) -> float:
        return self.stored_wh / self.max_wh

    @property
    def dischargeable_wh(self) -> float:
        """Energy that can still be injected, measured at the grid."""
        return max(0.0, self.stored_wh - self.reserve_soc * self.max_wh) * self.one_way_efficiency

    @property
    def chargeable_wh(self) -> float:
        """Energy that can still be absorbed, measured at the grid."""
        return max(0.0, self.max_wh - self.stored_wh) / self.one_way_efficiency

    @property
    def available_w(self) -> float:
        return self.max_discharge_w if self.dischargeable_wh > 0 else 0.0

    def step(self, order: PowerOrder, now: float, seconds: float) -> Self:
        """Follow the target, or else the household, as far as the cells and the limits allow."""
        hours = seconds / 3600
        if not order.connect:
            return self.metered(0.0, 0.0, order, now, seconds)
        net_load_w = (
            weather.household_load_w(self.site, now)
            - weather.irradiance_w_per_m2(self.site, now) / 1000 * self.panel_w
        )
        target_w = order.bounded(net_load_w if order.target_w is None else order.target_w, net_load_w)
        injection_w = max(
            self.ramped_w(target_w, order, seconds), -self.max_charge_w, -self.chargeable_wh / hours
        )
        injection_w = min(injection_w, self.max_discharge_w, self.dischargeable_wh / hours)
        moved_wh = injection_w * hours
        efficiency = self.one_way_efficiency
        stored_wh = self.stored_wh - (moved_wh / efficiency if moved_wh > 0 else moved_wh * efficiency)
        reactive_var = reactive_power_var(order, injection_w, self.voltage_percent, self)
        return self.metered(
            injection_w, reactive_var, order, now, seconds, stored_wh=min(max(stored_wh, 0.0), self.max_wh)
        )
