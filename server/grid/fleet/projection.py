"""What was told before, and what has come of it by the time that the next step begins. Consumption is
positive, in W."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

from peewee import EXCLUDED, chunked

from server.config import settings
from server.functionsets import flowreservation
from server.grid.fleet import setpoints
from server.grid.fleet.fleetstate import FleetState
from server.grid.optimisation import policies
from server.grid.optimisation.arrays import Floats, Whole, np
from server.grid.optimisation.clusters import sums
from server.grid.optimisation.disaggregation import Committed, Fleet, MemberPowers
from server.grid.series.intervals import Span
from server.models import Document, ThermalState, VirtualDER
from server.resources import sql
from server.resources.codes import EventStatus
from server.resources.quantities import base_value

BAND = 0.05  # of its rating: a car is told nothing new for less
_CHUNK = 300
_LIVE = (EventStatus.SCHEDULED, EventStatus.ACTIVE)


def project(fleet_state: FleetState, span: Span) -> FleetState:
    """The members as they will be when the span begins, having done until then what they were told."""
    fleet, batteries, thermals = fleet_state.fleet, fleet_state.fleet.batteries, fleet_state.fleet.thermals
    lfdis = lfdis_of(fleet_state.columns.area)
    storage_w = _commanded_load(fleet_state, ("percent", "watts"), span.at)
    charge_w = _of_devices(storage_w, lfdis, fleet_state.storage.device) * fleet_state.storage.response_rate
    hours = np.maximum(span.start - fleet_state.storage.energy_at, 0) / 3600
    gained_wh = (
        np.where(charge_w > 0, charge_w * batteries.efficiency, charge_w / batteries.efficiency) * hours
    )
    energy_wh = np.clip(
        batteries.energy + gained_wh,
        np.minimum(batteries.least, batteries.energy),
        np.maximum(batteries.most, batteries.energy),
    )
    ev_w = np.nan_to_num(GrantedSessions.of(fleet_state, span.at).granted_w)
    charged_wh = ev_w * np.maximum(span.start - fleet_state.ev.need_at, 0) / 3600
    thermal_w = _commanded_load(
        fleet_state, ("offset", "duty"), span.at - span.at % span.step - span.step
    )
    beside_w = _of_devices(thermal_w, lfdis, fleet_state.thermal.device)
    realised, intended = _thermal_states(fleet_state, span)
    return replace(
        fleet_state,
        thermal=replace(fleet_state.thermal, realised_wh=realised * thermals.band),
        fleet=Fleet(
            batteries._replace(energy=energy_wh),
            fleet.sessions._replace(need=np.maximum(fleet.sessions.need - charged_wh, 0)),
            thermals._replace(state=intended * thermals.band),
            np.clip(fleet.base - beside_w, 0, thermals.power),
        ),
    )


def _of_devices(load_w: Mapping[str, float], lfdis: Mapping[int, str], devices: Whole) -> Floats:
    """[n]: the W of these devices (by number), 0 for who has none."""
    return np.array([load_w.get(lfdis.get(device, ""), 0.0) for device in devices.tolist()])


class ManualDispatch(NamedTuple):
    """What people have ordered of a device: planned and baseline W of injection, and for what part of a
    step."""
    planned: float
    baseline: float
    part: float

    @property
    def beside(self) -> float:
        """W that it draws in the mean of the step beside its baseline."""
        return (self.baseline - self.planned) * self.part

    @property
    def drawn(self) -> float:
        """W that it draws in the mean of the step."""
        return self.beside - self.baseline


NOTHING = ManualDispatch(0.0, 0.0, 0.0)


def manual_dispatch(area: VirtualDER, span: Span) -> dict[int, ManualDispatch]:
    """By number, the devices that people have ordered something of for the span's first step: that stands."""
    end = span.start + span.step
    return {
        device: ManualDispatch(
            planned or 0.0, baseline or 0.0, (min(until, end) - max(since, span.start)) / span.step
        )
        for device, planned, baseline, since, until in sql.rows(
            "SELECT d.id, s.planned_w, s.baseline_w, o.start, o.start + o.duration_s FROM share s JOIN "
            "dispatch_order o ON s.order_id = o.id "
            "JOIN device d ON d.lfdi = s.lfdi JOIN membership m ON m.device_id = d.id "
            "WHERE m.vder_id = ? AND o.plan_id IS NULL "
            "AND o.cancelled_at IS NULL AND o.start < ? AND o.start + o.duration_s > ? ORDER BY "
            "o.id",
            area.id,
            end,
            span.start,
        )
    }


def busy(fleet_state: FleetState, ordered: Mapping[int, ManualDispatch]) -> Committed:
    """What those whom people have ordered something do in the first step, as a plan wants to know it.

    Stores and loads beside what they would do, cars in all.
    """
    storage_w, thermal_w = (
        sum(ordered.get(device, NOTHING).beside for device in devices.tolist())
        for devices in (fleet_state.storage.device, fleet_state.thermal.device)
    )
    ev_w = np.array([ordered.get(device, NOTHING).drawn for device in fleet_state.ev.device.tolist()])
    groups = len(fleet_state.dispatch_groups)
    ev_w_by_group = sums(fleet_state.fleet.sessions.group, ev_w, groups)
    return Committed(fleet_state.fleet, storage_w, ev_w_by_group, thermal_w)


