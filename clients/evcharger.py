"""An EV charger at home: a car comes in the evening, needs some energy, and leaves in the morning."""
from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple, Self

from . import reservation, weather
from .control import Order
from .plant import LIMITS, STEP, Plant
from .reservation import Wish
from .weather import DAY, Site

# A car does not charge under 6 A (IEC 61851-1).
LEAST_AMPERES = 6.0


class Session(NamedTuple):
    """One stay of a car: from `arrival` to `departure` (UTC seconds), wanting `energy` Wh in its battery."""
    arrival: int
    departure: int
    energy: float


@lru_cache(maxsize=4096)
def stay(site: Site, evening: int) -> Session:
    """The stay that begins on an evening (a day since 1970, by the site's sun), drawn from the site's seed."""
    drawn = [weather.noise(f"{site.seed} car {what}", evening, 1) for what in ("comes", "goes", "needs")]
    midnight = evening * DAY - site.longitude / 15 * 3600
    return Session(int(midnight + 17.75 * 3600 + drawn[0] * 5400), int(midnight + DAY + 7.5 * 3600 + drawn[1] * 3600),
                   round(14000 + 9000 * drawn[2]))


def evening(site: Site, now: float) -> int:
    """The day that it is at the site."""
    return int((now + site.longitude / 15 * 3600) // DAY)


def session(site: Site, now: float) -> Session | None:
    """The stay at this instant; None while the car is away."""
    today = evening(site, now)
    return next((one for one in (stay(site, today), stay(site, today - 1)) if one.arrival <= now < one.departure), None)


@dataclass(frozen=True)
class EvCharger(Plant):
    """A charger of `max_charge_w`; `arrival` tells the session it is in (0: no car), `given` Wh of it are in the car,
    which wants `wanted` and leaves at `departure`."""
    max_charge_w: float = 7400.0
    arrival: int = 0
    departure: int = 0
    wanted: float = 0.0
    given: float = 0.0
    clock: float = 0.0

    kind: ClassVar[str] = "evcharger"
    der_type: ClassVar[int] = 82
    category: ClassVar[int] = 1 << 17
    modes: ClassVar[frozenset[str]] = LIMITS | {
        "charge", "opModFixedW", "opModTargetW", reservation.MODE, "loadAdjustmentPercentageOffset", "DutyCycle",
        "TargetReduction", "ApplianceLoadReduction"}

    @property
    def charge(self) -> float | None:
        return self.given / self.wanted if self.arrival else None

    @property
    def headroom(self) -> float:
        """Wh that the car still wants."""
        return max(0.0, self.wanted - self.given)

    @property
    def unwilling(self) -> bool:
        """The car must charge at full power from now on, a step to spare, to leave full."""
        return bool(self.arrival) and self.headroom > self.max_charge_w * (self.departure - self.clock - STEP) / 3600

    @property
    def wish(self) -> Wish | None:
        """The rest of what the car wants, before it leaves."""
        if not self.arrival:
            return None
        return Wish(int(self.clock), self.departure, self.headroom, self.max_charge_w)

    def turns(self, now: float) -> float:
        """When a car comes or leaves, and a second later, when the charger has noticed."""
        today = evening(self.site, now)
        news = [instant for day in (today - 1, today, today + 1) for instant in stay(self.site, day)[:2]]
        return min(instant + more for instant in news for more in (0, 1) if instant + more > now)

    @property
    def sheds(self) -> float | None:
        """Until it has to charge at full power to be full in time."""
        if not self.arrival:
            return 0.0
        return max(0.0, self.departure - self.clock - self.headroom / self.max_charge_w * 3600)

    def vehicle(self, now: int) -> dict[str, Any] | None:
        """PEVInfo; power and energy are positive for charging there."""
        if not self.arrival:
            return None
        return {"chargingPowerNow": {"multiplier": 0, "value": round(-self.power)},
                "energyRequestNow": {"multiplier": 0, "value": round(self.headroom)},
                "maxForwardPower": {"multiplier": 0, "value": round(self.max_charge_w)},
                "minimumChargingDuration": math.ceil(self.headroom / self.max_charge_w * 3600),
                "targetStateOfCharge": 10000, "timeChargeIsNeeded": self.departure, "timeChargingStatusPEV": now}

    @property
    def limited(self) -> bool:
        return self.headroom > 0 and -self.power < self.max_charge_w - 1

    def step(self, order: Order, now: float, seconds: float) -> Self:
        """Charges from arrival until full, or as ordered; never under the least current, never gives back."""
        stay = session(self.site, now)
        if stay is None:
            return self.metered(0.0, 0.0, order, now, seconds, arrival=0, departure=0, wanted=0.0, given=0.0,
                                clock=now + seconds)
        watts = self._charging(order, stay.energy - self.given, now, seconds) if order.connect else 0.0
        return self.metered(-watts, 0.0, order, now, seconds, arrival=stay.arrival, departure=stay.departure,
                            wanted=stay.energy, given=min(stay.energy, self.given + watts * seconds / 3600),
                            clock=now + seconds)

    def _charging(self, order: Order, needed: float, now: float, seconds: float) -> float:
        wanted = self.max_charge_w if order.target is None else min(self.max_charge_w, max(0.0, -order.target))
        wanted = min(wanted, order.load.most(self.max_charge_w, now, self.power < 0))
        wanted = -order.bounded(-wanted, weather.household(self.site, now))
        if wanted < LEAST_AMPERES * self.site.nominal_volts:
            return 0.0
        return min(-self.ramped(-wanted, order, seconds), max(0.0, needed) * 3600 / seconds)
