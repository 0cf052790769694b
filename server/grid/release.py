"""A decided step is told: DERControls, EndDeviceControls and reservations, and the orders that keep who was asked for what.

Within the caller's transaction. Consumption is positive here, in W, save in what goes to devices and into orders (see
`translate`).
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from peewee import chunked

from server import clock
from server.config import settings
from server.grid import controls, dispatch, loadevents, policies, reservations, translate, virtualders
from server.grid.arrays import Floats, np
from server.grid.balance.steps import Fleet, Powers
from server.grid.demand import Span
from server.grid.state import State
from server.grid.units import number
from server.models import Balance, Device, Document, Order, VirtualDER
from server.protocol.functionsets import flowreservation
from server.resources import events, sql

DESCRIPTION = "balance"
RAMP = 10.0  # seconds in which a battery or an inverter comes to a new power
SPREAD = 120  # seconds over which cars that begin at once are strewn
RELEASE = 300  # seconds over which loads come back that are let go
BAND = 0.05
_CHUNK = 300
_LIVE = (events.SCHEDULED, events.ACTIVE)
Data = dict[str, Any]


# --- what was told before, and what has come of it by the time the step begins -------------------------------------------

def until(seen: State, span: Span) -> State:
    """The members as they will be when the span begins, having done what they were told until then."""
    fleet, hours = seen.fleet, (span.start - span.at) / 3600
    ids = [*seen.stores.tolist(), *seen.heats.tolist()]
    lfdis = {device.id: device.lfdi for some in chunked(ids, _CHUNK)
             for device in Device.select(Device.id, Device.lfdi).where(Device.id.in_(some))}
    now = _moved(seen.leaves, ("percent", "watts"), span.at)
    drawn = np.array([now.get(lfdis.get(device, ""), 0.0) for device in seen.stores.tolist()])
    since = np.maximum(span.start - seen.stores_at, 0) / 3600
    batteries = fleet.batteries
    gained = np.where(drawn > 0, drawn * batteries.efficiency, drawn / batteries.efficiency) * since
    energy = np.clip(batteries.energy + gained, np.minimum(batteries.least, batteries.energy),
                     np.maximum(batteries.most, batteries.energy))
    told = Cars.of(seen, span.at).told
    charged = np.nan_to_num(told) * max(hours, 0.0)
    last = _moved(seen.leaves, ("offset", "duty"), span.at - span.at % span.step - span.step)
    beside = np.array([last.get(lfdis.get(device, ""), 0.0) for device in seen.heats.tolist()])
    base = np.clip(fleet.base - beside, 0, fleet.thermals.power)
    return replace(seen, fleet=Fleet(
        batteries._replace(energy=energy),
        fleet.sessions._replace(need=np.maximum(fleet.sessions.need - charged, 0)),
        fleet.thermals._replace(state=_warmth(seen, span) * fleet.thermals.band), base))


def _moved(leaves: Sequence[VirtualDER], wishes: Sequence[str], at: int) -> dict[str, float]:
    """By LFDI, what each was to draw beside its baseline at an instant, as a plan's orders had it."""
    inside = [leaf.id for leaf in leaves]
    return {lfdi: (baseline or 0.0) - (planned or 0.0) for lfdi, planned, baseline in sql.rows(
        'SELECT s.lfdi, s.planned_w, s.baseline_w FROM share s JOIN "order" o ON s.order_id = o.id WHERE o.plan IS NOT NULL '
        f"AND o.start <= ? AND o.start + o.duration > ? AND o.wish IN ({sql.marks(len(wishes))}) "
        f"AND o.vder_id IN ({sql.marks(len(inside))}) ORDER BY o.id", at, at, *wishes, *inside)} if inside else {}


