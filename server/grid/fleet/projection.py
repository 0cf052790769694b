"""What was told before, and what has come of it by the time that the next step begins. Consumption is
positive, in W."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from peewee import EXCLUDED, chunked

from server.config import settings
from server.functionsets import flowreservation
from server.grid.fleet import setpoints
from server.grid.fleet.fleetstate import FleetState
from server.grid.optimisation import policies
from server.grid.optimisation.arrays import Floats, np
from server.grid.optimisation.clusters import sums
from server.grid.optimisation.disaggregation import Committed, Fleet, MemberPowers
from server.grid.series.intervals import Span
from server.models import Document, ThermalState, VirtualDER
from server.resources import events, sql
from server.resources.quantities import base_value

BAND = 0.05  # of its rating: a car is told nothing new for less
_CHUNK = 300
_LIVE = (events.SCHEDULED, events.ACTIVE)


def project(seen: FleetState, span: Span) -> FleetState:
    """The members as they will be when the span begins, having done what they were told until then."""
    fleet = seen.fleet
    lfdis = lfdis_of(seen.roster.area)
    now = _commanded(seen.leaves, ("percent", "watts"), span.at)
    drawn = (
        np.array([now.get(lfdis.get(device, ""), 0.0) for device in seen.stores.tolist()])
        * seen.response["storage"]
    )
    since = np.maximum(span.start - seen.stores_at, 0) / 3600
    batteries = fleet.batteries
    gained = np.where(drawn > 0, drawn * batteries.efficiency, drawn / batteries.efficiency) * since
    energy = np.clip(batteries.energy + gained, np.minimum(batteries.least, batteries.energy),
                     np.maximum(batteries.most, batteries.energy))
    told = Cars.of(seen, span.at).told
    charged = np.nan_to_num(told) * np.maximum(span.start - seen.cars_at, 0) / 3600
    last = _commanded(seen.leaves, ("offset", "duty"), span.at - span.at % span.step - span.step)
    beside = np.array([last.get(lfdis.get(device, ""), 0.0) for device in seen.heats.tolist()])
    base = np.clip(fleet.base - beside, 0, fleet.thermals.power)
    part, meant = _thermal_states(seen, span)
    return replace(seen, stored=part * fleet.thermals.band, fleet=Fleet(
        batteries._replace(energy=energy),
        fleet.sessions._replace(need=np.maximum(fleet.sessions.need - charged, 0)),
        fleet.thermals._replace(state=meant * fleet.thermals.band), base))


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


def busy(seen: FleetState, ordered: Mapping[int, ManualDispatch]) -> Committed:
    """What those whom people have ordered something do in the first step, as a plan wants to know it: stores
    and loads beside what they would do, cars in all."""
    stores, heats = (
        sum(ordered.get(device, NOTHING).beside for device in devices.tolist())
        for devices in (seen.stores, seen.heats)
    )
    cars = np.array([ordered.get(device, NOTHING).drawn for device in seen.cars.tolist()])
    return Committed(seen.fleet, stores, sums(seen.fleet.sessions.group, cars, len(seen.leaves)), heats)


def _commanded(leaves: Sequence[VirtualDER], wishes: Sequence[str], at: int) -> dict[str, float]:
    """By LFDI, what each was to draw beside its baseline at an instant, as a plan's orders had it."""
    inside = [leaf.id for leaf in leaves]
    return {lfdi: (baseline or 0.0) - (planned or 0.0) for lfdi, planned, baseline in sql.rows(
        'SELECT s.lfdi, s.planned_w, s.baseline_w FROM share s JOIN dispatch_order o ON s.order_id = o.id '
        'WHERE o.plan_id IS NOT NULL '
        f"AND o.start <= ? AND o.start + o.duration_s > ? AND o.quantity IN ({sql.marks(len(wishes))}) "
        f"AND o.vder_id IN ({sql.marks(len(inside))}) ORDER BY "
        "o.id", at, at, *wishes, *inside)} if inside else {}


