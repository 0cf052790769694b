"""Vehicles that offer energy back: when they discharge, so that each leaves with what it asked for.

What a vehicle offers (a FlowReservationRequest of negative energy) is its floor of charge: it is never
granted more. Where it asks for energy, too, it gives no more than can be charged again before it leaves, and
not while it charges. Offers are spent on what a plan leaves of a tracked signal, its highest steps first;
where an area follows a price alone, in its dearest steps, as far as that earns more than charging again and
wear cost. This is decided anew in each step. What an operator took of an offer stands until it is over.
Consumption is positive, in W; energy in Wh; prices are money per kWh.
"""
from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from server.config import settings
from server.grid.balance.planning import AreaForecast
from server.grid.controls import reservationdocuments
from server.grid.controls.reservations import Revision
from server.grid.dispatch import orderwork
from server.grid.dispatch.allocation import DEVICE
from server.grid.dispatch.loadcontrol import DESCRIPTION, IssuedCommand, StepPeriod
from server.grid.dispatch.shares import ShareRow
from server.grid.fleet import eligibility, setpoints
from server.grid.fleet.fleetstate import FleetState
from server.grid.fleet.inferredcapacity import EFFICIENCY
from server.grid.fleet.reservationoffer import ReservationOffer
from server.grid.optimisation import peakshaving, pricespread
from server.grid.optimisation.arrays import Bools, Floats, Whole, np
from server.grid.optimisation.balanceproblem import GroupLimit
from server.grid.optimisation.clusters import sums
from server.grid.optimisation.disaggregation import MemberPowers
from server.grid.optimisation.prices import Tariff
from server.grid.optimisation.rollinghorizon import Planner
from server.grid.series import devicelimits
from server.grid.series.intervals import Span
from server.models import Document
from server.resources import quantities, sql
from server.resources.codes import EventStatus
from server.units import Href, Instant, WattHours

_CANCELLED = (EventStatus.CANCELLED, EventStatus.CANCELLED_RANDOMIZED)
_OFFERS = (
    "SELECT x.href, x.device_id, x.arrival_at, x.departure_at, -x.energy_wh, x.power_w "
    "FROM charging_session x JOIN membership m ON m.device_id = x.device_id "
    "JOIN document d ON d.href = x.href "
    "WHERE m.vder_id = ? AND x.energy_wh < 0 AND x.cancelled = ? AND x.arrival_at < ? "
    "AND x.departure_at > ? "
    "ORDER BY x.device_id, x.href"
)


class VehicleOffers(NamedTuple):
    """Offers [n] over the steps of a span: the request of each, its device (number), the index of its
    dispatch group, what it can give in each step (`power` [n, T], `within` its window) and in all."""
    requests: list[Href]
    device: Whole
    group: Whole
    power: Floats
    within: Bools
    energy: Floats


class OfferedStep(NamedTuple):
    """What each of these offers gives in a step, in W (a magnitude)."""
    offers: VehicleOffers
    given: Floats


def decide(forecast: AreaForecast, planner: Planner, powers: MemberPowers) -> OfferedStep:
    """Return what vehicles give in the step that was decided, beside the powers of all other members."""
    state, span = forecast.state, forecast.span
    offers = read(state, span)
    left_w = _left_over(planner, powers, span.steps)
    horizon = forecast.demand.horizon
    if not offers.requests or left_w is None:
        return OfferedStep(offers, np.zeros(len(offers.requests)))
    charging = state.ev.device[powers.sessions > 0]
    power_w = offers.power.copy()
    power_w[np.isin(offers.device, charging), 0] = 0.0
    if horizon.tracked:
        given_w = peakshaving.shave(left_w, power_w, offers.energy, offers.within, span.hours)[:, 0]
    elif horizon.tariff is not None:
        gain = _gain(horizon.tariff, left_w, planner.settings.prices.wear)
        given_w = pricespread.sell(gain, power_w * offers.within, offers.energy, span.hours)[:, 0]
    else:
        given_w = np.zeros(len(offers.requests))
    given_w = np.where(given_w >= np.minimum(settings.min_charge_w, offers.power[:, 0]), given_w, 0.0)
    drawn_w = _drawn(state, powers) + forecast.committed.by_group
    given_w = _within_limits(given_w, offers.group, horizon.limits, drawn_w)
    return OfferedStep(offers, np.array([setpoints.whole_watts(value) for value in given_w.tolist()]))


def commands(
    offered: OfferedStep, period: StepPeriod, group: int, lfdis: dict[int, str]
) -> Iterator[IssuedCommand]:
    """The reservations by which the vehicles of a dispatch group (its index) discharge in a step."""
    offers, shares = offered.offers, []
    for index in np.flatnonzero((offers.group == group) & (offered.given > 0)).tolist():
        given_w = float(offered.given[index])
        offer = ReservationOffer(period.begins_at, period.duration_s, -given_w,
                                 -given_w * period.duration_s / 3600)
        revision = Revision(offers.requests[index], [offer], period.begins_at)
        shares.append(ShareRow(
            lfdi=lfdis[int(offers.device[index])], event_href="", planned_w=given_w, baseline_w=0.0,
            reason=f"{period.reason}; {offers.energy[index] / 1000:.1f} kWh can be spared",
            pending=orderwork.reservation(revision)))
    if shares:
        yield IssuedCommand("reservation", sum(share.planned_w for share in shares), DEVICE, shares)


# --- what is offered ------------------------------------------------------------------------------