def _warmth(seen: State, span: Span) -> Floats:
    """The part of its comfort band at which each thermal load will be: where its last offset left it, and fading since."""
    found = np.zeros((len(seen.leaves), 2))
    place = {leaf.id: number for number, leaf in enumerate(seen.leaves)}
    for wish, variety in (("offset", translate.OFFSET), ("duty", translate.DUTY)):
        for row in Order.select().where(Order.vder.in_(seen.leaves) & (Order.wish == wish) & Order.plan.is_null(False)
                                        & (Order.start + Order.duration > span.start - 86400)).order_by(Order.start):
            idle = max(span.start - row.start - row.duration, 0) / span.step
            keep = float(np.mean(seen.fleet.thermals.keep)) if len(seen.fleet.thermals.keep) else 1.0
            found[place[row.vder_id], variety] = row.value / 100 * keep ** idle
    return found[seen.fleet.thermals.group, np.minimum(seen.fleet.thermals.kind, 1)]


# --- cars ----------------------------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Cars:
    """The sessions of a step, and what each has been told for it (`told`, W, NaN for nothing; `grants`, the response that
    says so)."""
    state: State
    start: int
    told: Floats
    grants: list[Document | None]
    floor: Floats
    most: Floats

    @staticmethod
    def of(seen: State, start: int) -> Cars:
        """What the sessions' live grants say of an instant."""
        sessions = seen.fleet.sessions
        hours = seen.hours
        floor, most = policies.session_bounds(sessions.need, np.asarray(sessions.depart * hours, dtype=float), sessions.power, hours)
        here = sessions.arrive <= 0
        live = _live(seen.requests)
        told = np.full(len(seen.requests), np.nan)
        granted: list[Document | None] = []
        for place, href in enumerate(seen.requests):
            current = [each for each in live.get(href, ()) if (each.until or 0) > start]
            covering = [each for each in current if each.stated["interval"]["start"] <= start]
            chosen = next(iter([*covering[-1:], *current[:1]]), None)
            granted.append(chosen)
            if chosen is not None:
                told[place] = (number(chosen.stated["powerAvailable"]) or 0.0) if covering else 0.0
        return Cars(seen, start, told, granted, np.where(here, floor, 0.0), np.where(here, most, 0.0))

    def sayable(self, powers: Floats) -> Floats:
        """What cars are told of what they should draw: what a charger can do, and nothing new where what it was told is as
        good."""
        powers = translate.chargeable(powers, self.floor, self.most, settings.least_charge)
        same = translate.unchanged(powers, self.told, self.state.fleet.sessions.power, self.floor, BAND)
        return np.where(same, np.minimum(np.nan_to_num(self.told), self.most), powers)


def _live(requests: Sequence[str]) -> dict[str, list[Document]]:
    """By request (its href), what is granted to it and not over, in the order of its beginning."""
    asked = {document.stated["mRID"]: document.href for some in chunked(requests, _CHUNK)
             for document in Document.select(Document.href, Document.stated).where(Document.href.in_(some))}
    found: dict[str, list[Document]] = {}
    for some in chunked(requests, _CHUNK):
        for document in Document.select().where(
                Document.parent.in_([flowreservation.grants_href(href) for href in some])
                & (Document.standing < Document.GONE)):
            href = asked.get(document.stated["subject"])
            if href is not None and document.status["currentStatus"] in _LIVE:
                found.setdefault(href, []).append(document)
    return {href: sorted(each, key=lambda one: one.stated["interval"]["start"]) for href, each in found.items()}


# --- telling -------------------------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Step:
    """What all that is told of a step has in common."""
    row: Balance
    start: int
    end: int
    reason: str

    @property
    def begin(self) -> int:
        """A step that is decided late begins now."""
        return max(self.start, clock.now())

    @property
    def duration(self) -> int:
        return self.end - self.begin


def tell(area: VirtualDER, row: Balance, seen: State, powers: Powers, cars: Cars, reason: str, curtailed: float) -> None:
    """Publish the step for everyone, and keep the orders and shares."""
    step = Step(row, cars.start, cars.start + row.step, reason)
    names = _names([*seen.stores.tolist(), *seen.heats.tolist(), *seen.cars.tolist(), *seen.suns.tolist()])
    for group, leaf in enumerate(seen.leaves):
        _stores(leaf, step, seen, powers, group, names)
        _heats(leaf, step, seen, powers, group, names)
        _cars(leaf, step, seen, powers, cars, group, names)
    _suns(step, seen, curtailed, names)


