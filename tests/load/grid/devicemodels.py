"""Devices whose day is given by numbers, a quarter of an hour each, as plants that the clients drive.

What they do of what they are told is theirs: see `clients.plant`. A quarter of an hour is one step of their
physics, so that a day of many homes is soon lived; with whatever happens within it, it is as many as there
are parts.
"""
from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from clients.devices.battery import Battery
from clients.devices.devicemodel import DeviceModel
from clients.devices.evcharger import EvCharger, Session
from clients.devices.inverter import Inverter
from clients.devices.thermostat import Thermostat
from clients.events import reservation
from clients.events.control import PowerOrder
from clients.simulation.weather import Site

QUARTER = 900
NOBODY = Site(peak_load=0.0, rise=0.0)


def at(series: tuple[float, ...], begin: int, now: float) -> float:
    """The value of a series that begins at `begin`; before and after it the first and the last."""
    return series[min(max(int(now - begin) // QUARTER, 0), len(series) - 1)]


class Quarterly(DeviceModel):
    """Lives in steps of a quarter of an hour."""

    def run(self, order: PowerOrder, since: float, until: float, step: float = QUARTER) -> Self:
        """As a plant does, more coarsely."""
        return super().run(order, since, until, step)


@dataclass(frozen=True)
class Panels(Quarterly, Inverter):
    """Give the W of a series, which begins at `begin`, or as much of it as they may."""
    series: tuple[float, ...] = (0.0,)
    begin: int = 0

    def step(self, order: PowerOrder, now: float, seconds: float) -> Self:
        """The sun gives what it gives; the order takes away from it."""
        sun = at(self.series, self.begin, now)
        given = min(sun, self.max_w, max(order.bounded(self.max_w), 0.0)) if order.connect else 0.0
        return self.metered(given, 0.0, order, now, seconds, sun_w=sun)


@dataclass(frozen=True)
class Store(Quarterly, Battery):
    """A battery that serves no household: left alone it rests."""


@dataclass(frozen=True)
class Car(Quarterly, EvCharger):
    """A charger whose cars come as `trips` have it, and are charged with any power."""
    trips: tuple[Session, ...] = ()

    modes: ClassVar[frozenset[str]] = frozenset({"charge", reservation.MODE})

    @property
    def unwilling(self) -> bool:
        """Whether it must charge at full power from now on, to the second, to leave full."""
        return (
            bool(self.arrival)
            and self.headroom > self.max_charge_w * (self.departure - self.clock - 1) / 3600
        )

    def turns(self, now: float) -> float | None:
        """When a car comes or leaves, and a second later, when the charger has noticed; and when it can wait
        no longer."""
        news = [instant + more for trip in self.trips for instant in trip[:2] for more in (0, 1)]
        if self.arrival:
            news.append(self.departure - math.floor(self.headroom * 3600 / self.max_charge_w))
        return min((instant for instant in news if instant > now), default=None)

    def step(self, order: PowerOrder, now: float, seconds: float) -> Self:
        """Charges from arrival until full, or as ordered."""
        stay = next((trip for trip in self.trips if trip.arrival <= now < trip.departure), None)
        if stay is None:
            return self.metered(
                0.0,
                0.0,
                order,
                now,
                seconds,
                arrival=0,
                departure=0,
                wanted=0.0,
                given=0.0,
                clock=now + seconds,
            )
        given = self.given if stay.arrival == self.arrival else 0.0
        wanted = (
            self.max_charge_w if order.target is None else min(max(-order.target, 0.0), self.max_charge_w)
        )
        watts = min(wanted, (stay.energy - given) * 3600 / seconds) if order.connect else 0.0
        return self.metered(-watts, 0.0, order, now, seconds, arrival=stay.arrival, departure=stay.departure,
                            wanted=stay.energy, given=given + watts * seconds / 3600, clock=now + seconds)


@dataclass(frozen=True)
class Pump(Quarterly, Thermostat):
    """A heat pump that draws the W of a series if it is left alone. It can be `stored` Wh ahead (-: behind),
    `span` either way within comfort, of which the part `keep` is left after a quarter of an hour; at its set
    point it is neither."""
    series: tuple[float, ...] = (0.0,)
    begin: int = 0
    stored: float = 0.0
    span: float = 1.0
    keep: float = 1.0
    band: float = 0.0

    modes: ClassVar[frozenset[str]] = frozenset({"charge", "heatingOffset", "coolingOffset"})

    @property
    def sheds(self) -> float | None:
        """It cannot tell."""
        return None

    @property
    def unwilling(self) -> bool:
        """Whether it has left comfort."""
        return abs(self.stored) > self.span * 1.001

    def step(self, order: PowerOrder, now: float, seconds: float) -> Self:
        """Draws what brings it, by the end of the quarter, to the part of comfort that the offset of its set
        point is."""
        base = at(self.series, self.begin, now)
        goal = min(max(order.load.heating / self.comfort, -1.0), 1.0) * self.span
        left = QUARTER - now % QUARTER
        beside = (goal - self.keep ** (left / QUARTER) * self.stored) * 3600 / left
        drawn = min(max(base + beside, 0.0), self.max_charge_w) if order.connect else 0.0
        stored = self.keep ** (seconds / QUARTER) * self.stored + (drawn - base) * seconds / 3600
        return self.metered(-drawn, 0.0, order, now, seconds, stored=stored, heating=int(drawn > 0),
                            room=self.setpoint + stored / self.span * self.comfort)


def _panels(said: dict[str, Any]) -> dict[str, Any]:
    return {"series": tuple(said["series"])}


def _car(said: dict[str, Any]) -> dict[str, Any]:
    return {"trips": tuple(Session(*trip) for trip in said["trips"])}


KINDS: dict[str, tuple[type[DeviceModel], Callable[[dict[str, Any]], dict[str, Any]]]] = {
    "solar": (Panels, _panels),
    "battery": (Store, lambda said: {}),
    "car": (Car, _car),
    "pump": (Pump, _panels),
}


def entry_model(entry: dict[str, Any], place: int = 0) -> DeviceModel:
    """The plant of an entry: `plant` is one of KINDS, `ratings` its fields, with `series` and `trips` as
    lists."""
    kind, read = KINDS[entry["plant"]]
    return kind(**{"name": entry["name"], "site": NOBODY, **entry["ratings"], **read(entry["ratings"])})
