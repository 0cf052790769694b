"""Sum a fleet to a few clusters, in time that grows with the members and not with the steps. Pure.

Every member is a generalised battery: its power is bounded, and so is its energy after each step. Members
that are alike sum exactly, so batteries are grouped by energy-to-power ratio, sessions by departure, thermal
loads by kind. Consumption is positive, in W; energy in Wh; `hours` is the length of a step. The power of a
thermal load is what it draws beside its base, its energy what it stores beyond what comfort requires.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from server.grid.optimisation import powercaps
from server.grid.optimisation.arrays import Bools, Floats, Whole, np

BATTERY, SESSION, THERMAL = range(3)


class Batteries(NamedTuple):
    """Batteries [n]. `energy` is what each holds, `least` its reserve, `most` its capacity, in Wh; `charge`
    and `discharge` are magnitudes in W; `efficiency` is that of one way; `group` is the number of its
    dispatch group. `charge_cap` and `discharge_cap` are as in `powercaps`."""
    energy: Floats
    least: Floats
    most: Floats
    charge: Floats
    discharge: Floats
    efficiency: Floats
    group: Whole
    charge_cap: Floats | None = None
    discharge_cap: Floats | None = None

    def only(self, chosen: Any) -> Batteries:
        """Some of them, by number, slice or mask."""
        return Batteries(*(powercaps.chosen(part, chosen) for part in self))


class Sessions(NamedTuple):
    """Charging sessions [n]. Plugged in from the beginning of step `arrive` (0 or less: now) until that of
    step `depart`; each needs `need` Wh at up to `power` W. `cap` is as in `powercaps`."""
    arrive: Whole
    depart: Whole
    need: Floats
    power: Floats
    group: Whole
    cap: Floats | None = None

    def only(self, chosen: Any) -> Sessions:
        """Some of them, by number, slice or mask."""
        return Sessions(*(powercaps.chosen(part, chosen) for part in self))

    def joined(self, more: Sessions) -> Sessions:
        """These sessions followed by more."""
        cap = powercaps.joined(self.cap, len(self.need), more.cap, len(more.need))
        both: Any = zip(self[:5], more[:5], strict=True)
        return Sessions(*map(np.concatenate, both))._replace(cap=cap)


class Thermals(NamedTuple):
    """Thermal loads [n]. |state| ≤ band, in Wh, is comfort; `keep` is the fraction of the state that is left
    after a step; `power` is the rating in W. Of what a load could draw beside its base, a control can have
    it draw the fraction `rise`, and of its base do without the fraction `fall`: nothing more where it is only
    switched or idle, and less than all where it has not responded to all."""
    state: Floats
    band: Floats
    keep: Floats
    power: Floats
    kind: Whole
    group: Whole
    rise: Floats
    fall: Floats

    def only(self, chosen: Any) -> Thermals:
        """Some of them, by number, slice or mask."""
        return Thermals(*(part[chosen] for part in self))


class Labels(NamedTuple):
    """Kind, group and variety of each cluster, [k] each: see `Clusters`."""
    kind: Whole
    group: Whole
    variety: Whole


@dataclass(frozen=True)
class Clusters:
    """k clusters over T steps. Kind, group, start, keep, efficiency and end are [k], the bounds [k, T].

    The bounds on energy (`least`, `most`) hold at the end of each step. `variety` distinguishes clusters of
    one kind and group: class of ratio, window of departure, kind of thermal load. `end` is the energy up to
    which a cluster keeps what it stores for what comes after the last step, NaN where it stores nothing.
    """
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
        return int(self.low.shape[1])

    @property
    def labels(self) -> Labels:
        return Labels(self.kind, self.group, self.variety)

    def only(self, chosen: Any) -> Clusters:
        """Some of them, by number or by mask."""
        return Clusters(**{name: part[chosen] for name, part in vars(self).items()})


def first_steps(clusters: Clusters, steps: int) -> Clusters:
    """The same clusters over the first steps only."""
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
    """The clusters of batteries, and the cluster of each battery.

    Batteries are grouped by dispatch group, by energy-to-power ratio in `ratios` classes of equal size, and
    by state of charge, split at `charges` (0 to 1). `end` is what each keeps for what comes after the last
    step, in Wh; what it holds now if not given.
    """
    span = np.maximum(fleet.most - fleet.least, 1e-9)
    ratio = span / np.maximum(fleet.charge, 1e-9)
    edges = np.quantile(ratio, np.linspace(0, 1, ratios + 1)[1:-1]) if len(ratio) else np.zeros(0)
    full = np.searchsorted(np.asarray(charges, dtype=float), (fleet.energy - fleet.least) / span)
    label, group, variety = _numbered(fleet.group, np.searchsorted(edges, ratio) * (len(charges) + 1) + full)
    size = len(group)
    energy, least, most, charge = (sums(label, part, size) for part in fleet[:4])
    lossless = sums(label, fleet.efficiency * fleet.charge, size) / np.maximum(charge, 1e-9)
    end_energy = energy if end is None else sums(label, end, size)
    return Clusters(
        np.full(size, BATTERY),
        group,
        variety,
        -powercaps.by_cluster(fleet.discharge, fleet.discharge_cap, label, size, steps),
        powercaps.by_cluster(fleet.charge, fleet.charge_cap, label, size, steps),
        _repeat_steps(np.minimum(least, energy), steps),
        _repeat_steps(np.maximum(most, energy), steps),
        energy,
        np.ones(size),
        np.where(charge > 0, lossless, 1.0),
        end_energy,
    ), label


def sessions(fleet: Sessions, steps: int, hours: float, window: int = 8) -> tuple[Clusters, Whole]:
    """The clusters of sessions, and the cluster of each session: by group and by departure, in windows of so
    many steps. A session needs no more than it can get in its time at its power."""
    arrive, depart = np.maximum(fleet.arrive, 0), np.minimum(fleet.depart, steps)
    label, group, variety = _numbered(fleet.group, depart // window)
    size = len(group)
    quantum = fleet.power * hours
    there = np.maximum(depart - arrive, 0)
    need = np.minimum(fleet.need, quantum * there)
    full_steps = np.minimum((need / np.maximum(quantum, 1e-9)).astype(np.intp), there)
    remainder = need - full_steps * quantum
    plugged = _sum_over_intervals(label, size, steps, arrive, depart, fleet.power)
    soonest = (_sum_over_intervals(label, size, steps, arrive, arrive + full_steps, quantum)
               + _sum_at_steps(label, size, steps, arrive + full_steps, remainder))
    latest = (_sum_over_intervals(label, size, steps, depart - full_steps, depart, quantum)
              + _sum_at_steps(label, size, steps, depart - full_steps - 1, remainder))
    bounds = powercaps.ClusterBounds(plugged, np.cumsum(latest, axis=1), np.cumsum(soonest, axis=1))
    bounds = powercaps.of_sessions(bounds, fleet.power, fleet.cap, label, arrive, depart, hours)
    return Clusters(
        np.full(size, SESSION), group, variety,
        np.zeros((size, steps)),
        bounds.high,
        np.minimum(bounds.least, bounds.most),
        bounds.most,
        np.zeros(size),
        np.ones(size),
        np.ones(size),
        np.full(size, np.nan),
    ), label


def thermals(fleet: Thermals, base: Floats, active: Floats | None = None) -> tuple[Clusters, Whole]:
    """The clusters of thermal loads, and the cluster of each load: by group and kind. `base` [k, T] is what
    each cluster draws without control, in W, in the order of (group, kind), `active` [k, T] the fraction of
    its rise that the weather allows (default: all)."""
    label, group, variety = _numbered(fleet.group, fleet.kind)
    size, steps = len(group), base.shape[1]
    state, band, power, rise, fall = (sums(label, part, size) for part in (
        fleet.state, fleet.band, fleet.power, fleet.power * fleet.rise, fleet.power * fleet.fall))
    rise, fall = (part[:, None] / np.maximum(power, 1e-9)[:, None] for part in (rise, fall))
    keep = sums(label, fleet.keep * fleet.band, size) / np.maximum(band, 1e-9)
    # A load outside its band may drift back by itself; a plan cannot require more.
    drifting = state[:, None] * keep[:, None] ** np.arange(1, steps + 1)
    return Clusters(
        np.full(size, THERMAL), group, variety,
        -fall * np.maximum(base, 0),
        rise * (1.0 if active is None else active) * np.maximum(power[:, None] - base, 0),
        np.minimum(-band[:, None], drifting),
        np.maximum(band[:, None], drifting),
        state,
        keep,
        np.ones(size),
        np.minimum(drifting[:, -1], 0.0),  # what it lacks at the end by itself, nobody has to make up
    ), label


def merged(clusters: Clusters, keeps_group: Bools) -> tuple[Clusters, Whole]:
    """Fewer clusters, and the new cluster of each.

    Clusters of one kind and variety are merged across groups, into group -1. Where the mask `keeps_group` is
    set, clusters of one kind are merged within their group.
    """
    kept_groups = np.where(keeps_group, clusters.group + 1, 0)
    variety = np.where(keeps_group, 0, clusters.variety)
    keys = np.stack((kept_groups, clusters.kind, variety))
    unique, label = np.unique(keys, axis=1, return_inverse=True)
    label, size = label.reshape(-1), unique.shape[1]

    def total(part: Floats) -> Floats:
        sums = np.zeros((size, *part.shape[1:]))
        np.add.at(sums, label, part)
        return sums

    low, high, least, most, start, end = (total(part) for part in (
        clusters.low, clusters.high, clusters.least, clusters.most, clusters.start, clusters.end))
    weight = np.maximum(np.ptp(clusters.most, axis=1) + clusters.most[:, -1], 1e-9)
    keep, efficiency = (total(part * weight) / total(weight) for part in (clusters.keep, clusters.efficiency))
    return Clusters(unique[1], unique[0] - 1, unique[2], low, high, least, most, start, keep, efficiency,
                    end), label


def with_reserve(clusters: Clusters, fraction: float, since: int = 1) -> Clusters:
    """The same clusters with a `fraction` of each battery's span kept in reserve at either end, from the step
    `since` on, against forecast errors. A battery that is already beyond need not return, but goes no
    further."""
    span = clusters.most - clusters.least
    reserve = (
        np.where(
            (clusters.kind == BATTERY)[:, None] & (np.arange(clusters.steps) >= since)[None, :], fraction, 0
        )
        * span
    )
    start = clusters.start[:, None]
    return replace(
        clusters,
        least=np.where(reserve > 0, np.minimum(clusters.least + reserve, start), clusters.least),
        most=np.where(reserve > 0, np.maximum(clusters.most - reserve, start), clusters.most),
    )


def _numbered(group: Whole, variety: Whole) -> tuple[Whole, Whole, Whole]:
    """The cluster of each member, one for each combination that occurs, in order; and the group and variety
    of each cluster."""
    wide = group * (int(variety.max(initial=0)) + 1) + variety
    _, first, label = np.unique(wide, return_index=True, return_inverse=True)
    return label.reshape(-1), group[first], variety[first]


def sums(label: Whole, values: Floats, size: int) -> Floats:
    """[size]: the sum of the values of each label."""
    return np.bincount(label, values, size).astype(float)


def _repeat_steps(values: Floats, steps: int) -> Floats:
    return np.repeat(values[:, None], steps, axis=1)


def _sum_at_steps(label: Whole, size: int, steps: int, at: Whole, value: Floats) -> Floats:
    """The sum of the values of each cluster [k, T], each at its step; values outside the steps have to be
    0."""
    within = (at >= 0) & (at < steps)
    return sums(label[within] * steps + at[within], value[within], size * steps).reshape(size, steps)


def _sum_over_intervals(
    label: Whole, size: int, steps: int, begin: Whole, end: Whole, value: Floats
) -> Floats:
    """The sum of the values of each cluster [k, T], each from its step `begin` until before `end`."""
    first, last = np.clip(begin, 0, steps), np.clip(np.maximum(end, begin), 0, steps)
    wide = steps + 1
    change = sums(label * wide + first, value, size * wide) - sums(label * wide + last, value, size * wide)
    return np.cumsum(change.reshape(size, wide), axis=1)[:, :steps]
