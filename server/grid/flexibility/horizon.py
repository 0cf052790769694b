"""What virtual DERs could do over a horizon, step by step, each leaf by itself: in the middle, and how sure
that is.

Whatever is asked is a change of what members would do by themselves (their baseline), so who does not respond
stays with that. A member responds as its tracked rate says, independently of the others: a group's mean is
the sum of rates times powers, and so the larger the group, the nearer the firm part comes to the mean. The
error of forecasts is added where one is columns. Powers in W; up is more injection than the baseline, down is
less.
"""
from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, NamedTuple

from server.grid.fleet import eligibility, fleetstate
from server.grid.fleet.devicetypes import KINDS
from server.grid.fleet.fleetstate import FleetState
from server.grid.optimisation import clusters, envelope
from server.grid.optimisation.arrays import Floats, Whole, np
from server.grid.optimisation.clusters import Clusters, Sessions
from server.grid.series import arrivals, forecastvalues

# At what charges stores are told apart: one that is full takes nothing, though another is empty.
CHARGES = (0.02, 0.25, 0.5, 0.75, 0.98)
DAY = 96  # steps beyond the horizon in which a car may leave, or more
MOVED = ("storage", "ev", "thermal", "pv")


class Change(NamedTuple):
    """[T] each: W up and down, Wh up and down until the end of each step, and the variances of the powers."""
    up: Floats
    down: Floats
    energy_up: Floats
    energy_down: Floats
    up_variance: Floats
    down_variance: Floats

    def cut(self, up: Floats, down: Floats, hours: float) -> Change:
        """The same with no more power than so much, and no more energy than such powers reach."""
        most, least = np.minimum(self.up, up), np.minimum(self.down, down)
        return Change(
            most,
            least,
            np.minimum(self.energy_up, np.cumsum(most) * hours),
            np.minimum(self.energy_down, np.cumsum(least) * hours),
            self.up_variance * part_of(most, self.up) ** 2,
            self.down_variance * part_of(least, self.down) ** 2,
        )

    def firm(self, deviations: float) -> Change:
        """So many standard deviations below the mean, energy with power."""
        up = np.maximum(self.up - deviations * np.sqrt(self.up_variance), 0)
        down = np.maximum(self.down - deviations * np.sqrt(self.down_variance), 0)
        return self._replace(up=up, down=down, energy_up=self.energy_up * part_of(up, self.up),
                             energy_down=self.energy_down * part_of(down, self.down))


def part_of(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros_like(whole), where=whole > 0)


def total(changes: list[Change], steps: int) -> Change:
    """The sum of several."""
    return Change(
        *(
            np.sum([change[place] for change in changes], axis=0) if changes else np.zeros(steps)
            for place in range(6)
        )
    )


class Outlook(NamedTuple):
    """What is expected of each kind of member in all, W of consumption [T], and the standard deviation of
    that."""
    values: dict[str, Floats]
    sigma: dict[str, Floats]
    warnings: list[str]


@dataclass(frozen=True)
class DispatchGroup:
    """What is dispatched through one virtual DER: baseline, how that could change, and how as far as members
    are read freshly (`verified`), and members."""
    baseline: Floats
    net: Floats
    change: Change
    verified: Change
    unknown_up: float
    unknown_down: float
    ramp: float
    ramps: int
    members: Counter[str]


def expected(fleet_state: FleetState, start: int, steps: int, at: int) -> Outlook:
    """What is to be expected of the kinds that are not reckoned from their requests or commands, as far as
    there are any."""
    kinds = [
        kind for kind in ("thermal", "pv", "premises", "other") if (fleet_state.columns.kind == kind).any()
    ]
    found = {
        kind: forecastvalues.forecast(
            fleet_state.columns.area, kind, start, steps, at, round(fleet_state.hours * 3600)
        )
        for kind in kinds
    }
    nothing = dict.fromkeys(KINDS, np.zeros(steps))
    return Outlook(nothing | {kind: -np.nan_to_num(one.values) for kind, one in found.items()},
                   nothing | {kind: np.nan_to_num(one.sigma) for kind, one in found.items()},
                   [warning for kind, one in found.items() if kind in MOVED for warning in one.warnings])