def _names(ids: list[int]) -> dict[int, str]:
    return {device.id: device.lfdi for some in chunked(ids, _CHUNK)
            for device in Device.select(Device.id, Device.lfdi).where(Device.id.in_(some))}


def _inside(groups: Any, group: int) -> Any:
    return np.flatnonzero(groups == group)


def _stores(leaf: VirtualDER, step: Step, seen: State, powers: Powers, group: int, names: dict[int, str]) -> None:
    inside = _inside(seen.fleet.batteries.group, group)
    if not len(inside):
        return
    drawn, lfdis = powers.batteries[inside], [names[int(device)] for device in seen.stores[inside]]
    if powers.percent is not None and _alike(leaf):
        level = float(powers.percent[group])
        base = translate.fixed(level)
        href = controls.publish(leaf.program, base, step.duration, step.begin, description=DESCRIPTION, ramp=RAMP)
        why = f"{step.reason}; {base['opModFixedW'] / 100:+.1f} % of rating, as all stores of {leaf.name}"
        _order(leaf, step, "percent", base["opModFixedW"] / 100, "broadcast",
               [(lfdi, href, -power, 0.0, why) for lfdi, power in zip(lfdis, drawn.tolist(), strict=True)])
        return
    fleet = seen.fleet.batteries.only(inside)
    devices = {device.id: device for device in Device.select().where(Device.id.in_(seen.stores[inside].tolist()))}
    single = virtualders.alone(list(devices.values()), leaf.primacy)
    shares = []
    for place, device in enumerate(seen.stores[inside].tolist()):
        rating = float((fleet.charge if drawn[place] >= 0 else fleet.discharge)[place])
        base = translate.fixed(float(drawn[place]) / max(rating, 1.0))
        href = controls.publish(single[device].program, base, step.duration, step.begin, description=DESCRIPTION, ramp=RAMP)
        why = (f"{step.reason}; so that all stores of {leaf.name} end up equally full, this one being at "
               f"{fleet.energy[place] / max(fleet.most[place], 1):.0%}")
        shares.append((lfdis[place], href, -float(drawn[place]), 0.0, why))
    _order(leaf, step, "watts", -float(drawn.sum()), "device", shares)


def _alike(leaf: VirtualDER) -> bool:
    """Whether nobody but stores would follow an opModFixedW that is told to all of the virtual DER. Stores that the plan
    leaves out hear it too, and may."""
    others = sql.rows(
        "SELECT u.device_id, u.modes, n.what FROM unit u JOIN nature n ON n.device_id = u.device_id JOIN membership m "
        "ON m.device_id = u.device_id WHERE m.vder_id = ?", leaf.id)
    return not any("opModFixedW" in modes.split() for device, modes, what in others if what != "store")


def _heats(leaf: VirtualDER, step: Step, seen: State, powers: Powers, group: int, names: dict[int, str]) -> None:
    loads = seen.fleet.thermals
    kinds = (powers.comfort if powers.comfort is not None else np.zeros((0, 0))).shape[-1]
    for kind in range(kinds):
        inside = np.flatnonzero((loads.group == group) & (np.minimum(loads.kind, kinds - 1) == kind))
        if not len(inside) or powers.comfort is None:
            continue
        fraction, drawn = float(powers.comfort[group, kind]), powers.thermals[inside]
        usual = float(seen.fleet.base[inside].sum())
        offset = kind == translate.OFFSET
        action = translate.offset(fraction, settings.comfort_kelvin) if offset else translate.duty(usual, float(drawn.sum()))
        if action is None:
            continue
        href = _load_event(leaf, step, action, seen.categories[kind])
        why = f"{step.reason}; {fraction:+.0%} of the comfort band, as all of {leaf.name}"
        _order(leaf, step, "offset" if offset else "duty", 100 * fraction, "broadcast", [
            (names[int(device)], href, -float(base + power), -float(base), why) for device, base, power in zip(
                seen.heats[inside], seen.fleet.base[inside], drawn, strict=True)])


