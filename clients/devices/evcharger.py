"""An EV charger at home: a car comes in the evening, needs some energy, and leaves in the morning.

One that can give back (`max_discharge_w`) first offers what the car has to spare, between the hours that its
owner names, and charges after that.
"""
from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple, Self

from clients.devices.devicemodel import LIMITS, STEP_S, DeviceModel
from clients.events import reservation
from clients.events.control import PowerOrder
from clients.events.reservation import MIN_ENERGY_WH, DesiredReservation
from clients.simulation import weather
from clients.simulation.weather import DAY, Site

# A car does not charge under 6 A (IEC 61851-1).
MIN_CURRENT_A = 6.0


class Session(NamedTuple):
    """One stay of a car: from `arrival` to `departure` (UTC seconds), wanting `energy` Wh in its battery."""
    arrival: int
    departure: int
    energy: float


@lru_cache(maxsize=4096)
def evening_session(site: Site, evening: int) -> Session:
    """The stay that begins on an evening (a day since 1970, by the site's sun), drawn from the site's
    seed."""
    drawn = [weather.noise(f"{site.seed} car {what}", evening, 1) for what in ("comes", "goes", "needs")]
    midnight = local_hour(site, evening, 0)
    return Session(
        int(midnight + 17.75 * 3600 + drawn[0] * 5400),
        int(midnight + DAY + 7.5 * 3600 + drawn[1] * 3600),
        round(14000 + 9000 * drawn[2]),
    )


