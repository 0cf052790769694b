"""What each dispatch group can do over a horizon, step by step: the mean, and how certain it is.

Every command is a change of what members would do without one (their baseline), so members that do not
respond stay at it. A member responds at its tracked rate, and fails together with others that share a cause
(see `responses`): a group's mean is the sum of rates times powers. The error of forecasts is added where it
is known. Powers in W; up is more injection than the baseline, down is less.
"""
from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

from server.grid.fleet import eligibility, fleetstate, thermalbase
from server.grid.fleet.devicetypes import KINDS
from server.grid.fleet.fleetstate import FleetState
from server.grid.flexibility import blockpowers, responses
from server.grid.flexibility.changes import PowerChange, total
from server.grid.flexibility.results import BlockOffer
from server.grid.optimisation import clusters, envelope
from server.grid.optimisation.arrays import Bools, Floats, Whole, np
from server.grid.optimisation.clusters import Clusters, Sessions
from server.grid.series import arrivals, forecastvalues, thermalmodels
from server.grid.series.intervals import Span

# The states of charge by which storage is clustered: a full battery takes nothing, though another is empty.
SOCS = (0.02, 0.25, 0.5, 0.75, 0.98)
MAX_STAY_STEPS = 96  # cars that leave later than so many steps after the horizon count as leaving then
FORECAST_KINDS = ("thermal", "pv", "generator", "interruptible", "premises", "other")
DISPATCHED_KINDS = ("storage", "ev", "thermal", "pv")  # besides blocks
_METERED_LOADS = ("thermal", "pv", "generator", "interruptible", "other")
AVAILABLE, NOT_DISPATCHED, NOT_READ = "available", "not dispatched", "not read"


class ExpectedPowers(NamedTuple):
    """By kind of member: the consumption [T] that is forecast for all of them in W, and its standard
    deviation."""
    load_w: dict[str, Floats]
    sigma_w: dict[str, Floats]
    warnings: list[str]


@dataclass(frozen=True, kw_only=True)
class GroupFlexibility:
    """What is dispatched through one virtual DER.

    `baseline_w` [T] is the consumption of its members without commands, `net_w` that of their premises where
    these are metered; `change` is what members can do beside it, `verified` that of members that are read.
    Unknown powers are the ratings of members without recent contact. `ramp_w_per_s` is the sum of the
    `ramps_reported`, `members` counts members by availability, `offers` are those of blocks,
    `hold_s` [T] is for how long these can be held.
    """
    baseline_w: Floats
    net_w: Floats
    change: PowerChange
    verified: PowerChange
    unknown_up_w: float
    unknown_down_w: float
    ramp_w_per_s: float
    ramps_reported: int
    members: Counter[str]
    offers: list[BlockOffer]
    hold_s: Floats


def expected_powers(state: FleetState, start: int, steps: int, at: int) -> ExpectedPowers:
    """Return the forecasts, as known at the instant `at`, of the kinds whose members make no requests."""
    kinds = [kind for kind in FORECAST_KINDS if (state.columns.kind == kind).any()]
    forecast_of = {
        kind: forecastvalues.forecast(state.columns.area, kind, start, steps, at, round(state.hours * 3600))
        for kind in kinds
    }
    none = dict.fromkeys(KINDS, np.zeros(steps))
    return ExpectedPowers(
        load_w=none | {kind: -np.nan_to_num(forecast.values) for kind, forecast in forecast_of.items()},
        sigma_w=none | {kind: np.nan_to_num(forecast.sigma) for kind, forecast in forecast_of.items()},
        warnings=[
            warning
            for kind, forecast in forecast_of.items()
            if kind in DISPATCHED_KINDS
            for warning in forecast.warnings
        ],
    )


