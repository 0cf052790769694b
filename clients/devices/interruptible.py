"""A load of a business that is interrupted for a time: a cold store, pumps, a production line."""
from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from clients.devices.devicemodel import DeviceModel
from clients.events.control import PowerOrder
from clients.simulation import weather
from server.resources.codes import ApplianceLoadReduction, DeviceCategory

VARIATION = 0.06
"""By which fraction the load is above or below its usual value, from half-hour to half-hour."""


@dataclass(frozen=True)
class InterruptibleLoad(DeviceModel):
    """A load that draws `steady_w` at all hours and `working_w` more in the `working_hours` (solar time),
    never more than `max_charge_w`.

    Of that it can do without `sheddable_w`, for `hold_s` at a stretch. A part `made_up` (0 to 1) of the
    energy is drawn later, as fast as the rating allows: a cold store cools again, a production line does not.
    `reduction_w` is what it does without at present, `held_s` for how long it has, less what is made up.
    """
    max_charge_w: float = 50_000.0
    steady_w: float = 30_000.0
    working_w: float = 5_000.0
    working_hours: tuple[float, float] = (6.0, 22.0)
    sheddable_w: float = 24_000.0
    hold_s: float = 3 * 3600.0
    made_up: float = 1.0
    reduction_w: float = 0.0
    held_s: float = 0.0

    kind: ClassVar[str] = "interruptible"
    der_type: ClassVar[None] = None
    category: ClassVar[DeviceCategory] = DeviceCategory.LOAD_SWITCH
    modes: ClassVar[frozenset[str]] = frozenset(
        {"loadAdjustmentPercentageOffset", "DutyCycle", "TargetReduction", "ApplianceLoadReduction"})

    def usual_w(self, now: float) -> float:
        """Return what it draws at this instant if it is left alone and has nothing to make up for."""
        opens, closes = self.working_hours
        works = opens <= weather.solar_hour(self.site, now) < closes
        varied = 1 + VARIATION * weather.noise(f"{self.site.seed} load", now, 1800)
        return min(self.max_charge_w, (self.steady_w + (self.working_w if works else 0.0)) * varied)

    @property
    def limited(self) -> bool:
        return self.reduction_w > 0

    @property
    def uncomfortable(self) -> bool:
        """Whether it has done without for as long as it can."""
        return self.held_s >= self.hold_s

    @property
    def shed_duration_s(self) -> float:
        return max(0.0, self.hold_s - self.held_s)

    @property
    def shed_w(self) -> float:
        return min(max(0.0, self.sheddable_w - self.reduction_w), -self.injection_w)

    def step(self, order: PowerOrder, now: float, seconds: float) -> Self:
        """Do without what the order says, as far as it can; afterwards make up for it."""
        usual_w = self.usual_w(now)
        reduction_w = min(self._asked_w(order, now, usual_w), self.sheddable_w, usual_w)
        extra_w, held_s = 0.0, self.held_s + seconds * reduction_w / self.sheddable_w
        if reduction_w <= 0:
            extra_w = self._making_up_w(usual_w, seconds)
            made_up_s = extra_w * seconds / (self.sheddable_w * self.made_up) if self.made_up else self.held_s
            held_s = max(0.0, self.held_s - made_up_s)
        return self.metered(reduction_w - usual_w - extra_w, 0.0, order, now, seconds,
                            reduction_w=reduction_w, held_s=held_s)

    def _asked_w(self, order: PowerOrder, now: float, usual_w: float) -> float:
        """Return by how much less than usual it is to draw."""
        control = order.load_control
        if control.is_off(now) or control.appliance_reduction == ApplianceLoadReduction.TEMPORARY_REDUCTION:
            return self.sheddable_w
        return max(0.0, control.reduction_w, (1 - control.load_fraction) * usual_w)

    def _making_up_w(self, usual_w: float, seconds: float) -> float:
        deferred_wh = self.held_s / 3600 * self.sheddable_w * self.made_up
        return max(0.0, min(self.max_charge_w - usual_w, deferred_wh * 3600 / seconds))
