"""A thermostat with a heat pump: one room, one resistance to the outside, one capacity."""
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Self

from . import weather
from .control import Order
from .plant import LIMITS, Plant


@dataclass(frozen=True)
class Thermostat(Plant):
    """The room is at `room` degrees Celsius and wanted at `setpoint`, within `band` either way when it is left alone
    and within `comfort` when it is asked to help. `resistance` in K per W, `capacity` in Wh per K; the pump takes
    `max_charge_w` and moves `performance` times as much heat. `heating` > 0 heats, < 0 cools, 0 rests."""
    max_charge_w: float = 2000.0
    room: float = 21.0
    setpoint: float = 21.0
    band: float = 0.5
    comfort: float = 2.0
    resistance: float = 0.005
    capacity: float = 3000.0
    performance: float = 3.0
    heating: int = 0

    kind: ClassVar[str] = "thermostat"
    der_type: ClassVar[int] = 0
    category: ClassVar[int] = 1 << 0
    modes: ClassVar[frozenset[str]] = LIMITS | {"charge", "opModFixedW", "opModTargetW"}

    @property
    def unwilling(self) -> bool:
        """The room has left the comfort band."""
        return abs(self.room - self.setpoint) > self.comfort

    @property
    def limited(self) -> bool:
        return bool(self.heating) and -self.power < self.max_charge_w - 1

    def step(self, order: Order, now: float, seconds: float) -> Self:
        """Keeps the room: hysteresis decides whether the pump runs, the order how hard it may or shall."""
        outside = weather.outdoors(self.site, now)
        wish = self._wish() if order.target is None else 1 if outside < self.setpoint else -1
        watts = -self.ramped(self._pumping(order, wish, now), order, seconds) if order.connect else 0.0
        heat = watts * self.performance * wish
        settled = outside + heat * self.resistance
        room = settled + (self.room - settled) * math.exp(-seconds / 3600 / (self.resistance * self.capacity))
        return self.metered(-watts, 0.0, order, now, seconds, room=room, heating=wish)

    def _wish(self) -> int:
        """Left alone: heat when under the band until back at the setpoint, cool when over it likewise."""
        if self.room < self.setpoint - self.band:
            return 1
        if self.room > self.setpoint + self.band:
            return -1
        return self.heating if (self.setpoint - self.room) * self.heating > 0 else 0

    def _pumping(self, order: Order, wish: int, now: float) -> float:
        """W (<= 0). A target makes the pump store warmth or cold ahead, as far as comfort goes."""
        wanted = self.max_charge_w if wish else 0.0
        if order.target is not None:
            stored = (self.room - self.setpoint) * wish
            wanted = min(self.max_charge_w, max(0.0, -order.target)) if stored < self.comfort else 0.0
        return min(0.0, order.bounded(-wanted, weather.household(self.site, now)))
