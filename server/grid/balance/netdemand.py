"""What an area needs from what can be moved in it: its signals and forecasts, as a plan wants them.

Consumption is positive here, in W. An area is led by a schedule (what it is to draw from outside), else by an
imbalance (by how much it will draw too much if nobody moves anything), else by a price alone. What was
measured puts the outlook right: how far the last intervals were off, ever less the further ahead.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from peewee import chunked

from server.errors import Refused
from server.grid.fleet.fleetstate import FleetState
from server.grid.groups.tree import Tree
from server.grid.optimisation import clusters
from server.grid.optimisation.arrays import Floats, np
from server.grid.optimisation.balanceprogram import CostWeights, GroupLimit
from server.grid.optimisation.clusters import Sessions
from server.grid.optimisation.disaggregation import Fleet
from server.grid.optimisation.rollinghorizon import HorizonForecast
from server.grid.optimisation.waterfill import MemberLines, fill
from server.grid.series import arrivals, forecastvalues, issuedseries, measurements, stalesignals
from server.grid.series.intervals import Span
from server.models import VirtualDER
from server.resources import sql

_CHUNK = 400
GOVERNING = ("schedule", "imbalance", "price")
# How far what is measured puts right what is expected: by the mean error of so many steps, by half every so
# many; what stores failed to do by half every step.
CORRECTION_STEPS, CORRECTION_HALF_LIFE_STEPS, STORAGE_HALF_LIFE_STEPS = 4, 16.0, 1.0
PRICE_SPAN = 0.5  # what the dearest hour costs beyond the mean one, in the unit of Prices


@dataclass(frozen=True)
class NetDemand:
    """`outlook` is what a plan is made for; `raw` [T] the net of it before measurements put it right,
    `before` [T] the imbalance if nobody moves anything; `usual` [session] is what each car would draw in the
    first step if it had charged since it came; `lead` the kind of signal, `warnings` what is wrong with
    signals."""
    lead: str
    outlook: HorizonForecast
    raw: Floats
    before: Floats
    prices: CostWeights
    usual: Floats
    warnings: list[str] = field(default_factory=list)


def net_demand(area: VirtualDER, state: FleetState, span: Span) -> NetDemand:
    """The demand of an area. Refused (409) where nothing was said of what it needs."""
    known = {
        lead: issuedseries.known(area, lead, span.start, span.steps, span.step, span.at) for lead in GOVERNING
    }
    lead = next((lead for lead in GOVERNING if np.isfinite(known[lead]).any()), None)
    if lead is None:
        raise Refused(
            409,
            f"{area.name} has no signal from now on: signal put {area.name} --kind imbalance, schedule or "
            "price",
        )
    warnings = stalesignals.stale_signals(area, span.at, span.steps * span.step, span.start)
    coming = arrivals.expected(state.dispatch_groups, span.start, span.steps, span.at, span.hours)
    usual = uncontrolled_by_request(state.ev.requests, span)
    eager = usual.sum(axis=0) + uncontrolled_arrivals_w(coming, span)
    heat = _thermal_base(area, state, span)
    pv = forecastvalues.forecast(area, "pv", span.start, span.steps, span.at, span.step)
    sun = np.maximum(pv.values, 0)
    said = np.nan_to_num(known[lead])
    if lead == "schedule":
        load = -forecastvalues.forecast(area, "load", span.start, span.steps, span.at, span.step).values
        before = load - sun + heat.sum(axis=0) - said + eager
    elif lead == "imbalance":
        before = said
    else:
        before = eager
    raw = before - eager
    tolerance = (
        issuedseries.tolerance(area, lead, span.start, span.steps, span.step, span.at)
        if lead != "price"
        else 0.0
    )
    off = correction(area, span) if lead != "price" else np.zeros(span.steps)
    net = _outside_tolerance(before + off, tolerance) - (before - raw)
    ahead = HorizonForecast(
        net,
        heat,
        sun,
        plannable_arrivals(coming, span),
        _group_limits(area, state, span, heat, sun),
        _price(known["price"]),
    )
    return NetDemand(lead, ahead, raw, before + off, CostWeights(track=0.0 if lead == "price" else 1.0),
                  usual[:, 0], warnings)


def _outside_tolerance(imbalance: Floats, tolerance: Floats | float) -> Floats:
    """What of an imbalance is beyond what is tolerated."""
    return np.asarray(np.sign(imbalance) * np.maximum(np.abs(imbalance) - tolerance, 0), dtype=float)


def _price(said: Floats) -> Floats | float:
    """Prices about their mean, the greatest deviation being PRICE; gaps are mean."""
    if not np.isfinite(said).any():
        return 0.0
    about = np.nan_to_num(said - np.nanmean(said))
    return about / max(float(np.abs(about).max()), 1e-9) * PRICE_SPAN


def uncontrolled_by_request(requests: Sequence[str], span: Span) -> Floats:
    """[requests, T]: what the car of each request (its href) would draw if it charged at full power from when
    it came until it has what it asked for then."""
    asked = {
        href: rest
        for some in chunked(requests, _CHUNK)
        for href, *rest in sql.rows(
            "SELECT href, arrival_at, departure_at, energy_wh, power_w FROM charging_session WHERE href IN "
            f"({sql.marks(len(some))})",
            *some,
        )
    }
    arrive, depart, energy, power = (
        np.array([asked.get(href, (0, 0, 0.0, 0.0)) for href in requests], dtype=float).reshape(-1, 4).T
    )
    done = np.minimum(arrive + np.maximum(energy, 0) * 3600 / np.maximum(power, 1.0), depart)
    begin = span.start + np.arange(span.steps) * span.step
    overlap = np.minimum(done[:, None], begin + span.step) - np.maximum(arrive[:, None], begin)
    return np.asarray(power[:, None] * np.maximum(overlap, 0) / span.step, dtype=float)


def uncontrolled_arrivals_w(cars: Sessions, span: Span) -> Floats:
    """[T]: what cars to come would draw if each charged at full power from when it comes until it has what it
    needs."""
    cars = cars.only((cars.depart > 0) & (cars.need > 0))
    if not len(cars.need):
        return np.zeros(span.steps)
    soonest = clusters.sessions(cars, span.steps, span.hours)[0].most.sum(axis=0)
    return np.diff(soonest, prepend=0.0) / span.hours


def plannable_arrivals(cars: Sessions, span: Span) -> Sessions:
    """Cars to come, as they can be planned for: each waits through the step in which it comes, since by the
    time that it asks for energy that step has been decided."""
    cars = cars._replace(arrive=cars.arrive + 1)
    return cars.only(cars.arrive < np.minimum(cars.depart, span.steps))


def _thermal_base(area: VirtualDER, state: FleetState, span: Span) -> Floats:
    """[cluster, T]: what thermal loads draw if left alone, by (group, kind), the clusters' order: each leaf's
    forecast among its kinds by rating."""
    loads = state.fleet.thermals
    kinds = int(loads.kind.max(initial=0)) + 1
    place, label = np.unique(loads.group * kinds + loads.kind, return_inverse=True)
    rating = clusters.sums(label.reshape(-1), loads.power, len(place))
    total = clusters.sums(loads.group, loads.power, len(state.dispatch_groups))
    found = np.zeros((len(place), span.steps))
    for number, at in enumerate(place):
        group = at // kinds
        leaf = forecastvalues.forecast(
            state.dispatch_groups[group], "thermal", span.start, span.steps, span.at, span.step
        ).values
        found[number] = np.maximum(-leaf, 0) * rating[number] / max(total[group], 1e-9)
    return np.minimum(found, rating[:, None])


def with_expected_base(fleet: Fleet, ahead: HorizonForecast) -> Fleet:
    """The fleet with thermal loads that draw together, if left alone, what is expected of their cluster in
    the first step: each as much of it as it drew of late, as far as its rating goes."""
    loads = fleet.thermals
    kinds = int(loads.kind.max(initial=0)) + 1
    _, label = np.unique(loads.group * kinds + loads.kind, return_inverse=True)
    base = fleet.base.copy()
    for number, total in enumerate(ahead.base[:, 0].tolist()):
        inside = label.reshape(-1) == number
        power = loads.power[inside]
        base[inside] = fill(
            total, MemberLines(np.zeros_like(power), base[inside] + 1e-3 * power, np.zeros_like(power), power)
        ).powers
    return fleet._replace(base=base)


def correction(area: VirtualDER, span: Span) -> Floats:
    """[T]: by how much more will be drawn than was expected, from what was measured of the last intervals
    beside what had been expected of them (before it was put right).

    An error in what nobody had asked for goes on for hours. What stores failed to do depends on what they
    were asked for, so it says nothing of a later step that asks the opposite: it is made up for now, and is
    soon over. What cars and thermal loads did otherwise says nothing of any other step: whoever has taken
    more has it, and wants the less. Not all have meters, so none of that is taken to be more than what was
    measured of the whole."""
    begin = span.at - span.at % span.step - 2 * CORRECTION_STEPS * span.step
    steps = 2 * CORRECTION_STEPS

    def known(what: str) -> Floats:
        return measurements.read(area, what, begin, steps, span.step)
    warmth = known("planned_thermal")
    stores, cars, heats = np.nan_to_num(
        [
            known("planned_storage") - known("storage"),
            known("planned_ev") - known("ev"),
            np.clip(warmth + known("base_thermal") - known("thermal"), -np.abs(warmth), np.abs(warmth)),
        ]
    )
    wrong = known("after") - known("expected")
    failed = _common_part(wrong, stores)
    off = wrong - failed - _common_part(wrong - failed, cars + heats)
    seen = np.flatnonzero(np.isfinite(off))[-CORRECTION_STEPS:]
    if not len(seen):
        return np.zeros(span.steps)
    since = (span.start - (begin + int(seen[-1]) * span.step)) / span.step
    ahead = np.arange(span.steps, dtype=float)
    return np.asarray(
        off[seen].mean() * 0.5 ** ((ahead + since) / CORRECTION_HALF_LIFE_STEPS)
        + failed[seen[-1]] * 0.5 ** (ahead / STORAGE_HALF_LIFE_STEPS)
    )


def _common_part(whole: Floats, some: Floats) -> Floats:
    """As much of the one as the other is, in its direction."""
    return np.clip(some, np.minimum(whole, 0.0), np.maximum(whole, 0.0))


def _group_limits(
    area: VirtualDER, state: FleetState, span: Span, heat: Floats, sun: Floats
) -> list[GroupLimit]:
    """What the area and the virtual DERs below it may draw and inject at most: as they are set, or as a
    signal says."""
    limited = {
        (vder, what)
        for vder, what in sql.rows(
            "SELECT DISTINCT vder_id, quantity FROM series WHERE quantity IN ('import_limit', "
            "'export_limit') AND until > ?",
            span.start,
        )
    }
    found = []
    tree = Tree.read(include=[area])
    index = {vder.id: number for number, vder in enumerate(state.dispatch_groups)}
    for vder, _ in tree.walk(area.id):
        groups = sorted(index[number] for number in tree.subtree(vder.id) if number in index)
        most, least = (_limit(vder, kind, fixed, span, (vder.id, kind) in limited) for kind, fixed in (
            ("import_limit", vder.import_limit_w), ("export_limit", vder.export_limit_w)))
        if groups and (np.isfinite(most).any() or np.isfinite(least).any()):
            load, shine, warmth = (
                forecastvalues.forecast(vder, what, span.start, span.steps, span.at, span.step).values
                for what in ("load", "pv", "thermal")
            )
            found.append(GroupLimit(groups, most, -least, -load - shine - warmth))
    return found


def _limit(vder: VirtualDER, kind: str, fixed: float | None, span: Span, signalled: bool) -> Floats:
    always = np.full(span.steps, np.inf if fixed is None else fixed)
    if not signalled:
        return always
    said = issuedseries.known(vder, kind, span.start, span.steps, span.step, span.at)
    return np.where(np.isnan(said), always, np.minimum(said, always))
