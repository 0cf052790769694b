"""Operators' orders to cars and thermal loads, which take no setpoint of power.

A car is granted another power for as long as the order lasts, and after it all the energy that it then still
needs. Thermal loads get a part of their comfort band to use, or a part of the time that they may be on. Cars
come first, by laxity: what they draw later costs nobody comfort. Power in arrays is positive for consumption,
in W; what is ordered and recorded is injection.
"""
from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

from server import clock
from server.config import settings
from server.grid.controls import reservationpolicy
from server.grid.controls.reservationpolicy import ReservationRequest
from server.grid.controls.reservations import Revision
from server.grid.dispatch import allocation, loadcontrol, orderwork
from server.grid.dispatch.allocation import BROADCAST
from server.grid.dispatch.shares import ShareRow
from server.grid.fleet import (fleetstate, grantedsessions, memberqueries, pointlimits, projection, setpoints,
                               thermalbase)
from server.grid.fleet.fleetstate import FleetState
from server.grid.fleet.members import Member
from server.grid.optimisation import disaggregation, policies, waterfill
from server.grid.optimisation.arrays import Bools, Floats, Whole, np
from server.grid.optimisation.waterfill import MemberLines
from server.grid.series import devicelimits
from server.grid.series.intervals import STEP, Span
from server.models import VirtualDER
from server.resources import sql
from server.units import Instant, Seconds

MIN_CHANGE_W = 1.0  # smaller changes are not worth a command
LOAD_RANDOMIZE_S = 60  # switched loads begin and end within so many seconds, so that not all do at once
# Loads with a set point begin within a twelfth of the order and end within as long as it was, when all rooms
# are cold; an hour at the most, which is what the standard allows devices to vary.
STAGGER_START_S, STAGGER_START_FRACTION, STAGGER_END_S = 300, 1 / 12, 3600
TAKES_SETPOINT = "takes a setpoint"
_ORDERED = "ordered"  # the reason where the operator gave none


class SessionBounds(NamedTuple):
    """The charging sessions that are there while an order lasts.

    `indices` are theirs in the fleet's sessions; `present_w` is the mean that each draws without the order,
    `min_w` to `max_w` what it can draw, `remaining_h` the hours from the order's start until it leaves.
    """
    indices: Whole
    present_w: Floats
    min_w: Floats
    max_w: Floats
    remaining_h: Floats


