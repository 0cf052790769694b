"""What thermal loads draw by themselves in the steps to come, and how much more the weather lets them draw.

It bounds what can be asked of them: nothing can be dropped that is not drawn, and a house that needs no heat
takes none ahead of time, whatever its heat pump is rated. Consumption is positive, in W.
"""
from __future__ import annotations

from typing import NamedTuple

from server.config import settings
from server.grid.fleet import resources
from server.grid.fleet.fleetstate import FleetState
from server.grid.optimisation.arrays import Floats, Whole, np
from server.grid.optimisation.clusters import Thermals, sums
from server.grid.optimisation.disaggregation import Fleet
from server.grid.optimisation.waterfill import MemberLines, fill
from server.grid.series import forecastvalues, temperatures, thermalmodels
from server.grid.series.intervals import DAY, Span
from server.grid.series.thermalmodels import GroupModel
from server.models import VirtualDER


class ThermalOutlook(NamedTuple):
    """By cluster of thermal loads, in the order of (group, variety), [k, T] each: the `base_w` that is drawn
    without commands, and the fraction `active` of what could be drawn beside it that the weather allows."""
    base_w: Floats
    active: Floats


def outlook(state: FleetState, span: Span, dispatched_only: bool = False) -> ThermalOutlook:
    """Return the outlook of the thermal loads of an area, as known at the instant `at` of the span.

    The forecast of a group is that of all of its loads or, with `dispatched_only`, of those that can be
    dispatched, by rating. Its varieties share it as they draw by the weather, else by rating.
    """
    loads, groups = state.fleet.thermals, state.dispatch_groups
    if not len(loads.power):
        return ThermalOutlook(np.zeros((0, span.steps)), np.zeros((0, span.steps)))
    keys, _ = _clusters(loads)
    varieties = int(loads.kind.max(initial=0)) + 1
    models = thermalmodels.read([vder.id for vder in groups])
    base_w, active = np.zeros((len(keys), span.steps)), np.zeros((len(keys), span.steps))
    fraction = _dispatched(state) if dispatched_only else np.ones(len(groups))
    for group in np.unique(keys // varieties).tolist():
        rows = np.flatnonzero(keys // varieties == group)
        known = [models.get((groups[group].id, int(key % varieties))) for key in keys[rows]]
        rated_w = np.array([loads.power[(loads.group == group) & (loads.kind == key % varieties)].sum()
                            for key in keys[rows]])
        outdoor_c = temperatures.expected_c(groups[group], span)
        day_w = fraction[group] * _forecast_w(groups[group], span, max(span.steps, DAY // span.step))
        weight_w = _weights(known, rated_w, outdoor_c)
        base_w[rows] = np.minimum(day_w[:span.steps] * weight_w / weight_w.sum(axis=0), rated_w[:, None])
        for row, of_row, row_rated_w in zip(rows.tolist(), known, rated_w.tolist(), strict=True):
            day_fraction = float(day_w.mean()) / max(float(rated_w.sum()), 1e-9)
            active[row] = _active(of_row, outdoor_c, day_fraction) if row_rated_w > 0 else 0.0
    return ThermalOutlook(base_w, active)


def _clusters(loads: Thermals) -> tuple[Whole, Whole]:
    """The key of each cluster, and the cluster of each load."""
    varieties = int(loads.kind.max(initial=0)) + 1
    keys, label = np.unique(loads.group * varieties + loads.kind, return_inverse=True)
    return keys, label.reshape(-1)


def _forecast_w(vder: VirtualDER, span: Span, steps: int) -> Floats:
    """[T]: the load that is expected of the thermal loads of a virtual DER."""
    values = forecastvalues.forecast(vder, "thermal", span.start, steps, span.at, span.step).values
    return np.maximum(-np.nan_to_num(values), 0)


def _dispatched(state: FleetState) -> Floats:
    """[g]: the rating of the loads of each group that can be dispatched, as a part of that of all."""
    columns, loads = state.columns, state.fleet.thermals
    rating_w = np.where(columns.kind == "thermal", resources.thermal_rating_w(columns), 0.0)
    size = len(state.dispatch_groups)
    return sums(loads.group, loads.power, size) / np.maximum(sums(columns.group, rating_w, size), 1e-9)


def _weights(known: list[GroupModel | None], rated_w: Floats, outdoor_c: Floats) -> Floats:
    """[k, T]: the proportions in which the varieties of a group share its load."""
    weight_w = np.repeat(np.maximum(rated_w, 1e-9)[:, None], len(outdoor_c), axis=1)
    lines = [None if learned is None else learned.model.line for learned in known]
    if any(line is None for line in lines) or not np.isfinite(outdoor_c).all():
        return weight_w
    at_weather = np.stack([line.at(outdoor_c) for line in lines if line is not None])
    return weight_w * np.maximum(at_weather, 1e-6)


def _active(learned: GroupModel | None, outdoor_c: Floats, day_fraction: float) -> Floats:
    """[T]: the fraction of a rise that the weather allows.

    Where it is not known how loads follow the weather, or how that will be, those that hardly draw anything
    in a day are idle. `day_fraction` is the mean load of a day, as a fraction of the rating; they are fully
    active from that on by which the load rises for good under the greatest offset.
    """
    line = None if learned is None else learned.model.line
    store = thermalmodels.declared_store() if learned is None else learned.model.store
    lasting = store.band_h_per_k * settings.comfort_kelvin / store.leak_h
    by_load = min(day_fraction / max(lasting, 1e-9), 1.0)
    if line is None:
        return np.full(len(outdoor_c), by_load)
    return np.where(np.isfinite(outdoor_c), line.active(outdoor_c, settings.comfort_kelvin), by_load)


def with_outlook(fleet: Fleet, base_w: Floats, active: Floats) -> Fleet:
    """Return the fleet with thermal loads that together draw `base_w` [k] without commands: each in
    proportion to what it drew last, up to its rating; and that can rise by the fraction `active` [k]."""
    loads = fleet.thermals
    _, label = _clusters(loads)
    load_w = fleet.base.copy()
    for number, total_w in enumerate(base_w.tolist()):
        members = label == number
        rated_w = loads.power[members]
        zero = np.zeros_like(rated_w)
        # a thousandth of the rating, so that loads which drew nothing share as well
        load_w[members] = fill(
            total_w, MemberLines(zero, load_w[members] + 1e-3 * rated_w, zero, rated_w)
        ).powers
    return fleet._replace(base=load_w, thermals=loads._replace(rise=loads.rise * active[label]))
