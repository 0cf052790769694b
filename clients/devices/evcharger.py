"""An EV charger at home: a car arrives in the evening, needs some energy, and leaves in the morning.

A charger that can discharge (`max_discharge_w`) first offers the energy that the car can spare, between the
hours that its owner sets, and charges after that.
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
from server.resources.codes import DERType, DeviceCategory

# A car does not charge under 6 A (IEC 61851-1).
MIN_CURRENT_A = 6.0


class Session(NamedTuple):
    """A stay of a car from `arrival` to `departure` (UTC seconds), in which it needs `energy_wh`."""
    arrival: int
    departure: int
    energy_wh: float


@lru_cache(maxsize=4096)
def evening_session(site: Site, day: int) -> Session:
    """Return the session that begins on the evening of a local day (since 1970), drawn from the site's
    seed."""
    arrival, departure, energy = (
        weather.noise(f"{site.seed} car {purpose}", day, 1) for purpose in ("comes", "goes", "needs")
    )
    midnight = local_hour(site, day, 0)
    return Session(
        int(midnight + 17.75 * 3600 + arrival * 5400),
        int(midnight + DAY + 7.5 * 3600 + departure * 3600),
        round(14000 + 9000 * energy),
    )


def local_day(site: Site, now: float) -> int:
    """Return the day since 1970, by solar time at the site."""
    return int((now + site.longitude / 15 * 3600) // DAY)


def local_hour(site: Site, day: int, hours: float) -> float:
    """Return the instant so many hours after the start of a local day (see `local_day`)."""
    return day * DAY - site.longitude / 15 * 3600 + hours * 3600


def current_session(site: Site, now: float) -> Session | None:
    """Return the session at this instant; None while the car is away."""
    today = local_day(site, now)
    for session in (evening_session(site, today), evening_session(site, today - 1)):
        if session.arrival <= now < session.departure:
            return session
    return None


@dataclass(frozen=True)
class EvCharger(DeviceModel):
    """A charger of `max_charge_w`, as of the server second `at`.

    `arrival` and `departure` are those of its session (0: no car). Of the `demand_wh` that the car needs, it
    has got `charged_wh`.

    On arrival the car holds `spare_wh` more than its owner wants to keep; `charged_wh` is negative while it
    has discharged some of that. It may be discharged between the `offer_hours` of the day of its arrival.
    """
    max_charge_w: float = 7400.0
    arrival: int = 0
    departure: int = 0
    demand_wh: float = 0.0
    charged_wh: float = 0.0
    at: float = 0.0
    spare_wh: float = 0.0
    offer_hours: tuple[float, float] = (18.0, 22.0)

    kind: ClassVar[str] = "evcharger"
    der_type: ClassVar[DERType] = DERType.EVSE
    category: ClassVar[DeviceCategory] = DeviceCategory.EVSE
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
    def soc(self) -> float | None:
        """The state of charge between what the owner wants to keep (0) and what the car needs (1)."""
        if not self.arrival:
            return None
        return (self.spare_wh + self.charged_wh) / (self.spare_wh + self.demand_wh)

    @property
    def chargeable_wh(self) -> float:
        """Energy that the car still needs."""
        return max(0.0, self.demand_wh - self.charged_wh)

    @property
    def uncomfortable(self) -> bool:
        """Whether the car must charge at full power from now on, with a step to spare, to leave full."""
        remaining_s = self.departure - self.at - STEP_S
        return bool(self.arrival) and self.chargeable_wh > self.max_charge_w * remaining_s / 3600

    @property
    def discharge_offer(self) -> DesiredReservation | None:
        """The discharge that the owner offers: what can be spared, and charged again before departure."""
        if not (self.arrival and self.max_discharge_w):
            return None
        offer_start, offer_end = self._offer_window(local_day(self.site, self.arrival))
        start, end = max(offer_start, self.at), min(offer_end, self.departure)
        hours = (self.departure - start - STEP_S) / 3600
        rechargeable_wh = (self.max_charge_w * hours - self.chargeable_wh) / (
            1 + self.max_charge_w / self.max_discharge_w)
        energy_wh = min(
            self.spare_wh + self.charged_wh, rechargeable_wh, self.max_discharge_w * (end - start) / 3600
        )
        if energy_wh <= 0:
            return None
        return DesiredReservation(int(start), int(end), -energy_wh, self.max_discharge_w)

    def _offer_window(self, day: int) -> list[float]:
        return [local_hour(self.site, day, hours) for hours in self.offer_hours]

    @property
    def dischargeable_wh(self) -> float | None:
        """Energy that is offered at this instant; None for a charger that cannot discharge."""
        offer = self.discharge_offer
        if offer is None or offer.start > self.at:
            return 0.0 if self.max_discharge_w else None
        return -offer.charge_wh

    @property
    def available_w(self) -> float:
        return self.max_discharge_w if self.dischargeable_wh else 0.0

    @property
    def desired_reservation(self) -> DesiredReservation | None:
        """A discharge as long as one is offered; then the energy that the car still needs."""
        if not self.arrival:
            return None
        if (offer := self.discharge_offer) is not None and -offer.charge_wh >= MIN_ENERGY_WH:
            return offer
        return DesiredReservation(int(self.at), self.departure, self.chargeable_wh, self.max_charge_w)

    def next_change(self, now: float) -> float:
        """Return when a car arrives or leaves or an offer begins or ends, or the second after that, in which
        the model includes it."""
        today = local_day(self.site, now)
        instants: list[float] = []
        for day in (today - 1, today, today + 1):
            session = evening_session(self.site, day)
            instants += [session.arrival, session.departure]
            if self.max_discharge_w:
                instants += self._offer_window(day)
        return min(
            instant + delay_s for instant in instants for delay_s in (0.0, 1.0) if instant + delay_s > now
        )

    @property
    def shed_duration_s(self) -> float | None:
        """How long the car can wait until it has to charge at full power to leave full."""
        if not self.arrival:
            return 0.0
        return max(0.0, self.departure - self.at - self.chargeable_wh / self.max_charge_w * 3600)

    def pev_info(self, now: int) -> dict[str, Any] | None:
        """Return PEVInfo. Its power is positive for charging; its energy is what the car needs, never
        negative."""
        if not self.arrival:
            return None
        return {
            "chargingPowerNow": {"multiplier": 0, "value": round(-self.injection_w)},
            "energyRequestNow": {"multiplier": 0, "value": round(self.chargeable_wh)},
            "maxForwardPower": {"multiplier": 0, "value": round(self.max_charge_w)},
            "minimumChargingDuration": math.ceil(self.chargeable_wh / self.max_charge_w * 3600),
            "targetStateOfCharge": 10000,
            "timeChargeIsNeeded": self.departure,
            "timeChargingStatusPEV": now,
        }

    @property
    def limited(self) -> bool:
        return self.chargeable_wh > 0 and -self.injection_w < self.max_charge_w - 1

    def step(self, order: PowerOrder, now: float, seconds: float) -> Self:
        """Charge from arrival until full, or as ordered, never under the least current; discharge only when
        ordered."""
        session = current_session(self.site, now)
        if session is None:
            return self.metered(0.0, 0.0, order, now, seconds, arrival=0, departure=0, demand_wh=0.0,
                                charged_wh=0.0, at=now + seconds)
        needed_wh = session.energy_wh - self.charged_wh
        injection_w = self._injection_w(order, needed_wh, now, seconds) if order.connect else 0.0
        charged_wh = min(session.energy_wh, self.charged_wh - injection_w * seconds / 3600)
        return self.metered(injection_w, 0.0, order, now, seconds, arrival=session.arrival,
                            departure=session.departure, demand_wh=session.energy_wh, charged_wh=charged_wh,
                            at=now + seconds)

    def _injection_w(self, order: PowerOrder, needed_wh: float, now: float, seconds: float) -> float:
        target_w = -self.max_charge_w if order.target_w is None else order.target_w
        charging = self.injection_w < 0
        target_w = max(target_w, -order.load_control.max_load_w(self.max_charge_w, now, charging))
        target_w = order.bounded(target_w, weather.household_load_w(self.site, now))
        if -MIN_CURRENT_A * self.site.nominal_volts < target_w <= 0:
            return 0.0
        lowest_w = -min(self.max_charge_w, max(0.0, needed_wh) * 3600 / seconds)
        highest_w = min(self.max_discharge_w, (self.dischargeable_wh or 0.0) * 3600 / seconds)
        return min(max(self.ramped_w(target_w, order, seconds), lowest_w), highest_w)