def group_flexibility(
    state: FleetState, expected: ExpectedPowers, start: int, steps: int, at: int
) -> list[GroupFlexibility]:
    """Return what each dispatch group of a state can do, in the order of `state.dispatch_groups`."""
    columns = state.columns
    size = _sizes(state)
    arriving = arrivals.expected(state.dispatch_groups, start, steps, at, state.hours)
    ev_w, changes = _changes(state, state.fleet.sessions.joined(arriving), expected, size, (start, steps, at))
    called = blockpowers.changes(state, start, steps, at)
    changes = [total([change, of_blocks], steps) for change, of_blocks in zip(changes, called, strict=True)]
    read = fleetstate.excluding(state, _unread(state), NOT_READ)
    _, verified = _changes(read, read.fleet.sessions, expected, size, (start, steps, at))
    verified = [total([change, of_blocks], steps) for change, of_blocks in zip(
        verified, blockpowers.changes(read, start, steps, at), strict=True)]
    availability = _availability(state)
    shares = {kind: _group_shares(state, columns.kind == kind, size) for kind in KINDS}
    groups = []
    for group in range(len(state.dispatch_groups)):
        load_w = {kind: shares[kind][group] * values for kind, values in expected.load_w.items()}
        baseline_w = ev_w[group] + sum(load_w[kind] for kind in _METERED_LOADS)
        unknown, reporting = _ders(state, group)
        groups.append(
            GroupFlexibility(
                baseline_w=baseline_w,
                net_w=load_w["premises"] if shares["premises"][group] > 0 else baseline_w,
                change=changes[group],
                hold_s=blockpowers.hold_s(state, group, start, steps, at),
                offers=blockpowers.offers(state, group, at, start + round(steps * state.hours * 3600)),
                verified=verified[group],
                unknown_up_w=float(columns.ders.max_injection_w[unknown].sum()),
                unknown_down_w=float(columns.ders.max_absorption_w[unknown].sum()),
                ramp_w_per_s=float(columns.ders.ramp_w_per_s[reporting].sum()),
                ramps_reported=int(reporting.sum()),
                members=availability[group],
            )
        )
    return groups


def _ders(state: FleetState, group: int) -> tuple[Bools, Bools]:
    """Of the DERs of a group: those without recent contact, and those dispatched that report a ramp."""
    columns = state.columns
    in_group = columns.group[columns.ders.member] == group
    device = columns.device[columns.ders.member]
    stale = [number for number, reason in state.excluded.items() if reason == eligibility.STALE]
    unknown: Bools = in_group & np.isin(device, stale)
    dispatched = in_group & ~np.isin(device, list(state.excluded))
    return unknown, dispatched & np.isfinite(columns.ders.ramp_w_per_s)


def _availability(state: FleetState) -> list[Counter[str]]:
    """By group, how many members are available, not dispatched, or excluded for which reason."""
    columns = state.columns
    counts: list[Counter[str]] = [Counter() for _ in state.dispatch_groups]
    with_blocks = {block.device for block in state.blocks}
    for device, kind, group in zip(
        columns.device.tolist(), columns.kind.tolist(), columns.group.tolist(), strict=True
    ):
        default = AVAILABLE if kind in DISPATCHED_KINDS or device in with_blocks else NOT_DISPATCHED
        counts[group][state.excluded.get(device, default)] += 1
    return counts


def _unread(state: FleetState) -> list[int]:
    """The devices that can be dispatched and have no recent reading."""
    return [
        device for members in state.by_kind.values() for device in members.device[~members.fresh].tolist()
    ] + [block.device for block in state.blocks if not block.fresh]