def dispatch_groups(
    fleet_state: FleetState, ahead: Outlook, steps: int, at: int, start: int
) -> list[DispatchGroup]:
    """What each of the state's leaves could do."""
    columns, size = fleet_state.columns, len(fleet_state.dispatch_groups)
    weight = _weights(fleet_state)
    shares = {kind: _shares(columns.group, columns.kind == kind, weight, size) for kind in KINDS}
    coming = arrivals.expected(fleet_state.dispatch_groups, start, steps, at, fleet_state.hours)
    eager, changes = _movable(fleet_state, fleet_state.fleet.sessions.joined(coming), ahead, weight, steps)
    fresh = fleetstate.excluding(fleet_state, _unread(fleet_state), "not read")
    _, verified = _movable(fresh, fresh.fleet.sessions, ahead, weight, steps)
    reasons = Counter[tuple[int, str]]()
    for place in range(len(columns.device)):
        reasons[int(columns.group[place]), _standing(fleet_state, place)] += 1
    found = []
    for group in range(size):
        base = {kind: shares[kind][group] * values for kind, values in ahead.values.items()}
        own = sum((base[kind] for kind in ("thermal", "pv", "other")), eager[group])
        net = base["premises"] if shares["premises"][group] > 0 else own
        here = columns.group[columns.ders.member] == group
        out = here & np.isin(columns.device[columns.ders.member], [
            device for device, why in fleet_state.excluded.items() if why == eligibility.STALE])
        counted = (
            here
            & ~np.isin(columns.device[columns.ders.member], list(fleet_state.excluded))
            & np.isfinite(columns.ders.ramp_w_per_s)
        )
        found.append(
            DispatchGroup(
                own,
                net,
                changes[group],
                verified[group],
                float(columns.ders.max_injection_w[out].sum()),
                float(columns.ders.max_absorption_w[out].sum()),
                float(columns.ders.ramp_w_per_s[counted].sum()),
                int(counted.sum()),
                Counter({why: count for (of, why), count in reasons.items() if of == group}),
            )
        )
    return found


def _unread(fleet_state: FleetState) -> list[int]:
    """The devices that could be dispatched and were not read of late."""
    return [
        device
        for members in fleet_state.by_kind.values()
        for device in members.device[~members.fresh].tolist()
    ]


def _movable(
    fleet_state: FleetState, cars: Sessions, ahead: Outlook, weight: Floats, steps: int
) -> tuple[list[Floats], list[Change]]:
    """By group, what these cars would draw if each charged as it came, and by how much members could change
    what they do."""
    columns, size, nothing = fleet_state.columns, len(fleet_state.dispatch_groups), np.zeros(steps)
    places = {kind: columns.indices(members.device) for kind, members in fleet_state.by_kind.items()}
    able = {
        kind: _shares(
            columns.group, _mask(places[kind], len(weight)), weight, size, weight[columns.kind == kind].sum()
        )
        for kind in ("thermal", "pv")
    }
    some_cars = clusters.first_steps(
        clusters.sessions(cars, min(max(steps, cars.depart.max(initial=0)), steps + DAY), fleet_state.hours)[
            0
        ],
        steps,
    )
    some_stores, _ = clusters.batteries(fleet_state.fleet.batteries, steps, charges=CHARGES)
    some_heat = _heat_clusters(fleet_state, ahead, able, steps)
    eager, found = [], []
    for group in range(size):
        eager.append(
            np.diff(some_cars.only(some_cars.group == group).most.sum(axis=0), prepend=0.0)
            / fleet_state.hours
        )
        changes = []
        for kind, change in (
            ("storage", _change(some_stores.only(some_stores.group == group), nothing, fleet_state.hours)),
            ("ev", _change(some_cars.only(some_cars.group == group), eager[group], fleet_state.hours)),
            ("thermal", _change(some_heat.only(some_heat.group == group), nothing, fleet_state.hours)),
            ("pv", _curtailed(-able["pv"][group] * ahead.values["pv"], fleet_state.hours)),
        ):
            inside = places[kind][columns.group[places[kind]] == group]
            rate, spread = _response(columns.participation.response_rate[inside], weight[inside])
            noise = (able[kind][group] * ahead.sigma[kind]) ** 2 if kind in able else 0.0
            changes.append(Change(*(part * rate for part in change[:4]), *(
                (power * spread) ** 2 + noise * (power > 0) for power in change[:2])))
        found.append(total(changes, steps))
    return eager, found


