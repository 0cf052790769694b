"""A photovoltaic inverter."""
from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from clients.devices.devicemodel import LIMITS, DeviceModel, reactive_power
from clients.events.control import PowerOrder
from clients.simulation import weather


@dataclass(frozen=True)
class Inverter(DeviceModel):
    """Panels of `panel_w` (at 1000 W per m2 and 25 degrees) behind an inverter of `max_w`."""
    max_w: float = 5000.0
    panel_w: float = 6000.0
    sun_w: float = 0.0

    kind: ClassVar[str] = "inverter"
    der_type: ClassVar[int] = 4
    category: ClassVar[int] = 1 << 21
    modes: ClassVar[frozenset[str]] = LIMITS | {
        "opModFixedW",
        "opModTargetW",
        "opModMaxLimW",
        "opModFixedPFInjectW",
        "opModFixedVar",
        "opModTargetVar",
        "opModVoltVar",
        "opModVoltWatt",
        "opModFreqWatt",
    }

    @property
    def max_var(self) -> float:
        return 0.44 * self.max_w    # IEEE 1547-2018 category B

    @property
    def available_w(self) -> float:
        return min(self.sun_w, self.max_w)

    @property
    def limited(self) -> bool:
        return self.power < self.available_w - 1

    def step(self, order: PowerOrder, now: float, seconds: float) -> Self:
        """The sun gives what it gives; the order takes away from it, at once where the sun does, else
        ramped."""
        sun = weather.irradiance_w_per_m2(self.site, now) / 1000 * self.panel_w * self._derating(now)
        available = min(sun, self.max_w)
        if not order.connect:
            return self.metered(0.0, 0.0, order, now, seconds, sun_w=sun)
        wanted = min(available, self._allowed(order, now))
        watts = min(available, self.ramped(wanted, order, seconds))
        var = reactive_power(order, watts, self.volts, self)
        return self.metered(watts, var, order, now, seconds, sun_w=sun)

    def _derating(self, now: float) -> float:
        """Warm cells give less: 0.4 percent per degree over 25, in the sun some 20 degrees over the air."""
        cell = weather.outdoor_c(self.site, now) + weather.irradiance_w_per_m2(self.site, now) / 50
        return 1 - 0.004 * max(0.0, cell - 25)

    def _allowed(self, order: PowerOrder, now: float) -> float:
        wanted = self.max_w if order.target is None else max(0.0, order.target)
        if order.volt_watt is not None:
            wanted = min(wanted, order.volt_watt.at(self.volts) / 100 * self.max_w)
        if order.freq_watt is not None:
            wanted = min(wanted, order.freq_watt.at(weather.frequency_hz(self.site, now)) / 100 * self.max_w)
        return max(0.0, order.bounded(wanted, weather.household_load_w(self.site, now)))