def _changes(
    state: FleetState, cars: Sessions, expected: ExpectedPowers, size: Floats, period: tuple[int, int, int]
) -> tuple[list[Floats], list[PowerChange]]:
    """By group, what these cars draw if each charges as it comes, and what members can change beside it.

    `period` is the start, the number of steps, and the instant at which it is known.
    """
    start, steps, at = period
    columns, hours = state.columns, state.hours
    indices = {kind: columns.indices(members.device) for kind, members in state.by_kind.items()}
    fraction = {kind: _dispatched_fraction(state, kind, indices[kind], size) for kind in ("thermal", "pv")}
    # A car may leave after the horizon: it is then free within it.
    car_steps = min(max(steps, cars.depart.max(initial=0)), steps + MAX_STAY_STEPS)
    ev = clusters.first_steps(clusters.sessions(cars, car_steps, hours)[0], steps)
    storage, _ = clusters.batteries(state.fleet.batteries, steps, charges=SOCS)
    span = Span(start, steps, round(hours * 3600), at)
    thermal, _ = clusters.thermals(
        state.fleet.thermals, *thermalbase.outlook(state, span, dispatched_only=True))
    learned = {vder for vder, _ in thermalmodels.read([vder.id for vder in state.dispatch_groups])}
    uncontrolled_w, changes = [], []
    for group in range(len(state.dispatch_groups)):
        ev_wh = ev.only(ev.group == group).most.sum(axis=0)
        ev_w = np.diff(ev_wh, prepend=0.0) / hours
        generation_w = -fraction["pv"][group] * expected.load_w["pv"]
        by_kind = {
            "storage": _cluster_change(storage.only(storage.group == group), np.zeros(steps), hours),
            "ev": _cluster_change(ev.only(ev.group == group), ev_w, hours),
            "thermal": _cluster_change(thermal.only(thermal.group == group), np.zeros(steps), hours),
            "pv": _curtailment(generation_w, hours),
        }
        responding = []
        for kind, change in by_kind.items():
            members = indices[kind][columns.group[indices[kind]] == group]
            rates = columns.participation.response_rate[members]
            if kind == "thermal" and state.dispatch_groups[group].id in learned:
                rates = np.ones(len(members))  # how they respond is in what they can do (see fleet.resources)
            rate, deviation = responses.response(rates, size[members], columns.aggregator[members])
            sigma_w = fraction[kind][group] * expected.sigma_w[kind] if kind in fraction else np.zeros(steps)
            responding.append(_responding(change, rate, deviation, sigma_w))
        uncontrolled_w.append(ev_w)
        changes.append(total(responding, steps))
    return uncontrolled_w, changes


def _responding(change: PowerChange, rate: float, deviation: float, sigma_w: Floats) -> PowerChange:
    """A change as far as members respond: `rate` is the mean part, `deviation` its standard deviation,
    `sigma_w` that of the forecast."""
    return PowerChange(
        change.up_w * rate,
        change.down_w * rate,
        change.up_wh * rate,
        change.down_wh * rate,
        (change.up_w * deviation) ** 2 + sigma_w**2 * (change.up_w > 0),
        (change.down_w * deviation) ** 2 + sigma_w**2 * (change.down_w > 0),
    )


def _sizes(state: FleetState) -> Floats:
    """[n]: the size of each member in W: its rating, else the greatest or last power that was read of it."""
    columns, meters = state.columns, state.columns.meters
    der_w = columns.ders.max_injection_w + columns.ders.max_absorption_w
    rated_w = np.bincount(columns.ders.member, der_w, len(columns.device))
    last_w = np.where(np.isnan(meters.injection_w), meters.premises_injection_w, meters.injection_w)
    read_w = np.maximum(np.maximum(meters.peak_load_w, np.nan_to_num(np.abs(last_w))), 1.0)
    return np.select([columns.max_load_w > 0, rated_w > 0], [columns.max_load_w, rated_w], read_w)


def _group_shares(state: FleetState, chosen: Bools, size: Floats) -> Floats:
    """[g]: the share of each group in the chosen members, by size."""
    sums = clusters.sums(state.columns.group[chosen], size[chosen], len(state.dispatch_groups))
    return sums / max(float(sums.sum()), 1e-9)


def _dispatched_fraction(state: FleetState, kind: str, members: Whole, size: Floats) -> Floats:
    """[g]: the dispatched members of each group as a fraction of all members of the kind, by size."""
    columns = state.columns
    sums = clusters.sums(columns.group[members], size[members], len(state.dispatch_groups))
    return sums / max(float(size[columns.kind == kind].sum()), 1e-9)


def _cluster_change(members: Clusters, base_w: Floats, hours: float) -> PowerChange:
    """What clusters can do beside a baseline of consumption."""
    if not len(members):
        return total([], len(base_w))
    possible, base_wh = envelope.from_clusters(members, hours), np.cumsum(base_w) * hours
    none = np.zeros(len(base_w))
    return PowerChange(
        np.maximum(base_w - possible.low, 0),
        np.maximum(possible.high - base_w, 0),
        np.maximum(base_wh - possible.least, 0),
        np.maximum(possible.most - base_wh, 0),
        none,
        none,
    )


def _curtailment(generation_w: Floats, hours: float) -> PowerChange:
    """Generation can be curtailed to nothing, and not raised."""
    down_w, none = np.maximum(generation_w, 0), np.zeros(len(generation_w))
    return PowerChange(none, down_w, none, np.cumsum(down_w) * hours, none, none)