def record_thermal_states(seen: FleetState, powers: MemberPowers, end: int) -> None:
    """Keep how far each thermal load is ahead at the end of a step."""
    loads = seen.fleet.thermals
    assert powers.meant is not None
    part, meant = (np.clip(energy / np.maximum(loads.band, 1e-9), -1, 1).tolist() for energy in (
        loads.keep * seen.stored + powers.thermals * seen.hours, powers.meant))
    rows = [{"device": device, "at": end, "realised": here, "intended": there}
            for device, here, there in zip(seen.heats.tolist(), part, meant, strict=True)]
    for some in chunked(rows, _CHUNK):
        ThermalState.insert_many(some).on_conflict(
            conflict_target=[ThermalState.device],
            update={
                ThermalState.at: EXCLUDED.at,
                ThermalState.realised: EXCLUDED.realised,
                ThermalState.intended: EXCLUDED.intended,
            },
        ).execute()


def _thermal_states(seen: FleetState, span: Span) -> tuple[Floats, Floats]:
    """The part of its comfort band at which each thermal load will be, and is meant to be: where what it was
    told last left it, and fading since."""
    kept = {device: rest for device, *rest in sql.rows(
        "SELECT w.device_id, w.at, w.realised, w.intended FROM thermal_state w JOIN membership m ON "
        "m.device_id = w.device_id WHERE m.vder_id = ?",
        seen.roster.area.id)}
    at, part, meant = np.array([kept.get(device, (span.start, 0.0, 0.0)) for device in seen.heats.tolist()],
                               dtype=float).reshape(-1, 3).T
    fading = seen.fleet.thermals.keep ** (np.maximum(span.start - at, 0) / span.step)
    return part * fading, meant * fading


@dataclass(frozen=True)
class Cars:
    """The sessions of a step, and what each has been told for it (`told`, W, NaN for nothing); `grants` is
    the response by which it charges then, or will."""
    state: FleetState
    start: int
    told: Floats
    grants: list[Document | None]
    floor: Floats
    most: Floats

    @staticmethod
    def of(seen: FleetState, start: int) -> Cars:
        """What the sessions' live grants say of an instant."""
        sessions = seen.fleet.sessions
        hours = seen.hours
        floor, most = policies.session_bounds(
            sessions.need, np.asarray(sessions.depart * hours, dtype=float), sessions.power, hours
        )
        here = sessions.arrive <= 0
        live = _live(seen.requests)
        told = np.full(len(seen.requests), np.nan)
        granted: list[Document | None] = []
        for place, href in enumerate(seen.requests):
            current = [each for each in live.get(href, ()) if (each.until or 0) > start]
            covering = [each for each in current if each.submitted["interval"]["start"] <= start]
            if current:
                told[place] = _power(covering[-1]) if covering else 0.0
            granted.append(
                next(
                    (
                        each
                        for each in current
                        if _power(each) > 0 and (each in covering[-1:] or each not in covering)
                    ),
                    None,
                )
            )
        return Cars(seen, start, told, granted, np.where(here, floor, 0.0), np.where(here, most, 0.0))

    def sayable(self, powers: Floats) -> Floats:
        """What cars are told of what they should draw: what a charger can do, and nothing new where what it
        was told is as good."""
        powers = setpoints.chargeable(powers, self.floor, self.most, settings.min_charge_w)
        same = setpoints.unchanged(powers, self.told, self.state.fleet.sessions.power, self.floor, BAND)
        return np.where(same, np.minimum(np.nan_to_num(self.told), self.most), powers)


def _power(granted: Document) -> float:
    return base_value(granted.submitted["powerAvailable"]) or 0.0


def _live(requests: Sequence[str]) -> dict[str, list[Document]]:
    """By request (its href), what is granted to it and not over, in the order of its beginning."""
    asked = {
        document.submitted["mRID"]: document.href
        for some in chunked(requests, _CHUNK)
        for document in Document.select(Document.href, Document.submitted).where(Document.href.in_(some))
    }
    found: dict[str, list[Document]] = {}
    for some in chunked(requests, _CHUNK):
        for document in Document.select().where(
                Document.parent.in_([flowreservation.grants_href(href) for href in some])
                & (Document.visibility < Document.EXPIRED)):
            href = asked.get(document.submitted["subject"])
            if href is not None and document.status["currentStatus"] in _LIVE:
                found.setdefault(href, []).append(document)
    return {
        href: sorted(each, key=lambda one: one.submitted["interval"]["start"]) for href, each in found.items()
    }


def lfdis_of(area: VirtualDER) -> dict[int, str]:
    """By number, the LFDI of each member."""
    return dict(sql.rows("SELECT d.id, d.lfdi FROM device d JOIN membership m ON m.device_id = d.id WHERE "
                         "m.vder_id = ?", area.id))