def local_day(site: Site, now: float) -> int:
    """The day that it is at the site."""
    return int((now + site.longitude / 15 * 3600) // DAY)


def local_hour(site: Site, day: int, hours: float) -> float:
    """The instant so many hours after the midnight, by the site's sun, that a day since 1970 begins with."""
    return day * DAY - site.longitude / 15 * 3600 + hours * 3600


def current_session(site: Site, now: float) -> Session | None:
    """The stay at this instant; None while the car is away."""
    today = local_day(site, now)
    return next(
        (
            one
            for one in (evening_session(site, today), evening_session(site, today - 1))
            if one.arrival <= now < one.departure
        ),
        None,
    )


@dataclass(frozen=True)
class EvCharger(DeviceModel):
    """A charger of `max_charge_w`; `arrival` tells the session it is in (0: no car), `given` Wh of it are in
    the car, which wants `wanted` and leaves at `departure`.

    When the car comes it holds `spare` Wh more than its owner wants to keep: `given` is less than 0 while it
    has given of those. Between the hours `offers` of the evening on which it came they may be had.
    """
    max_charge_w: float = 7400.0
    arrival: int = 0
    departure: int = 0
    wanted: float = 0.0
    given: float = 0.0
    clock: float = 0.0
    spare: float = 0.0
    offers: tuple[float, float] = (18.0, 22.0)

    kind: ClassVar[str] = "evcharger"
    der_type: ClassVar[int] = 82
    category: ClassVar[int] = 1 << 17
    modes: ClassVar[frozenset[str]] = LIMITS | {
        "charge",
        "opModFixedW",
        "opModTargetW",
        reservation.MODE,
        "loadAdjustmentPercentageOffset",
        "DutyCycle",
        "TargetReduction",
        "ApplianceLoadReduction",
    }

    @property
    def charge(self) -> float | None:
        """Of what the owner lets come and go: 0 is what they want to keep."""
        return (self.spare + self.given) / (self.spare + self.wanted) if self.arrival else None

    @property
    def headroom(self) -> float:
        """Wh that the car still wants."""
        return max(0.0, self.wanted - self.given)

    @property
    def unwilling(self) -> bool:
        """The car must charge at full power from now on, a step to spare, to leave full."""
        return (
            bool(self.arrival)
            and self.headroom > self.max_charge_w * (self.departure - self.clock - STEP_S) / 3600
        )

    @property
    def offer(self) -> DesiredReservation | None:
        """What the owner offers still: as much as is to spare and can be charged again before the car
        leaves."""
        if not (self.arrival and self.max_discharge_w):
            return None
        begin, end = self._offered(local_day(self.site, self.arrival))
        start, end = max(begin, self.clock), min(end, self.departure)
        hours = (self.departure - start - STEP_S) / 3600
        again = (self.max_charge_w * hours - self.headroom) / (1 + self.max_charge_w / self.max_discharge_w)
        energy = min(self.spare + self.given, again, self.max_discharge_w * (end - start) / 3600)
        return DesiredReservation(int(start), int(end), -energy, self.max_discharge_w) if energy > 0 else None

    def _offered(self, day: int) -> list[float]:
        return [local_hour(self.site, day, hours) for hours in self.offers]

    @property
    def usable(self) -> float | None:
        """What is offered at this instant; None for a charger that cannot give back."""
        offer = self.offer
        if offer is None or offer.start > self.clock:
            return 0.0 if self.max_discharge_w else None
        return -offer.energy

    @property
    def available_w(self) -> float:
        return self.max_discharge_w if self.usable else 0.0

    @property
    def wish(self) -> DesiredReservation | None:
        """To give what is offered; then the rest of what the car wants, before it leaves."""
        if not self.arrival:
            return None
        if (offer := self.offer) is not None and -offer.energy >= MIN_ENERGY_WH:
            return offer
        return DesiredReservation(int(self.clock), self.departure, self.headroom, self.max_charge_w)

    def turns(self, now: float) -> float:
        """When a car comes or leaves or an offer begins or ends, and a second later, when the charger has
        noticed."""
        today = local_day(self.site, now)
        news: list[float] = [instant for day in (today - 1, today, today + 1) for instant in (
            *evening_session(self.site, day)[:2], *(self._offered(day) if self.max_discharge_w else ()))]
        return min(instant + more for instant in news for more in (0.0, 1.0) if instant + more > now)

    @property
    def sheds(self) -> float | None:
        """Until it has to charge at full power to be full in time."""
        if not self.arrival:
            return 0.0
        return max(0.0, self.departure - self.clock - self.headroom / self.max_charge_w * 3600)

    def vehicle(self, now: int) -> dict[str, Any] | None:
        """PEVInfo; power is positive for charging there, and the energy is what the car wants for itself,
        never negative."""
        if not self.arrival:
            return None
        return {
            "chargingPowerNow": {"multiplier": 0, "value": round(-self.power)},
            "energyRequestNow": {"multiplier": 0, "value": round(self.headroom)},
            "maxForwardPower": {"multiplier": 0, "value": round(self.max_charge_w)},
            "minimumChargingDuration": math.ceil(self.headroom / self.max_charge_w * 3600),
            "targetStateOfCharge": 10000,
            "timeChargeIsNeeded": self.departure,
            "timeChargingStatusPEV": now,
        }

    @property
    def limited(self) -> bool:
        return self.headroom > 0 and -self.power < self.max_charge_w - 1

    def step(self, order: PowerOrder, now: float, seconds: float) -> Self:
        """Charges from arrival until full, or as ordered; never under the least current. Gives back only when
        ordered."""
        stay = current_session(self.site, now)
        if stay is None:
            return self.metered(0.0, 0.0, order, now, seconds, arrival=0, departure=0, wanted=0.0, given=0.0,
                                clock=now + seconds)
        watts = self._flow(order, stay.energy - self.given, now, seconds) if order.connect else 0.0
        return self.metered(watts, 0.0, order, now, seconds, arrival=stay.arrival, departure=stay.departure,
                            wanted=stay.energy, given=min(stay.energy, self.given - watts * seconds / 3600),
                            clock=now + seconds)

    def _flow(self, order: PowerOrder, needed: float, now: float, seconds: float) -> float:
        wanted = -self.max_charge_w if order.target is None else order.target
        wanted = max(wanted, -order.load.most(self.max_charge_w, now, self.power < 0))
        wanted = order.bounded(wanted, weather.household_load_w(self.site, now))
        if -MIN_CURRENT_A * self.site.nominal_volts < wanted <= 0:
            return 0.0
        least = -min(self.max_charge_w, max(0.0, needed) * 3600 / seconds)
        most = min(self.max_discharge_w, (self.usable or 0.0) * 3600 / seconds)
        return min(max(self.ramped(wanted, order, seconds), least), most)