def _mask(places: Whole, size: int) -> Any:
    found = np.zeros(size, dtype=bool)
    found[places] = True
    return found


def _standing(fleet_state: FleetState, place: int) -> str:
    why = fleet_state.excluded.get(int(fleet_state.columns.device[place]))
    if why is not None:
        return why
    return "available" if fleet_state.columns.kind[place] in MOVED else "not dispatched"


def _weights(fleet_state: FleetState) -> Floats:
    """[n]: how large each member is: what it is rated at, else the most or the last that was read of it."""
    columns = fleet_state.columns
    rated = np.bincount(
        columns.ders.member, columns.ders.max_injection_w + columns.ders.max_absorption_w, len(columns.device)
    )
    meters = columns.meters
    last_w = np.where(np.isnan(meters.injection_w), meters.premises_injection_w, meters.injection_w)
    read = np.maximum(np.maximum(meters.peak_load_w, np.nan_to_num(np.abs(last_w))), 1.0)
    return np.select([columns.max_load_w > 0, rated > 0], [columns.max_load_w, rated], read)


def _shares(group: Whole, chosen: Any, weight: Floats, size: int, whole: float | None = None) -> Floats:
    """[g]: each group's part of a kind of member, by weight."""
    sums = clusters.sums(group[chosen], weight[chosen], size)
    return sums / max(float(sums.sum()) if whole is None else whole, 1e-9)


def _heat_clusters(fleet_state: FleetState, ahead: Outlook, able: dict[str, Floats], steps: int) -> Clusters:
    """The thermal loads, each group's forecast among its kinds by rating."""
    loads = fleet_state.fleet.thermals
    kinds = int(loads.kind.max(initial=0)) + 1
    place, label = np.unique(loads.group * kinds + loads.kind, return_inverse=True)
    rating = clusters.sums(label.reshape(-1), loads.power, len(place))
    whole = clusters.sums(loads.group, loads.power, len(fleet_state.dispatch_groups))
    base = np.zeros((len(place), steps))
    for number, at in enumerate(place):
        group = at // kinds
        base[number] = (
            np.maximum(able["thermal"][group] * ahead.values["thermal"], 0)
            * rating[number]
            / max(whole[group], 1e-9)
        )
    return clusters.thermals(loads, np.minimum(base, rating[:, None]))[0]


def _change(some: Clusters, base: Floats, hours: float) -> Change:
    """What clusters could draw beside a baseline."""
    if not len(some):
        return total([], len(base))
    could, drawn = envelope.from_clusters(some, hours), np.cumsum(base) * hours
    nothing = np.zeros(len(base))
    return Change(
        np.maximum(base - could.low, 0),
        np.maximum(could.high - base, 0),
        np.maximum(drawn - could.least, 0),
        np.maximum(could.most - drawn, 0),
        nothing,
        nothing,
    )


def _curtailed(generation: Floats, hours: float) -> Change:
    sun, nothing = np.maximum(generation, 0), np.zeros(len(generation))
    return Change(nothing, sun, nothing, np.cumsum(sun) * hours, nothing, nothing)


def _response(rates: Floats, weight: Floats) -> tuple[float, float]:
    """The mean part of what a group is asked that it does, and its standard deviation; a group of none does
    all."""
    whole = float(weight.sum())
    if whole <= 0:
        return 1.0, 0.0
    return float((rates * weight).sum() / whole), float(
        np.sqrt((weight**2 * rates * (1 - rates)).sum()) / whole
    )