def _load_event(leaf: VirtualDER, step: Step, action: Data, categories: int) -> str:
    said = controls.event(step.duration, step.begin, 0, 0, DESCRIPTION, 3)
    return loadevents.publish(leaf, {**said, **action, "deviceCategory": f"{categories:08X}",
                                     "drProgramMandatory": False}).href


def _cars(leaf: VirtualDER, step: Step, seen: State, powers: Powers, cars: Cars, group: int, names: dict[int, str]) -> None:
    sessions = seen.fleet.sessions
    shares = []
    eager = np.minimum(sessions.power, sessions.need / seen.hours)
    for place in _inside(sessions.group, group).tolist():
        if sessions.arrive[place] > 0:
            continue
        power, told, document = float(powers.sessions[place]), float(cars.told[place]), cars.grants[place]
        depart = step.start + int(sessions.depart[place] * seen.hours * 3600)
        lax = sessions.depart[place] * seen.hours - sessions.need[place] / max(sessions.power[place], 1)
        why = (f"{step.reason}; needs {sessions.need[place] / 1000:.1f} kWh within {sessions.depart[place] * seen.hours:.2f} h, "
               f"{lax:.1f} h to spare")
        if document is None or abs(power - np.nan_to_num(told)) > 1 or power == 0 and not _waits(document, cars, place, depart):
            if sessions.need[place] < 1:
                continue
            given = translate.grant(translate.Session(depart, float(sessions.need[place]), float(sessions.power[place])),
                                    power, step.begin + place % SPREAD)
            document = reservations.revise(seen.requests[place], given, DESCRIPTION)
        shares.append((names[int(seen.cars[place])], document.href, -power, -float(eager[place]), why))
    if shares:
        _order(leaf, step, "reservation", sum(share[2] for share in shares), "device", shares)


def _waits(document: Document, cars: Cars, place: int, depart: int) -> bool:
    """Whether a grant leaves a car alone for this step, and lets it begin in time."""
    begin = document.stated["interval"]["start"]
    sessions = cars.state.fleet.sessions
    latest = depart - sessions.need[place] * 3600 / max(sessions.power[place], 1)
    return cars.start < begin <= latest + 60


def _suns(step: Step, seen: State, curtailed: float, names: dict[int, str]) -> None:
    """A limit on generation, for all groups the same part of their rating, where some of it is too much."""
    if curtailed <= 0 or not len(seen.suns):
        return
    now = float(seen.sun_now.sum())
    part = max(now - curtailed, 0.0) / max(float(seen.sun_w.sum()), 1.0)
    if curtailed < 0.01 * seen.sun_w.sum():
        return
    for group, leaf in enumerate(seen.leaves):
        inside = _inside(seen.sun_group, group)
        if not len(inside):
            continue
        href = controls.publish(leaf.program, translate.at_most(part), step.duration, step.begin, description=DESCRIPTION,
                                ramp=RAMP)
        why = f"{step.reason}; no more than {part:.0%} of rating, as all of {leaf.name}"
        _order(leaf, step, "limit", 100 * part, "broadcast", [
            (names[int(device)], href, float(min(here, part * rating)), float(here), why)
            for device, rating, here in zip(seen.suns[inside], seen.sun_w[inside], seen.sun_now[inside], strict=True)])


def _order(leaf: VirtualDER, step: Step, wish: str, value: float, addressing: str,
           shares: list[tuple[str, str, float, float, str]]) -> None:
    """Keep an order: each share is (LFDI, href of the event, planned W and baseline W of injection, why)."""
    planned = sum(share[2] for share in shares)
    row = Order.create(vder=leaf, wish=wish, value=value, addressing=addressing, start=step.begin, duration=step.duration,
                       target_w=planned, planned_w=planned, reason=step.reason, requested_by="automatic" if step.row.automatic else "plan",
                       plan=step.row.plan or 0, created=clock.now())
    mrids = {document.href: document.stated["mRID"] for some in chunked({share[1] for share in shares}, _CHUNK)
             for document in Document.select(Document.href, Document.stated).where(Document.href.in_(some))}
    dispatch.keep_shares((row.id, lfdi, href, mrids[href], planned, baseline, why)
                         for lfdi, href, planned, baseline, why in shares)
