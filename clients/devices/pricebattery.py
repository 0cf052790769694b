"""A home battery that follows the price of its tariff."""
from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from clients.devices.battery import Battery
from clients.events import prices
from clients.events.control import PowerOrder


@dataclass(frozen=True)
class PriceBattery(Battery):
    """A battery that charges where a kWh costs at most `charge_below`, and discharges where it costs at least
    `discharge_above`, in the currency of the tariff.

    In between, and without a price, it serves its household. A set point goes before the price, and limits
    hold for it as for everything.
    """
    charge_below: float = 0.20
    discharge_above: float = 0.40

    kind: ClassVar[str] = "price_battery"
    modes: ClassVar[frozenset[str]] = Battery.modes | {prices.MODE}

    def step(self, order: PowerOrder, now: float, seconds: float) -> Self:
        """Follow the set point, or else the price, or else the household."""
        price = order.price if order.target_w is None else None
        if price is not None and price <= self.charge_below:
            order = order._replace(target_w=-self.max_charge_w)
        elif price is not None and price >= self.discharge_above:
            order = order._replace(target_w=self.max_discharge_w)
        return super().step(order, now, seconds)