def _commanded_load(fleet_state: FleetState, quantities: Sequence[str], at: int) -> dict[str, float]:
    """By LFDI, the W that each was to draw beside its baseline at an instant, by the orders of a plan."""
    groups = [vder.id for vder in fleet_state.dispatch_groups]
    rows = sql.rows(
        "SELECT s.lfdi, s.planned_w, s.baseline_w FROM share s JOIN dispatch_order o ON s.order_id = o.id "
        "WHERE o.plan_id IS NOT NULL AND o.start <= ? AND o.start + o.duration_s > ? "
        f"AND o.quantity IN ({sql.marks(len(quantities))}) AND o.vder_id IN ({sql.marks(len(groups))}) "
        "ORDER BY o.id",
        at,
        at,
        *quantities,
        *groups,
    )
    return {lfdi: (baseline_w or 0.0) - (planned_w or 0.0) for lfdi, planned_w, baseline_w in rows}


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
        {"device": device, "at": end, "realised": realised_part, "intended": intended_part}
        for device, realised_part, intended_part in zip(
            fleet_state.thermal.device.tolist(), realised, intended, strict=True
        )
    ]
    for some in chunked(rows, _CHUNK):
        ThermalState.insert_many(some).on_conflict(
            conflict_target=[ThermalState.device],
            update={
                ThermalState.at: EXCLUDED.at,
                ThermalState.realised: EXCLUDED.realised,
                ThermalState.intended: EXCLUDED.intended,
            },
        ).execute()


def _thermal_states(fleet_state: FleetState, span: Span) -> tuple[Floats, Floats]:
    """[n] each: the part of its comfort band at which each thermal load will be, and is intended to be.

    Where its last command left it, and fading since.
    """
    recorded = {device: values for device, *values in sql.rows(
        "SELECT w.device_id, w.at, w.realised, w.intended FROM thermal_state w JOIN membership m ON "
        "m.device_id = w.device_id WHERE m.vder_id = ?",
        fleet_state.columns.area.id)}
    devices = fleet_state.thermal.device.tolist()
    at, realised, intended = np.array(
        [recorded.get(device, (span.start, 0.0, 0.0)) for device in devices], dtype=float
    ).reshape(-1, 3).T
    fading = fleet_state.fleet.thermals.keep ** (np.maximum(span.start - at, 0) / span.step)
    return realised * fading, intended * fading


@dataclass(frozen=True, kw_only=True)
class GrantedSessions:
    """The charging sessions [n] of a fleet and what each is granted in the step that begins at `start` (UTC,
    s).

    `granted_w` is NaN where nothing is granted, `grants` the FlowReservationResponse by which each charges
    then or will, `min_w` and `max_w` the least and most that it must and can draw.
    """
    state: FleetState
    start: int
    granted_w: Floats
    grants: list[Document | None]
    min_w: Floats
    max_w: Floats

    @classmethod
    def of(cls, fleet_state: FleetState, start: int) -> Self:
        """What the live responses to the sessions' requests grant at an instant."""
        sessions, hours = fleet_state.fleet.sessions, fleet_state.hours
        stay_hours = np.asarray(sessions.depart * hours, dtype=float)
        min_w, max_w = policies.session_bounds(sessions.need, stay_hours, sessions.power, hours)
        live = _live_grants(fleet_state.ev.requests)
        granted_w = np.full(len(fleet_state.ev), np.nan)
        grants: list[Document | None] = []
        for index, href in enumerate(fleet_state.ev.requests):
            current = [grant for grant in live.get(href, ()) if (grant.until or 0) > start]
            begun = [grant for grant in current if grant.submitted["interval"]["start"] <= start]
            if current:
                granted_w[index] = _power_w(begun[-1]) if begun else 0.0
            candidates = [grant for grant in current if grant in begun[-1:] or grant not in begun]
            grants.append(next((grant for grant in candidates if _power_w(grant) > 0), None))
        here = sessions.arrive <= 0
        return cls(
            state=fleet_state,
            start=start,
            granted_w=granted_w,
            grants=grants,
            min_w=np.where(here, min_w, 0.0),
            max_w=np.where(here, max_w, 0.0),
        )

    def grantable(self, load_w: Floats) -> Floats:
        """The W [n] to grant to sessions that should draw `load_w`.

        What a charger can do, and nothing new where what it was granted is as good.
        """
        load_w = setpoints.chargeable(load_w, self.min_w, self.max_w, settings.min_charge_w)
        same = setpoints.unchanged(load_w, self.granted_w, self.state.fleet.sessions.power, self.min_w, BAND)
        return np.where(same, np.minimum(np.nan_to_num(self.granted_w), self.max_w), load_w)


def _power_w(grant: Document) -> float:
    return base_value(grant.submitted["powerAvailable"]) or 0.0


def _live_grants(requests: Sequence[str]) -> dict[str, list[Document]]:
    """By request (href), the FlowReservationResponses to it that are not over, by their beginning."""
    href_of = {
        document.submitted["mRID"]: document.href
        for some in chunked(requests, _CHUNK)
        for document in Document.select(Document.href, Document.submitted).where(Document.href.in_(some))
    }
    grants: dict[str, list[Document]] = {}
    for some in chunked(requests, _CHUNK):
        for document in Document.select().where(
                Document.parent.in_([flowreservation.grants_href(href) for href in some])
                & (Document.visibility < Document.EXPIRED)):
            href = href_of.get(document.submitted["subject"])
            if href is not None and document.status["currentStatus"] in _LIVE:
                grants.setdefault(href, []).append(document)
    for of_request in grants.values():
        of_request.sort(key=lambda grant: grant.submitted["interval"]["start"])
    return grants


def lfdis_of(area: VirtualDER) -> dict[int, str]:
    """By number, the LFDI of each member."""
    return dict(sql.rows("SELECT d.id, d.lfdi FROM device d JOIN membership m ON m.device_id = d.id WHERE "
                         "m.vder_id = ?", area.id))
