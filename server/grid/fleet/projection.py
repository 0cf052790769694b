"""Projection: the fleet state at the beginning of the next step, by the commands until then.

Consumption is positive, in W.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from peewee import EXCLUDED

from server.grid.fleet import memberqueries
from server.grid.fleet.fleetstate import FleetState
from server.grid.fleet.grantedsessions import GrantedSessions
from server.grid.optimisation.arrays import Floats, Whole, np
from server.grid.optimisation.disaggregation import Fleet, MemberPowers
from server.grid.series.intervals import Span, edges
from server.models import CHUNK, ThermalState, chunked
from server.resources import sql

_THERMAL_STATES = (
    "SELECT w.device_id, w.at, w.realised, w.intended FROM thermal_state w "
    "JOIN membership m ON m.device_id = w.device_id WHERE m.vder_id = ?"
)


def project(fleet_state: FleetState, span: Span, default_w: Floats | None = None) -> FleetState:
    """Return the fleet state at the beginning of a span, if members follow their commands until then.

    Storage without a command does what it does by default: `default_w` [storage] is its load then, 0 if not
    given.
    """
    fleet, batteries, thermals = fleet_state.fleet, fleet_state.fleet.batteries, fleet_state.fleet.thermals
    lfdis = memberqueries.lfdis_of(fleet_state.columns.area)
    gained_wh = np.zeros(len(batteries.energy))
    for begin, end in pairwise(edges(span.at, span.start, span.step) or [span.at, span.at]):
        charge_w = _storage_load(fleet_state, lfdis, begin, default_w)
        since = fleet_state.storage.energy_at if begin == span.at else begin
        hours = np.maximum(end - since, 0) / 3600
        gained_wh += np.where(charge_w > 0, charge_w * batteries.efficiency,
                              charge_w / batteries.efficiency) * hours
    energy_wh = np.clip(
        batteries.energy + gained_wh,
        np.minimum(batteries.least, batteries.energy),
        np.maximum(batteries.most, batteries.energy),
    )
    ev_w = np.nan_to_num(GrantedSessions.of(fleet_state, span.at).granted_w)
    charged_wh = ev_w * np.maximum(span.start - fleet_state.ev.need_at, 0) / 3600
    thermal_w = {lfdi: (baseline_w or 0.0) - (planned_w or 0.0) for lfdi, planned_w, baseline_w in _commands(
        fleet_state, ("offset", "duty"), span.at - span.at % span.step - span.step)}
    change_w = _of_devices(thermal_w, lfdis, fleet_state.thermal.device)
    realised, intended = _thermal_states(fleet_state, span)
    return replace(
        fleet_state,
        thermal=replace(fleet_state.thermal, realised_wh=realised * thermals.band),
        fleet=Fleet(
            batteries._replace(energy=energy_wh),
            fleet.sessions._replace(need=np.maximum(fleet.sessions.need - charged_wh, 0)),
            thermals._replace(state=intended * thermals.band),
            np.clip(fleet.base - change_w, 0, thermals.power),
        ),
    )


def _of_devices(load_w: Mapping[str, float], lfdis: Mapping[int, str], devices: Whole) -> Floats:
    """Return [n] the W of these devices (by number), 0 where there are none."""
    return np.array([load_w.get(lfdis.get(device, ""), 0.0) for device in devices.tolist()])


def _storage_load(
    fleet_state: FleetState, lfdis: Mapping[int, str], at: int, default_w: Floats | None
) -> Floats:
    """Return [storage] what each draws at an instant: by its command, as it has responded to those of late,
    else by default."""
    storage = fleet_state.storage
    commanded_w = {lfdi: -(planned_w or 0.0)
                   for lfdi, planned_w, _ in _commands(fleet_state, ("percent", "watts"), at)}
    load_w = _of_devices(commanded_w, lfdis, storage.device) * storage.response_rate
    if default_w is None:
        return load_w
    commanded = [lfdis.get(device, "") in commanded_w for device in storage.device.tolist()]
    return np.where(np.array(commanded, dtype=bool), load_w, default_w)


def _commands(
    fleet_state: FleetState, quantities: Sequence[str], at: int
) -> list[tuple[str, float | None, float | None]]:
    """Return LFDI, planned and baseline injection of what the orders of a plan command at an instant, the
    latest order last."""
    groups = [vder.id for vder in fleet_state.dispatch_groups]
    rows = sorted(sql.among(
        "SELECT o.id, s.lfdi, s.planned_w, s.baseline_w FROM share s JOIN dispatch_order o "
        "ON s.order_id = o.id WHERE o.vder_id IN ({}) "
        "AND o.plan_id IS NOT NULL AND o.start <= ? AND o.start + o.duration_s > ? "
        f"AND o.quantity IN ({sql.marks(len(quantities))})",
        groups,
        at,
        at,
        *quantities,
    ))
    return [(lfdi, planned_w, baseline_w) for _, lfdi, planned_w, baseline_w in rows]


def record_thermal_states(fleet_state: FleetState, powers: MemberPowers, end: int) -> None:
    """Record how far each thermal load is ahead of its usual consumption at `end` (UTC, s) of a step."""
    thermals = fleet_state.fleet.thermals
    assert powers.intended_wh is not None
    realised_wh = thermals.keep * fleet_state.thermal.realised_wh + powers.thermals * fleet_state.hours
    realised, intended = (
        np.clip(energy_wh / np.maximum(thermals.band, 1e-9), -1, 1).tolist()
        for energy_wh in (realised_wh, powers.intended_wh)
    )
    rows = [
        {"device": device, "at": end, "realised": realised_fraction, "intended": intended_fraction}
        for device, realised_fraction, intended_fraction in zip(
            fleet_state.thermal.device.tolist(), realised, intended, strict=True
        )
    ]
    for chunk in chunked(rows, CHUNK):
        ThermalState.insert_many(chunk).on_conflict(
            conflict_target=[ThermalState.device],
            update={
                ThermalState.at: EXCLUDED.at,
                ThermalState.realised: EXCLUDED.realised,
                ThermalState.intended: EXCLUDED.intended,
            },
        ).execute()


def _thermal_states(fleet_state: FleetState, span: Span) -> tuple[Floats, Floats]:
    """Return [n] each: the fraction of its comfort band at which a thermal load will be, and shall be.

    That is where its last command left it, fading since.
    """
    rows = sql.rows(_THERMAL_STATES, fleet_state.columns.area.id)
    recorded = {device: values for device, *values in rows}
    devices = fleet_state.thermal.device.tolist()
    at, realised, intended = np.array(
        [recorded.get(device, (span.start, 0.0, 0.0)) for device in devices], dtype=float
    ).reshape(-1, 3).T
    fading = fleet_state.fleet.thermals.keep ** (np.maximum(span.start - at, 0) / span.step)
    return realised * fading, intended * fading
