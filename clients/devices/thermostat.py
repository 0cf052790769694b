"""A thermostat with a heat pump: a room with one thermal resistance to the outside and one capacity."""
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from clients.devices.devicemodel import LIMITS, DeviceModel
from clients.events.control import PowerOrder
from clients.events.loadcontrol import LoadControl
from clients.simulation import weather
from server.resources.codes import DERType, DeviceCategory


@dataclass(frozen=True)
class Thermostat(DeviceModel):
    """A room at `indoor_c`, to be kept at `setpoint_c`: within `band_k` either way by itself, within
    `comfort_k` under a control.

    The heat pump consumes up to `max_charge_w` and moves `cop` times as much heat. `direction` is 1 while it
    heats, -1 while it cools, else 0.
    """
    max_charge_w: float = 2000.0
    indoor_c: float = 21.0
    setpoint_c: float = 21.0
    band_k: float = 0.5
    comfort_k: float = 2.0
    resistance_k_per_w: float = 0.005
    capacity_wh_per_k: float = 3000.0
    cop: float = 3.0
    direction: int = 0
    outdoor_c: float = 21.0

    kind: ClassVar[str] = "thermostat"
    der_type: ClassVar[DERType] = DERType.UNKNOWN
    category: ClassVar[DeviceCategory] = DeviceCategory.THERMOSTAT
    modes: ClassVar[frozenset[str]] = LIMITS | {
        "charge",
        "opModFixedW",
        "opModTargetW",
        "heatingOffset",
        "coolingOffset",
        "heatingSetpoint",
        "coolingSetpoint",
        "DutyCycle",
    }

    @property
    def uncomfortable(self) -> bool:
        """Whether the temperature is outside the comfort band."""
        return abs(self.indoor_c - self.setpoint_c) > self.comfort_k

    @property
    def limited(self) -> bool:
        return bool(self.direction) and -self.injection_w < self.max_charge_w - 1

    def step(self, order: PowerOrder, now: float, seconds: float) -> Self:
        """Keep the room: hysteresis decides whether the pump runs, the order at which power."""
        outdoor_c = weather.outdoor_c(self.site, now)
        if order.target_w is None:
            direction = self._direction(order.load_control, outdoor_c)
        else:
            direction = self._season(outdoor_c)
        pump_w = self._pump_injection_w(order, direction, now)
        load_w = -self.ramped_w(pump_w, order, seconds) if order.connect else 0.0
        heat_w = load_w * self.cop * direction
        final_c = outdoor_c + heat_w * self.resistance_k_per_w
        time_constant_h = self.resistance_k_per_w * self.capacity_wh_per_k
        indoor_c = final_c + (self.indoor_c - final_c) * math.exp(-seconds / 3600 / time_constant_h)
        return self.metered(
            -load_w, 0.0, order, now, seconds, indoor_c=indoor_c, direction=direction, outdoor_c=outdoor_c
        )

    def _season(self, outdoor_c: float) -> int:
        """Return 1 where it is colder outside than wanted, so that the pump heats; else -1."""
        return 1 if outdoor_c < self.setpoint_c else -1

    @property
    def max_offset_k(self) -> float:
        """How far a set point may be moved so that, with its band, it stays within comfort."""
        return self.comfort_k - self.band_k

    @property
    def shed_duration_s(self) -> float | None:
        """How long the room stays within comfort without the pump; a day at most."""
        limit_c = self.setpoint_c - self.direction * self.comfort_k
        if not self.direction or (self.indoor_c - limit_c) * self.direction <= 0:
            return 0.0
        if (self.outdoor_c - limit_c) * self.direction >= 0:
            return weather.DAY
        time_constant_h = self.resistance_k_per_w * self.capacity_wh_per_k
        hours = time_constant_h * math.log((self.indoor_c - self.outdoor_c) / (limit_c - self.outdoor_c))
        return min(hours * 3600, weather.DAY)

    def set_points_c(self, load_control: LoadControl, outdoor_c: float) -> tuple[float, float]:
        """Return the temperatures to heat and to cool to, as load controls move them within comfort.

        Where they would cross, the season decides which of them gives way.
        """
        heat_c, cool_c = load_control.heating_setpoint_c, load_control.cooling_setpoint_c
        if heat_c is None:
            heat_c = self.setpoint_c + load_control.heating_offset_k
        if cool_c is None:
            cool_c = self.setpoint_c + load_control.cooling_offset_k
        heat_c, cool_c = self._within_comfort(heat_c), self._within_comfort(cool_c)
        if heat_c <= cool_c:
            return heat_c, cool_c
        return (heat_c, heat_c) if self._season(outdoor_c) > 0 else (cool_c, cool_c)

    def _within_comfort(self, point_c: float) -> float:
        return min(max(point_c, self.setpoint_c - self.max_offset_k), self.setpoint_c + self.max_offset_k)

    def applied_load_control(self, modes: dict[str, Any]) -> dict[str, Any]:
        """Return the elements of a DrResponse, with offsets and set points as far as comfort allows."""
        applied = dict(modes)
        for mode in ("heatingOffset", "coolingOffset"):
            if mode in applied:
                applied[mode] = self._within_comfort(self.setpoint_c + applied[mode]) - self.setpoint_c
        for mode in ("heatingSetpoint", "coolingSetpoint"):
            if mode in applied:
                applied[mode] = self._within_comfort(applied[mode])
        return super().applied_load_control(applied)

    def _direction(self, load_control: LoadControl, outdoor_c: float) -> int:
        """Return whether to heat (1), cool (-1) or rest (0): start outside the band, stop at the set point.

        The pump heats where it is colder outside than wanted, else it cools; so heat or cold that was stored
        ahead is not removed again.
        """
        season = self._season(outdoor_c)
        point_c = self.set_points_c(load_control, outdoor_c)[0 if season > 0 else 1]
        missing_k = (point_c - self.indoor_c) * season
        running = missing_k > self.band_k or missing_k > 0 and self.direction == season
        return season if running else 0

    def _pump_injection_w(self, order: PowerOrder, direction: int, now: float) -> float:
        """Return the pump's injection (<= 0). A target makes it store heat or cold within comfort."""
        load_w = self.max_charge_w if direction and not order.load_control.is_off(now) else 0.0
        if order.target_w is not None:
            stored_k = (self.indoor_c - self.setpoint_c) * direction
            within = stored_k < self.comfort_k
            load_w = min(self.max_charge_w, max(0.0, -order.target_w)) if within else 0.0
        return min(0.0, order.bounded(-load_w, weather.household_load_w(self.site, now)))
