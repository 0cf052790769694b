"""Device models for the clients whose day is given as series of quarters of an hour.

How they follow events is the clients' own (see `clients.devices.devicemodel`). A quarter of an hour is one
step of their physics, so that a day of many homes is simulated fast; where something happens within it, there
are as many steps as parts.
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
EMPTY_SITE = Site(peak_load_w=0.0, voltage_rise_percent=0.0)
"""A site without a household, at a stiff feeder."""


def value_at(series: tuple[float, ...], begin: int, now: float) -> float:
    """Return the value of a series that begins at `begin`; before and after it the first and the last."""
    return series[min(max(int(now - begin) // QUARTER, 0), len(series) - 1)]


class QuarterHourModel(DeviceModel):
    """Runs in steps of a quarter of an hour."""

    def run(self, order: PowerOrder, since: float, until: float, step_s: float = QUARTER) -> Self:
        """Do as any model does, in larger steps."""
        return super().run(order, since, until, step_s)


@dataclass(frozen=True)
class SeriesInverter(QuarterHourModel, Inverter):
    """An inverter whose panels deliver the W of a series that begins at `begin`."""
    series: tuple[float, ...] = (0.0,)
    begin: int = 0

    def step(self, order: PowerOrder, now: float, seconds: float) -> Self:
        """Inject what the panels deliver, within the order."""
        panel_w = value_at(self.series, self.begin, now)
        allowed_w = max(order.bounded(self.max_w), 0.0)
        injection_w = min(panel_w, self.max_w, allowed_w) if order.connect else 0.0
        return self.metered(injection_w, 0.0, order, now, seconds, panel_output_w=panel_w)


@dataclass(frozen=True)
class RestingBattery(QuarterHourModel, Battery):
    """A battery that serves no household, so that it rests without a control."""


@dataclass(frozen=True)
class ScheduledEvCharger(QuarterHourModel, EvCharger):
    """A charger whose sessions are `trips`, and whose cars charge at any power."""
    trips: tuple[Session, ...] = ()

    modes: ClassVar[frozenset[str]] = frozenset({"charge", reservation.MODE})

    @property
    def uncomfortable(self) -> bool:
        """Whether the car must charge at full power from now on, to the second, to leave full."""
        remaining_s = self.departure - self.at - 1
        return bool(self.arrival) and self.chargeable_wh > self.max_charge_w * remaining_s / 3600

    def next_change(self, now: float) -> float | None:
        """Return when a car arrives or leaves, or the second after that, in which the model includes it; or
        when it can wait no longer."""
        instants = [instant + delay_s for trip in self.trips for instant in trip[:2] for delay_s in (0, 1)]
        if self.arrival:
            instants.append(self.departure - math.floor(self.chargeable_wh * 3600 / self.max_charge_w))
        return min((instant for instant in instants if instant > now), default=None)

    def step(self, order: PowerOrder, now: float, seconds: float) -> Self:
        """Charge from arrival until full, or as ordered."""
        session = next((trip for trip in self.trips if trip.arrival <= now < trip.departure), None)
        if session is None:
            return self.metered(
                0.0,
                0.0,
                order,
                now,
                seconds,
                arrival=0,
                departure=0,
                demand_wh=0.0,
                charged_wh=0.0,
                at=now + seconds,
            )
        charged_wh = self.charged_wh if session.arrival == self.arrival else 0.0
        charge_w = self.max_charge_w
        if order.target_w is not None:
            charge_w = min(max(-order.target_w, 0.0), self.max_charge_w)
        charge_w = min(charge_w, (session.energy_wh - charged_wh) * 3600 / seconds) if order.connect else 0.0
        return self.metered(
            -charge_w,
            0.0,
            order,
            now,
            seconds,
            arrival=session.arrival,
            departure=session.departure,
            demand_wh=session.energy_wh,
            charged_wh=charged_wh + charge_w * seconds / 3600,
            at=now + seconds,
        )


@dataclass(frozen=True)
class SeriesHeatPump(QuarterHourModel, Thermostat):
    """A heat pump that consumes the W of a series without a control.

    It may be `stored_wh` ahead of the series (negative: behind), `span_wh` either way within comfort. The
    fraction `retention` of that remains after a quarter of an hour. At its set point it is neither ahead nor
    behind.
    """
    series: tuple[float, ...] = (0.0,)
    begin: int = 0
    stored_wh: float = 0.0
    span_wh: float = 1.0
    retention: float = 1.0
    band_k: float = 0.0

    modes: ClassVar[frozenset[str]] = frozenset({"charge", "heatingOffset", "coolingOffset"})

    @property
    def shed_duration_s(self) -> float | None:
        """None: it is unknown."""
        return None

    @property
    def uncomfortable(self) -> bool:
        """Whether it is outside comfort."""
        return abs(self.stored_wh) > self.span_wh * 1.001

    def step(self, order: PowerOrder, now: float, seconds: float) -> Self:
        """Consume what brings it, by the end of the quarter, to the storage that the offset of its set point
        stands for."""
        base_w = value_at(self.series, self.begin, now)
        offset = order.load_control.heating_offset_k / self.comfort_k
        goal_wh = min(max(offset, -1.0), 1.0) * self.span_wh
        remaining_s = QUARTER - now % QUARTER
        retained_wh = self.retention ** (remaining_s / QUARTER) * self.stored_wh
        extra_w = (goal_wh - retained_wh) * 3600 / remaining_s
        load_w = min(max(base_w + extra_w, 0.0), self.max_charge_w) if order.connect else 0.0
        retained_wh = self.retention ** (seconds / QUARTER) * self.stored_wh
        stored_wh = retained_wh + (load_w - base_w) * seconds / 3600
        return self.metered(-load_w, 0.0, order, now, seconds, stored_wh=stored_wh, direction=int(load_w > 0),
                            indoor_c=self.setpoint_c + stored_wh / self.span_wh * self.comfort_k)


def _series(ratings: dict[str, Any]) -> dict[str, Any]:
    return {"series": tuple(ratings["series"])}


def _trips(ratings: dict[str, Any]) -> dict[str, Any]:
    return {"trips": tuple(Session(*trip) for trip in ratings["trips"])}


KINDS: dict[str, tuple[type[DeviceModel], Callable[[dict[str, Any]], dict[str, Any]]]] = {
    "solar": (SeriesInverter, _series),
    "battery": (RestingBattery, lambda ratings: {}),
    "car": (ScheduledEvCharger, _trips),
    "pump": (SeriesHeatPump, _series),
}


def entry_model(entry: dict[str, Any], index: int = 0) -> DeviceModel:
    """Return the device model of an entry.

    Its `model` is one of KINDS, its `ratings` are fields of the model, with `series` and `trips` as lists.
    """
    model, fields = KINDS[entry["model"]]
    ratings = entry["ratings"]
    return model(**{"name": entry["name"], "site": EMPTY_SITE, **ratings, **fields(ratings)})