def read(state: FleetState, span: Span) -> VehicleOffers:
    """Return the offers of members that can be dispatched."""
    end = span.start + span.steps * span.step
    columns = state.columns
    rows = [row for row in sql.rows(_OFFERS, columns.area.id, False, end, span.start)
            if state.excluded.get(row[1], eligibility.OFFERS) == eligibility.OFFERS]
    device = np.array([row[1] for row in rows], dtype=np.intp)
    power_w = np.repeat(np.array([row[5] for row in rows], dtype=float)[:, None], span.steps, axis=1)
    limits = devicelimits.of_devices(device.tolist(), span) if rows else {}
    within, energy_wh = np.zeros(power_w.shape, dtype=bool), np.zeros(len(rows))
    begin = span.start + np.arange(span.steps) * span.step
    granted = reservationdocuments.responses_to_all(
        reservationdocuments.find_requests([row[0] for row in rows]))
    for number, (href, owner, arrival_at, departure_at, offered_wh, _) in enumerate(rows):
        responses = [response for response in granted[href]
                     if response.status["currentStatus"] not in _CANCELLED]
        if any(_is_by_hand(response, span.start) for response in responses):
            continue
        left_wh = max(offered_wh - sum(_energy_until(response, span.start) for response in responses), 0.0)
        until, energy_wh[number] = _recharged_by(state, owner, span, left_wh)
        within[number] = (begin >= arrival_at) & (begin + span.step <= min(departure_at, until))
        if owner in limits:
            power_w[number] = np.minimum(power_w[number], limits[owner].export_w)
    group = columns.group[columns.indices(device.tolist())] if rows else np.zeros(0, dtype=np.intp)
    return VehicleOffers([row[0] for row in rows], device, group, power_w, within, energy_wh)


def _is_by_hand(response: Document, at: Instant) -> bool:
    """Return whether an operator has taken power that flows at an instant or later."""
    interval = response.submitted["interval"]
    end = min(interval["start"] + interval["duration"], response.until or math.inf)
    power_w = quantities.base_value(response.submitted["powerAvailable"]) or 0.0
    return power_w < 0 and end > at and response.submitted.get("description") != DESCRIPTION


def _energy_until(response: Document, at: Instant) -> WattHours:
    """What flows until an instant, which counts as given."""
    interval = response.submitted["interval"]
    end = min(interval["start"] + interval["duration"], at, response.until or at)
    power_w = quantities.base_value(response.submitted["powerAvailable"]) or 0.0
    return max(-power_w, 0.0) * float(max(end - interval["start"], 0)) / 3600


def _recharged_by(
    state: FleetState, device: int, span: Span, left_wh: WattHours
) -> tuple[float, WattHours]:
    """Until when so much can be given at the latest, and how much at the most, so that the vehicle leaves
    with what it asked for."""
    cars = state.fleet.sessions
    own = np.flatnonzero(state.ev.device == device)
    if not len(own):
        return np.inf, left_wh
    index = int(own[0])
    power_w, need_wh = max(float(cars.power[index]), 1.0), float(cars.need[index])
    departure_at = span.at + int(cars.depart[index]) * span.step
    loss = EFFICIENCY * EFFICIENCY
    possible_wh = power_w * (departure_at - span.start - span.step) / 3600
    most_wh = min(max(loss * (possible_wh - need_wh), 0.0), left_wh)
    return departure_at - (need_wh + most_wh / loss) / power_w * 3600, most_wh


# --- what it is spent on --------------------------------------------------------------------------

def _left_over(planner: Planner, powers: MemberPowers, steps: int) -> Floats | None:
    """[T]: what the plan leaves of the signal, in its first step as it was decided; None without a plan."""
    plan = planner.plan
    if plan is None or planner.age >= len(plan.imbalance):
        return None
    left_w = np.zeros(steps)
    planned_w = plan.imbalance[planner.age:planner.age + steps]
    left_w[:len(planned_w)] = planned_w
    left_w[0] -= powers.unmet_w
    return left_w


def _gain(tariff: Tariff, exchange_w: Floats, wear: float) -> Floats:
    """[T]: what a kWh earns that is given in a step, above what it costs to charge it again at the lowest
    price that follows, and wear. `exchange_w` is what the area draws in each step."""
    later = np.minimum.accumulate(tariff.buy[::-1])[::-1]
    again = np.append(later[1:], tariff.buy.mean())
    worth = np.where(exchange_w > 0, tariff.buy, tariff.sell)
    return np.asarray(worth - again / (EFFICIENCY * EFFICIENCY) - 2 * wear, dtype=float)


def _drawn(state: FleetState, powers: MemberPowers) -> Floats:
    """[g]: what the members of each group draw in the step."""
    fleet, groups = state.fleet, max(len(state.dispatch_groups), 1)
    return (sums(fleet.batteries.group, powers.batteries, groups)
            + sums(fleet.sessions.group, powers.sessions, groups)
            + sums(fleet.thermals.group, powers.thermals, groups))


def _within_limits(
    given_w: Floats, group: Whole, limits: Sequence[GroupLimit], drawn_w: Floats
) -> Floats:
    """What limits on export leave of what offers give, in equal parts."""
    for limit in limits:
        below = np.isin(group, list(limit.groups))
        least_w = float(np.ravel(limit.least)[0])
        room_w = max(float(limit.net[0]) + float(drawn_w[list(limit.groups)].sum()) - least_w, 0.0)
        total_w = float(given_w[below].sum())
        if total_w > room_w:
            given_w = np.where(below, given_w * room_w / total_w, given_w)
    return given_w