@dataclass(frozen=True)
class FlexibleLoads:
    """The cars and thermal loads of a virtual DER as they will be when an order starts.

    `lfdi_of` has the LFDI of each device by number.
    """
    state: FleetState
    start: int
    duration_s: int
    sessions: SessionBounds
    lfdi_of: dict[int, str]

    @staticmethod
    def of(vder: VirtualDER, start: int, duration_s: int, excluded: Collection[int]) -> FlexibleLoads:
        """Those of a virtual DER, without the `excluded` devices (numbers), which get a setpoint."""
        now = clock.now()
        present = fleetstate.excluding(fleetstate.read(vder, now, STEP / 3600), excluded, TAKES_SETPOINT)
        state = projection.project(present, Span(start, 1, STEP, now))
        heat = thermalbase.outlook(
            present, Span(start, -(-duration_s // STEP), STEP, now), dispatched_only=True)
        state = replace(state, fleet=thermalbase.with_outlook(
            state.fleet, heat.base_w.mean(axis=1), heat.active.mean(axis=1)))
        state = pointlimits.with_point_limits(state, devicelimits.during(start, duration_s))
        bounds = _session_bounds(state, start, duration_s / 3600)
        return FlexibleLoads(state, start, duration_s, bounds, memberqueries.lfdis_of(vder))

    @property
    def hours(self) -> float:
        return self.duration_s / 3600

    @cached_property
    def lfdis(self) -> set[str]:
        """The LFDIs of the devices."""
        cars = self.state.ev.device[self.sessions.indices].tolist()
        return {self.lfdi_of[device] for device in (*cars, *self.state.thermal.device.tolist())}

    @property
    def baseline_w(self) -> float:
        """What they inject without an order: a negative number."""
        return -float(self.sessions.present_w.sum() + self.state.fleet.base.sum())

    def dispatch(self, change_w: float, reason: str, randomize_s: int = 0) -> list[ShareRow]:
        """Publish the load controls for so much more injection and return the shares; those of cars are
        pending.

        Loads begin and end within `randomize_s`; by default within a minute, and those with a set point one
        after the other (STAGGER_START_S, STAGGER_END_S).
        """
        shares = self._dispatch_cars(change_w, reason)
        remaining_w = change_w - injection_change_w(shares)
        return [*shares, *self._dispatch_loads(remaining_w, reason, randomize_s)]

    def change_w(self, change_w: float) -> float:
        """Return what `dispatch` would make of so much more injection, and publish nothing."""
        present_w, charge_w = self.sessions.present_w, self._charge_w(change_w)
        changed = np.abs(charge_w - present_w) >= MIN_CHANGE_W
        cars_w = float((present_w - charge_w)[changed].sum())
        if not self._has_loads_for(change_w - cars_w):
            return cars_w
        state = self._loads_state()
        powers = self._thermal_powers(state, change_w - cars_w)
        return cars_w - float(sum(
            powers.thermals[members].sum() for group in range(len(state.dispatch_groups))
            for _, members, _ in loadcontrol.thermal_actions(state, powers, group)))

    def _has_loads_for(self, change_w: float) -> bool:
        return bool(len(self.state.fleet.base)) and abs(change_w) >= MIN_CHANGE_W

    def _loads_state(self) -> FleetState:
        """The state with thermal loads as they are after all of the order."""
        fleet = self.state.fleet
        loads = fleet.thermals._replace(keep=fleet.thermals.keep ** (self.duration_s / STEP))
        return replace(self.state, fleet=fleet._replace(thermals=loads), hours=self.hours)

    def _dispatch_cars(self, change_w: float, reason: str) -> list[ShareRow]:
        indices, present_w, min_w, max_w, remaining_h = self.sessions
        charge_w = self._charge_w(change_w)
        needs = self.state.fleet.sessions.only(indices)
        changed = np.flatnonzero(np.abs(charge_w - present_w) >= MIN_CHANGE_W).tolist()
        requests = [
            ReservationRequest(
                start=self.start,
                end=self.start + int(remaining_h[number] * 3600),
                energy_wh=float(needs.need[number]),
                power_w=float(needs.power[number]),
            )
            for number in changed
        ]
        revisions = [
            Revision(
                self.state.ev.requests[int(indices[number])],
                reservationpolicy.reserve_at(
                    request, float(np.ceil(charge_w[number])), self.start, self.duration_s
                ),
                self.start,
            )
            for number, request in zip(changed, requests, strict=True)
        ]
        return [
            ShareRow(
                lfdi=self.lfdi_of[int(self.state.ev.device[int(indices[number])])],
                event_href="",
                planned_w=-float(charge_w[number]),
                baseline_w=-float(present_w[number]),
                reason=f"{reason or _ORDERED}; {remaining_h[number]:.1f} h until it leaves, "
                       f"{request.energy_wh / 1000:.1f} kWh to charge",
                pending=orderwork.reservation(revision),
            )
            for number, request, revision in zip(changed, requests, revisions, strict=True)
        ]

    def _charge_w(self, change_w: float) -> Floats:
        """What each car is to draw so that all together inject so much more, by laxity."""
        indices, present_w, min_w, max_w, remaining_h = self.sessions
        needs = self.state.fleet.sessions.only(indices)
        # No car changes against the order: none draws more for more injection, none less for less.
        low_w, high_w = (
            (min_w, np.maximum(present_w, min_w))
            if change_w > 0
            else (np.minimum(np.maximum(present_w, min_w), max_w), max_w)
        )
        filled = waterfill.fill(
            present_w.sum() - change_w,
            MemberLines(
                (needs.need - needs.power * (remaining_h - self.hours)) / self.hours,
                needs.power / self.hours,
                low_w,
                high_w,
            ),
        )
        return setpoints.chargeable(filled.powers, min_w, max_w, settings.min_charge_w)

    def _dispatch_loads(self, change_w: float, reason: str, randomize_s: int) -> list[ShareRow]:
        if not self._has_loads_for(change_w):
            return []
        state = self._loads_state()
        powers = self._thermal_powers(state, change_w)
        step = loadcontrol.StepPeriod(
            self.start, self.start + self.duration_s, reason or _ORDERED, reason[:32], randomize_s,
            switched_s=LOAD_RANDOMIZE_S,
            stagger_start_s=min(STAGGER_START_S, round(STAGGER_START_FRACTION * self.duration_s)),
            stagger_end_s=min(STAGGER_END_S, self.duration_s),
        )
        shares = [
            share
            for group, vder in enumerate(state.dispatch_groups)
            for command in loadcontrol.thermal_commands(vder, step, state, powers, group, self.lfdi_of)
            for share in command.shares
        ]
        if shares:
            projection.record_thermal_states(state, powers, self.start + self.duration_s)
        return shares

    def _thermal_powers(self, state: FleetState, change_w: float) -> disaggregation.MemberPowers:
        """What thermal loads are to draw beside their base, by equal parts of their comfort bands, as near as
        load controls can command it."""
        fleet, loads = state.fleet, state.fleet.thermals
        filled = policies.by_comfort(
            -change_w,
            loads.state,
            loads.band,
            loads.keep,
            fleet.thermal_fall_w,
            fleet.thermal_rise_w,
            self.hours,
        )
        intended_wh = loads.keep * loads.state + filled.powers * self.hours
        load_w, comfort = disaggregation.nearest_commandable(
            np.full((len(state.dispatch_groups), int(loads.kind.max()) + 1), filled.level),
            fleet,
            disaggregation.StepOptions(
                self.hours,
                resolutions=setpoints.resolution(settings.comfort_kelvin),
                stored=state.thermal.realised_wh,
            ),
        )
        return disaggregation.MemberPowers(
            np.zeros(0), np.zeros(0), load_w, 0.0, comfort=comfort, intended_wh=intended_wh
        )


def of_order(
    vder: VirtualDER, devices: Sequence[Member], start: Instant, duration_s: Seconds, addressing: str
) -> FlexibleLoads | None:
    """The cars and thermal loads of a virtual DER that get no setpoint of power; None where it has none.

    Thermal loads that take a setpoint get one; cars that take one get it where it is broadcast to others too.
    """
    flexible = {lfdi: (device, kind) for device, lfdi, kind in sql.rows(
        "SELECT d.id, d.lfdi, n.kind FROM membership m JOIN device d ON d.id = m.device_id JOIN device_type "
        "n ON n.device_id = d.id "
        "WHERE m.vder_id = ? AND n.kind IN ('ev', 'thermal')", vder.id)}
    if not flexible:
        return None
    by_setpoint = {member.lfdi for member in devices if allocation.takes_power_setpoint(member)}
    cars = {lfdi for lfdi, (_, kind) in flexible.items() if kind == "ev"}
    if addressing != BROADCAST or by_setpoint <= cars:
        by_setpoint -= cars
    loads = FlexibleLoads.of(
        vder, start, duration_s, [flexible[lfdi][0] for lfdi in by_setpoint & flexible.keys()]
    )
    return loads if loads.lfdis else None


def injection_change_w(shares: Collection[ShareRow]) -> float:
    """Return how much more than their baselines the devices of these shares inject."""
    return float(sum(share.planned_w - (share.baseline_w or 0.0) for share in shares))


def _session_bounds(state: FleetState, start: int, hours: float) -> SessionBounds:
    sessions = state.fleet.sessions
    remaining_h = np.asarray(sessions.depart * state.hours - (start - state.at) / 3600, dtype=float)
    present: Bools = (
        (sessions.arrive * STEP <= start - state.at) & (remaining_h > 0) & (sessions.need >= MIN_CHANGE_W)
    )
    needs, remaining_h = sessions.only(present), remaining_h[present]
    power_w = needs.power if needs.cap is None else np.minimum(needs.power, needs.cap.min(axis=1))
    min_w, max_w = policies.session_bounds(needs.need, remaining_h, power_w, hours)
    granted_w = grantedsessions.GrantedSessions.of(state, start).granted_w[present]
    return SessionBounds(
        indices=np.flatnonzero(present),
        present_w=np.minimum(np.nan_to_num(granted_w), max_w),
        min_w=min_w,
        max_w=max_w,
        remaining_h=remaining_h,
    )
