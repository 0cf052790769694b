"""A thermostat with a heat pump: one room, one resistance to the outside, one capacity."""
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from clients.devices.devicemodel import LIMITS, DeviceModel
from clients.events.control import PowerOrder
from clients.events.loadcontrol import Load
from clients.simulation import weather


@dataclass(frozen=True)
class Thermostat(DeviceModel):
    """The room is at `room` degrees Celsius and wanted at `setpoint`, within `band` either way when it is
    left alone and within `comfort` when it is asked to help. `resistance` in K per W, `capacity` in Wh per K;
    the pump takes `max_charge_w` and moves `performance` times as much heat. `heating` > 0 heats, < 0 cools,
    0 rests."""
    max_charge_w: float = 2000.0
    room: float = 21.0
    setpoint: float = 21.0
    band: float = 0.5
    comfort: float = 2.0
    resistance: float = 0.005
    capacity: float = 3000.0
    performance: float = 3.0
    heating: int = 0
    outside: float = 21.0

    kind: ClassVar[str] = "thermostat"
    der_type: ClassVar[int] = 0
    category: ClassVar[int] = 1 << 0
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
    def unwilling(self) -> bool:
        """The room has left the comfort band."""
        return abs(self.room - self.setpoint) > self.comfort

    @property
    def limited(self) -> bool:
        return bool(self.heating) and -self.power < self.max_charge_w - 1

    def step(self, order: PowerOrder, now: float, seconds: float) -> Self:
        """Keeps the room: hysteresis decides whether the pump runs, the order how hard it may or shall."""
        outside = weather.outdoor_c(self.site, now)
        wish = (
            self._wish(order.load, outside) if order.target is None else 1 if outside < self.setpoint else -1
        )
        watts = -self.ramped(self._pumping(order, wish, now), order, seconds) if order.connect else 0.0
        heat = watts * self.performance * wish
        settled = outside + heat * self.resistance
        room = settled + (self.room - settled) * math.exp(-seconds / 3600 / (self.resistance * self.capacity))
        return self.metered(-watts, 0.0, order, now, seconds, room=room, heating=wish, outside=outside)

    @property
    def reach(self) -> float:
        """K by which a set point may be moved at most, so that with its band it stays within comfort."""
        return self.comfort - self.band

    @property
    def sheds(self) -> float | None:
        """Until the room, left to itself, leaves comfort; a day at most."""
        limit = self.setpoint - self.heating * self.comfort
        if not self.heating or (self.room - limit) * self.heating <= 0:
            return 0.0
        if (self.outside - limit) * self.heating >= 0:
            return weather.DAY
        hours = (
            self.resistance * self.capacity * math.log((self.room - self.outside) / (limit - self.outside))
        )
        return min(hours * 3600, weather.DAY)

    def points(self, load: Load, outside: float) -> tuple[float, float]:
        """The temperatures to heat and to cool to, as load controls move them; never further than comfort
        goes. Where they would cross, the season decides which of them gives way."""
        heat = self._within(load.heat_to if load.heat_to is not None else self.setpoint + load.heating)
        cool = self._within(load.cool_to if load.cool_to is not None else self.setpoint + load.cooling)
        if heat <= cool:
            return heat, cool
        return (heat, heat) if outside < self.setpoint else (cool, cool)

    def _within(self, point: float) -> float:
        return min(max(point, self.setpoint - self.reach), self.setpoint + self.reach)

    def applied(self, modes: dict[str, Any]) -> dict[str, Any]:
        """Offsets and set points as far as comfort lets them go."""
        done = dict(modes)
        for mode in ("heatingOffset", "coolingOffset"):
            if mode in done:
                done[mode] = self._within(self.setpoint + done[mode]) - self.setpoint
        for mode in ("heatingSetpoint", "coolingSetpoint"):
            if mode in done:
                done[mode] = self._within(done[mode])
        return super().applied(done)

    def _wish(self, load: Load, outside: float) -> int:
        """Left alone: heat when under the band until back at the set point, cool when over it likewise. What
        was stored ahead is not taken out again: one heats while it is colder outside than wanted, else one
        cools."""
        season = 1 if outside < self.setpoint else -1
        point = self.points(load, outside)[0 if season > 0 else 1]
        missing = (point - self.room) * season
        return season if missing > self.band or missing > 0 and self.heating == season else 0

    def _pumping(self, order: PowerOrder, wish: int, now: float) -> float:
        """W (<= 0). A target makes the pump store warmth or cold ahead, as far as comfort goes."""
        wanted = self.max_charge_w if wish and not order.load.resting(now) else 0.0
        if order.target is not None:
            stored = (self.room - self.setpoint) * wish
            wanted = min(self.max_charge_w, max(0.0, -order.target)) if stored < self.comfort else 0.0
        return min(0.0, order.bounded(-wanted, weather.household_load_w(self.site, now)))
