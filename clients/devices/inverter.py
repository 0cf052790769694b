"""A photovoltaic inverter."""
from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from clients.devices.devicemodel import LIMITS, DeviceModel, reactive_power_var
from clients.events.control import PowerOrder
from clients.simulation import weather
from server.resources.codes import DERType, DeviceCategory


@dataclass(frozen=True)
class Inverter(DeviceModel):
    """Panels rated `panel_w` (at 1000 W per m2 and 25 degrees) behind an inverter of `max_w`.

    `panel_output_w` is what the panels could deliver at present.
    """
    max_w: float = 5000.0
    panel_w: float = 6000.0
    panel_output_w: float = 0.0

    kind: ClassVar[str] = "inverter"
    der_type: ClassVar[DERType] = DERType.PHOTOVOLTAIC
    category: ClassVar[DeviceCategory] = DeviceCategory.PHOTOVOLTAIC
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
        return min(self.panel_output_w, self.max_w)

    @property
    def limited(self) -> bool:
        return self.injection_w < self.available_w - 1

    def step(self, order: PowerOrder, now: float, seconds: float) -> Self:
        """Inject what the panels deliver, within the order.

        A change of the irradiance takes effect at once, a change of the order by the gradient.
        """
        irradiance = weather.irradiance_w_per_m2(self.site, now)
        panel_output_w = irradiance / 1000 * self.panel_w * self._derating(now)
        available_w = min(panel_output_w, self.max_w)
        if not order.connect:
            return self.metered(0.0, 0.0, order, now, seconds, panel_output_w=panel_output_w)
        target_w = min(available_w, self._allowed_w(order, now))
        injection_w = min(available_w, self.ramped_w(target_w, order, seconds))
        reactive_var = reactive_power_var(order, injection_w, self.voltage_percent, self)
        return self.metered(
            injection_w, reactive_var, order, now, seconds, panel_output_w=panel_output_w
        )

    def _derating(self, now: float) -> float:
        """Return the efficiency of warm cells: 0.4 percent less for each degree over 25.

        In full sun the cells are some 20 degrees warmer than the air.
        """
        cell_c = weather.outdoor_c(self.site, now) + weather.irradiance_w_per_m2(self.site, now) / 50
        return 1 - 0.004 * max(0.0, cell_c - 25)

    def _allowed_w(self, order: PowerOrder, now: float) -> float:
        """Return the largest injection within the order's target, curves and limits."""
        allowed_w = self.max_w if order.target_w is None else max(0.0, order.target_w)
        if order.volt_watt is not None:
            allowed_w = min(allowed_w, order.volt_watt.at(self.voltage_percent) / 100 * self.max_w)
        if order.freq_watt is not None:
            hertz = weather.frequency_hz(self.site, now)
            allowed_w = min(allowed_w, order.freq_watt.at(hertz) / 100 * self.max_w)
        return max(0.0, order.bounded(allowed_w, weather.household_load_w(self.site, now)))
