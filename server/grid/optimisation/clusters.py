"""A fleet in few clusters: the sums that a plan works with, in time that grows with the members and not with
the steps.

Every member is a generalised battery: power within bounds, and energy within bounds after each step. Members
that are alike sum exactly, so batteries are put together by their energy-to-power ratio, sessions by when
they leave, thermal loads by kind. Consumption is positive, in W; energy in Wh; `hours` is the length of a
step. A thermal load's power is what it draws beside its base, its energy what it stores beyond what comfort
asks for.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from server.grid.optimisation.arrays import Bools, Floats, Whole, np

BATTERY, SESSION, THERMAL = KINDS = range(3)


class Batteries(NamedTuple):
    """Stores. `least` is the reserve, `charge` and `discharge` are magnitudes, `efficiency` that of one way,
    `group` the number of the virtual DER that each is dispatched in."""
    energy: Floats
    least: Floats
    most: Floats
    charge: Floats
    discharge: Floats
    efficiency: Floats
    group: Whole

    def only(self, chosen: Any) -> Batteries:
        """Some of them, by number, slice or mask."""
        return Batteries(*(part[chosen] for part in self))


class Sessions(NamedTuple):
    """Cars. Plugged in from the beginning of step `arrive` (0 or less: now) to that of step `depart`, wanting
    `need`."""
    arrive: Whole
    depart: Whole
    need: Floats
    power: Floats
    group: Whole

    def only(self, chosen: Any) -> Sessions:
        """Some of them, by number, slice or mask."""
        return Sessions(*(part[chosen] for part in self))

    def joined(self, more: Sessions) -> Sessions:
        """These and more."""
        return Sessions(*(np.concatenate(both) for both in zip(self, more, strict=True)))


class Thermals(NamedTuple):
    """Heat pumps, water heaters, thermostats. |state| ≤ band is comfort, `keep` the part of the state left
    after a step."""
    state: Floats
    band: Floats
    keep: Floats
    power: Floats
    kind: Whole
    group: Whole

    def only(self, chosen: Any) -> Thermals:
        """Some of them, by number, slice or mask."""
        return Thermals(*(part[chosen] for part in self))


class Labels(NamedTuple):
    """What tells clusters apart, [k] each: see `Clusters`."""
    kind: Whole
    group: Whole
    variety: Whole


@dataclass(frozen=True)
class Clusters:
    """k clusters over T steps: kind, group, start, keep, efficiency and end are [k], the bounds [k, T]; those
    on energy are for the end of each step. `variety` tells clusters of a kind and group apart: by class of
    ratio, window of departure, kind of thermal load. `end` is the energy wanted at last, NaN where the bounds
    say all."""
    kind: Whole
    group: Whole
    variety: Whole
    low: Floats
    high: Floats
    least: Floats
    most: Floats
    start: Floats
    keep: Floats
    efficiency: Floats
    end: Floats

    def __len__(self) -> int:
        return len(self.kind)

    @property
    def steps(self) -> int:
        return self.low.shape[1]

    @property
    def labels(self) -> Labels:
        return Labels(self.kind, self.group, self.variety)

    def only(self, chosen: Any) -> Clusters:
        """Some of them, by number or by mask."""
        return Clusters(**{name: part[chosen] for name, part in vars(self).items()})


def first_steps(clusters: Clusters, steps: int) -> Clusters:
    """The same over the first steps alone."""
    return replace(
        clusters, **{name: getattr(clusters, name)[:, :steps] for name in ("low", "high", "least", "most")}
    )


def concatenate(*parts: Clusters) -> Clusters:
    """Clusters of several kinds in one."""
    return Clusters(
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in vars(parts[0])}
    )


def batteries(
    fleet: Batteries, steps: int, ratios: int = 2, end: Floats | None = None, charges: Sequence[float] = ()
) -> tuple[Clusters, Whole]:
    """The batteries' clusters, and each battery's: by group and by energy-to-power ratio, in `ratios` classes
    of as many members, and by how full each is, where `charges` (0 to 1) says at what to tell them apart.
    `end` is what each should hold after the last step, in Wh; as much as now if it is not given."""
    span = np.maximum(fleet.most - fleet.least, 1e-9)
    ratio = span / np.maximum(fleet.charge, 1e-9)
    edges = np.quantile(ratio, np.linspace(0, 1, ratios + 1)[1:-1]) if len(ratio) else np.zeros(0)
    full = np.searchsorted(np.asarray(charges, dtype=float), (fleet.energy - fleet.least) / span)
    label, group, variety = _numbered(fleet.group, np.searchsorted(edges, ratio) * (len(charges) + 1) + full)
    size = len(group)
    energy, least, most, charge, discharge = (sums(label, part, size) for part in fleet[:5])
    lossless = sums(label, fleet.efficiency * fleet.charge, size) / np.maximum(charge, 1e-9)
    wanted = energy if end is None else sums(label, end, size)
    return Clusters(
        np.full(size, BATTERY),
        group,
        variety,
        _repeat_steps(-discharge, steps),
        _repeat_steps(charge, steps),
        _repeat_steps(np.minimum(least, energy), steps),
        _repeat_steps(np.maximum(most, energy), steps),
        energy,
        np.ones(size),
        np.where(charge > 0, lossless, 1.0),
        wanted,
    ), label


def sessions(fleet: Sessions, steps: int, hours: float, window: int = 8) -> tuple[Clusters, Whole]:
    """The sessions' clusters, and each session's: by group and by when they leave, in windows of so many
    steps. What a session cannot get in its time at its power it is not taken to need."""
    arrive, depart = np.maximum(fleet.arrive, 0), np.minimum(fleet.depart, steps)
    label, group, variety = _numbered(fleet.group, depart // window)
    size = len(group)
    quantum = fleet.power * hours
    need = np.minimum(fleet.need, quantum * np.maximum(depart - arrive, 0))
    whole = np.minimum((need / np.maximum(quantum, 1e-9)).astype(np.intp), np.maximum(depart - arrive, 0))
    rest = need - whole * quantum
    plugged = _sum_over_intervals(label, size, steps, arrive, depart, fleet.power)
    soonest = (_sum_over_intervals(label, size, steps, arrive, arrive + whole, quantum)
               + _sum_at_steps(label, size, steps, arrive + whole, rest))
    latest = (_sum_over_intervals(label, size, steps, depart - whole, depart, quantum)
              + _sum_at_steps(label, size, steps, depart - whole - 1, rest))
    most = np.cumsum(soonest, axis=1)
    return Clusters(
        np.full(size, SESSION),
        group,
        variety,
        np.zeros((size, steps)),
        plugged,
        np.minimum(np.cumsum(latest, axis=1), most),
        most,
        np.zeros(size),
        np.ones(size),
        np.ones(size),
        np.full(size, np.nan),
    ), label


def thermals(fleet: Thermals, base: Floats) -> tuple[Clusters, Whole]:
    """The thermal loads' clusters, and each load's: by group and kind. `base` [k, T] is what each cluster
    draws if it is left alone, clusters in the order of (group, kind)."""
    label, group, variety = _numbered(fleet.group, fleet.kind)
    size, steps = len(group), base.shape[1]
    state, band, power = (sums(label, part, size) for part in (fleet.state, fleet.band, fleet.power))
    keep = sums(label, fleet.keep * fleet.band, size) / np.maximum(band, 1e-9)
    # What is outside its band may come back by itself: no plan can be asked for more.
    drifting = state[:, None] * keep[:, None] ** np.arange(1, steps + 1)
    return Clusters(
        np.full(size, THERMAL),
        group,
        variety,
        -np.maximum(base, 0),
        np.maximum(power[:, None] - base, 0),
        np.minimum(-band[:, None], drifting),
        np.maximum(band[:, None], drifting),
        state,
        keep,
        np.ones(size),
        np.zeros(size),
    ), label


def merged(clusters: Clusters, alone: Bools) -> tuple[Clusters, Whole]:
    """Fewer clusters: those of a kind and variety in one, whatever their group, save where `alone` (a mask)
    says that a cluster keeps its group, where those of a kind are one; and each cluster's new one. What was
    merged is in group -1."""
    apart = np.where(alone, clusters.group + 1, 0)
    variety = np.where(alone, 0, clusters.variety)
    keys = np.stack((apart, clusters.kind, variety))
    found, label = np.unique(keys, axis=1, return_inverse=True)
    label, size = label.reshape(-1), found.shape[1]

    def total(part: Floats) -> Floats:
        sums = np.zeros((size, *part.shape[1:]))
        np.add.at(sums, label, part)
        return sums

    low, high, least, most, start, end = (total(part) for part in (
        clusters.low, clusters.high, clusters.least, clusters.most, clusters.start, clusters.end))
    weight = np.maximum(np.ptp(clusters.most, axis=1) + clusters.most[:, -1], 1e-9)
    keep, efficiency = (total(part * weight) / total(weight) for part in (clusters.keep, clusters.efficiency))
    return Clusters(found[1], found[0] - 1, found[2], low, high, least, most, start, keep, efficiency,
                    end), label


def with_reserve(clusters: Clusters, energy: float, since: int = 1) -> Clusters:
    """The same with the part `energy` of each battery's span kept at either end, from the step `since` on,
    for what the forecast does not see. A battery that is beyond already need not come back, but goes no
    further."""
    span = clusters.most - clusters.least
    kept = (
        np.where(
            (clusters.kind == BATTERY)[:, None] & (np.arange(clusters.steps) >= since)[None, :], energy, 0
        )
        * span
    )
    start = clusters.start[:, None]
    return replace(
        clusters,
        least=np.where(kept > 0, np.minimum(clusters.least + kept, start), clusters.least),
        most=np.where(kept > 0, np.maximum(clusters.most - kept, start), clusters.most),
    )


def _numbered(group: Whole, variety: Whole) -> tuple[Whole, Whole, Whole]:
    """Each member's cluster, one for each combination that occurs, in order; and each cluster's group and
    variety."""
    wide = group * (int(variety.max(initial=0)) + 1) + variety
    _, first, label = np.unique(wide, return_index=True, return_inverse=True)
    return label.reshape(-1), group[first], variety[first]


def sums(label: Whole, values: Floats, size: int) -> Floats:
    """[size]: the sum of the values of each label."""
    return np.bincount(label, values, size).astype(float)


def _repeat_steps(values: Floats, steps: int) -> Floats:
    return np.repeat(values[:, None], steps, axis=1)


def _sum_at_steps(label: Whole, size: int, steps: int, at: Whole, value: Floats) -> Floats:
    """The sum of each cluster's values, each at its step; what lies outside the steps has to be 0."""
    inside = (at >= 0) & (at < steps)
    return sums(label[inside] * steps + at[inside], value[inside], size * steps).reshape(size, steps)


def _sum_over_intervals(
    label: Whole, size: int, steps: int, begin: Whole, end: Whole, value: Floats
) -> Floats:
    """The sum of each cluster's values, each from its step `begin` until before `end`."""
    first, last = np.clip(begin, 0, steps), np.clip(np.maximum(end, begin), 0, steps)
    wide = steps + 1
    change = sums(label * wide + first, value, size * wide) - sums(label * wide + last, value, size * wide)
    return np.cumsum(change.reshape(size, wide), axis=1)[:, :steps]
