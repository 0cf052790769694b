"""Orders of people that reach cars and thermal loads, which know no set point of power.

A car is granted another power for as long as the order lasts, and after it all that it then still wants;
thermal loads are told to use a part of their comfort, or for what part of the time they may be on. Cars come
first, by laxity: what they draw later costs nobody comfort. Consumption is positive in arrays; what is wished
for and kept is injection, in W.
"""
from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

from server import clock
from server.config import settings
from server.grid.controls import reservationpolicy, reservations
from server.grid.controls.reservationpolicy import ReservationRequest
from server.grid.dispatch import loadcontrol
from server.grid.dispatch.shares import ShareRow
from server.grid.fleet import fleetstate, projection, setpoints
from server.grid.fleet.fleetstate import FleetState
from server.grid.optimisation import disaggregation, policies, waterfill
from server.grid.optimisation.arrays import Bools, Floats, Whole, np
from server.grid.optimisation.waterfill import MemberLines
from server.grid.series.intervals import STEP, Span
from server.models import VirtualDER

MIN_CHANGE_W = 1.0  # W: who is to change by less is told nothing
LOAD_RANDOMIZE_S = 60  # seconds within which loads begin and end, so that not all compressors start at once
TAKES_SETPOINT = "takes a set point"


class SessionBounds(NamedTuple):
    """The sessions that are there while an order lasts: their places, what each draws by what it was told and
    can draw at least and at most (mean W of that time), and the hours from its beginning until it leaves."""
    places: Whole
    present: Floats
    least: Floats
    most: Floats
    left: Floats


@dataclass(frozen=True)
class FlexibleLoads:
    """The cars and thermal loads of a virtual DER as they will be when an order begins, and `duration` s
    long; `names` has the LFDI of each device by number."""
    seen: FleetState
    start: int
    duration: int
    cars: SessionBounds
    names: dict[int, str]

    @staticmethod
    def of(area: VirtualDER, start: int, duration: int, without: Collection[int]) -> FlexibleLoads:
        """Those of an area, without some devices (their numbers), who are told otherwise."""
        now = clock.now()
        known = fleetstate.excluding(fleetstate.read(area, now, STEP / 3600), without, TAKES_SETPOINT)
        seen = projection.project(known, Span(start, 1, STEP, now))
        return FlexibleLoads(
            seen, start, duration, _session_bounds(seen, start, duration / 3600), projection.lfdis_of(area)
        )

    @property
    def hours(self) -> float:
        return self.duration / 3600

    @cached_property
    def lfdis(self) -> set[str]:
        """Who they are."""
        return {
            self.names[device]
            for device in (
                *self.seen.ev.device[self.cars.places].tolist(),
                *self.seen.thermal.device.tolist(),
            )
        }

    @property
    def baseline(self) -> float:
        """What they inject if nobody asks: a negative number."""
        return -float(self.cars.present.sum() + self.seen.fleet.base.sum())

    def ask(self, watts: float, reason: str, randomize: int = 0) -> list[ShareRow]:
        """Ask them for so much more injection, and tell them; who was asked for what. Loads begin and end
        within `randomize` seconds, or by default within a minute."""
        shares = self._ask_cars(watts, reason)
        return [
            *shares,
            *self._ask_loads(watts - injection_change_w(shares), reason, randomize or LOAD_RANDOMIZE_S),
        ]

    def _ask_cars(self, watts: float, reason: str) -> list[ShareRow]:
        places, present, least, most, left = self.cars
        sessions = self.seen.fleet.sessions.only(places)
        bounds = (
            (least, np.maximum(present, least))
            if watts > 0
            else (np.minimum(np.maximum(present, least), most), most)
        )
        filled = waterfill.fill(
            present.sum() - watts,
            MemberLines(
                (sessions.need - sessions.power * (left - self.hours)) / self.hours,
                sessions.power / self.hours,
                *bounds,
            ),
        )
        powers = setpoints.chargeable(filled.powers, least, most, settings.min_charge_w)
        shares = []
        for number in np.flatnonzero(np.abs(powers - present) >= MIN_CHANGE_W).tolist():
            place = int(places[number])
            wish = ReservationRequest(
                self.start,
                self.start + int(left[number] * 3600),
                float(sessions.need[number]),
                float(sessions.power[number]),
            )
            several = reservationpolicy.reserve_at(
                wish, float(np.ceil(powers[number])), self.start, self.duration
            )
            document = reservations.revise(self.seen.ev.requests[place], several, self.start, reason)[0]
            why = (
                f"{reason or 'ordered'}; {left[number]:.1f} h until it leaves, "
                f"{wish.energy_wh / 1000:.1f} kWh to charge"
            )
            shares.append(
                ShareRow(
                    self.names[int(self.seen.ev.device[place])],
                    document.href,
                    -float(powers[number]),
                    -float(present[number]),
                    why,
                )
            )
        return shares

    def _ask_loads(self, watts: float, reason: str, randomize: int) -> list[ShareRow]:
        fleet = self.seen.fleet
        if not len(fleet.base) or abs(watts) < MIN_CHANGE_W:
            return []
        loads = fleet.thermals._replace(keep=fleet.thermals.keep ** (self.duration / STEP))
        seen = replace(self.seen, fleet=fleet._replace(thermals=loads), hours=self.hours)
        kinds = int(loads.kind.max()) + 1
        filled = policies.by_comfort(
            -watts, loads.state, loads.band, loads.keep, fleet.base, loads.power, self.hours
        )
        meant = loads.keep * loads.state + filled.powers * self.hours
        drawn, comfort = disaggregation.nearest_commandable(
            np.full((len(seen.dispatch_groups), kinds), filled.level),
            seen.fleet,
            disaggregation.StepOptions(
                self.hours, finest=setpoints.finest(settings.comfort_kelvin), stored=seen.thermal.realised_wh
            ),
        )
        powers = disaggregation.MemberPowers(
            np.zeros(0), np.zeros(0), drawn, 0.0, comfort=comfort, meant=meant
        )
        step = loadcontrol.StepPeriod(
            self.start, self.start + self.duration, reason or "ordered", reason[:32], randomize
        )
        shares = [
            share
            for group, leaf in enumerate(seen.dispatch_groups)
            for one in loadcontrol.thermal_commands(leaf, step, seen, powers, group, self.names)
            for share in one.shares
        ]
        if shares:
            projection.record_thermal_states(seen, powers, self.start + self.duration)
        return shares


def injection_change_w(shares: Collection[ShareRow]) -> float:
    """W of injection that those who were asked give beside their baselines."""
    return float(sum(share.planned_w - share.baseline_w for share in shares))


def _session_bounds(seen: FleetState, start: int, hours: float) -> SessionBounds:
    sessions = seen.fleet.sessions
    left = np.asarray(sessions.depart * seen.hours - (start - seen.at) / 3600, dtype=float)
    here: Bools = (sessions.arrive * STEP <= start - seen.at) & (left > 0) & (sessions.need >= MIN_CHANGE_W)
    some, left = sessions.only(here), left[here]
    least, most = policies.session_bounds(some.need, left, some.power, hours)
    present = np.minimum(np.nan_to_num(projection.GrantedSessions.of(seen, start).granted_w[here]), most)
    return SessionBounds(np.flatnonzero(here), present, least, most, left)
