"""The net demand of an area as a plan takes it: signals and forecasts, corrected by measurements.

Consumption is positive here, in W. The governing signal of an area is a schedule (what it is to draw from
outside), else an imbalance (by how much it will draw too much if nothing is moved), else a price alone. The
error of the last steps corrects the forecast, ever less the further ahead.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from server.errors import Refused
from server.grid.balance import corrections, grouplimits
from server.grid.fleet import fleetstate, thermalbase
from server.grid.fleet.defaultloads import DefaultLoads
from server.grid.fleet.fleetstate import FleetState
from server.grid.optimisation import clusters
from server.grid.optimisation.arrays import Floats, np
from server.grid.optimisation.clusters import Sessions
from server.grid.optimisation.metertrust import LEFT_OUT
from server.grid.optimisation.prices import Tariff, tariff
from server.grid.optimisation.rollinghorizon import HorizonForecast
from server.grid.series import areameter, arrivals, forecastvalues, issuedseries, nodelimits, stalesignals
from server.grid.series.areameter import AreaMeter
from server.grid.series.intervals import Span
from server.models import VirtualDER
from server.resources import sql
from server.resources.codes import DERType

SCHEDULE, IMBALANCE, PRICE = GOVERNING = ("schedule", "imbalance", "price")
EXPORT_PRICE = "export_price"


@dataclass(frozen=True, kw_only=True)
class NetDemand:
    """What an area needs from its members.

    `governing` is the kind of signal, `horizon` what a plan is made for. `imbalance_w` [T] is the imbalance
    if nothing is moved, `uncorrected_w` [T] the same before measurements correct it and without the cars and
    the storage that the plan schedules.
    `uncontrolled_ev_w` [session] is what each car would draw in the first step if it had charged since it
    came. `scheduled_w` [T] is what the cars and the storage that the plan schedules would draw without it.
    `default_w` [storage] is what each battery draws in the first step if it is left alone, as it was
    learned; `default_total_w` is that of all storage, whether it can be dispatched or not. `meter` is what is
    thought of the area's meter. `warnings` tell what is wrong with the signals.
    """
    governing: str
    horizon: HorizonForecast
    uncorrected_w: Floats
    imbalance_w: Floats
    uncontrolled_ev_w: Floats
    scheduled_w: Floats
    default_w: Floats = field(default_factory=lambda: np.zeros(0))
    default_total_w: float = 0.0
    meter: AreaMeter = field(default_factory=AreaMeter)
    warnings: list[str] = field(default_factory=list)


def net_demand(area: VirtualDER, state: FleetState, span: Span, defaults: DefaultLoads) -> NetDemand:
    """Return the net demand of an area. Refused (409) where it has no governing signal.

    `defaults` is what storage does without control. An imbalance signal contains that, as it contains cars
    that charge when they come; what the plan itself schedules is taken out of it, so that it is not planned
    for twice.
    """
    signal_of = {
        kind: issuedseries.known(area, kind, span.start, span.steps, span.step, span.at) for kind in GOVERNING
    }
    governing = next((kind for kind in GOVERNING if np.isfinite(signal_of[kind]).any()), None)
    if governing is None:
        raise Refused(
            409,
            f"{area.name} has no signal from now on: put a signal of the kind imbalance, schedule or price",
        )
    limits = grouplimits.group_limits(area, state, span, by_meter=governing != IMBALANCE)
    arriving = grouplimits.with_spread(arrivals.expected_arrivals(
        state.dispatch_groups, span.start, span.steps, span.at, span.hours), [*limits.over, *limits.within])
    ev_w = uncontrolled_by_request(state.ev.requests, span)
    total_ev_w = ev_w.sum(axis=0) + uncontrolled_arrivals_w(arriving, span)
    base_w, active = thermalbase.outlook(state, span)
    generation_w = np.maximum(_forecast(area, "pv", span), 0)
    default_w = defaults.of(state.storage.device)
    scheduled_w = total_ev_w + default_w.sum(axis=0)  # by the plan itself
    load = forecastvalues.forecast(area, "load", span.start, span.steps, span.at, span.step)
    load_w = base_w.sum(axis=0) - load.values - generation_w
    imbalance_w = load_w + scheduled_w
    if governing == IMBALANCE:
        imbalance_w = np.nan_to_num(signal_of[IMBALANCE])
    elif governing == SCHEDULE:
        imbalance_w = imbalance_w - np.nan_to_num(signal_of[SCHEDULE])
    meter = areameter.assess(area, span.at, span.step, imbalance_w, fleetstate.ability_w(state))
    error = corrections.error(area, span, meter)
    corrected_w = imbalance_w + error.ahead_w(span)
    if governing == IMBALANCE:  # may be off by what is delivered too, so that says nothing of the load
        error = corrections.NO_ERROR
    tolerance_w: Floats | float = 0.0
    if governing != PRICE:
        tolerance_w = issuedseries.tolerance(area, governing, span.start, span.steps, span.step, span.at)
    horizon = HorizonForecast(
        _outside_tolerance(corrected_w, tolerance_w) - scheduled_w,
        base_w,
        _curtailable_w(state, generation_w),
        plannable_arrivals(arriving, span),
        limits.corrected(error.held_w(span, grouplimits.HOLD_S), error.spread_w),
        _tariff(area, signal_of[PRICE], load_w + error.ahead_w(span), span),
        tracked=governing != PRICE,
        active=active,
    )
    unknown = list(limits.warnings)
    if governing == SCHEDULE and load.source == forecastvalues.NOTHING:
        unknown.append(nodelimits.unknown_load(area.name, SCHEDULE))
    return NetDemand(
        governing=governing,
        horizon=horizon,
        uncorrected_w=imbalance_w - scheduled_w,
        imbalance_w=corrected_w,
        uncontrolled_ev_w=ev_w[:, 0],
        scheduled_w=scheduled_w,
        default_w=default_w[:, 0],
        default_total_w=float(defaults.total_w()[0]),
        meter=meter,
        warnings=[
            *stalesignals.stale_signals(area, span.at, span.steps * span.step, span.start),
            *([f"the meter of {area.name} is {areameter.describe(meter)}"]
              if meter.trust.state == LEFT_OUT else []),
            *unknown,
        ],
    )


def _forecast(vder: VirtualDER, quantity: str, span: Span) -> Floats:
    """[T]: the forecast of a quantity; injection positive."""
    return forecastvalues.forecast(vder, quantity, span.start, span.steps, span.at, span.step).values


def _curtailable_w(state: FleetState, generation_w: Floats) -> Floats:
    """[T]: what of an area's generation can be curtailed: the part of the inverters that are told, by their
    ratings."""
    ders = state.columns.ders
    rated_w = float(ders.max_injection_w[ders.der_type == DERType.PHOTOVOLTAIC].sum())
    told_w = float(state.pv.rated_w.sum())
    return np.minimum(generation_w * told_w / max(rated_w, told_w, 1.0), told_w)


def _outside_tolerance(imbalance_w: Floats, tolerance_w: Floats | float) -> Floats:
    """What of an imbalance is beyond its tolerance."""
    excess_w = np.maximum(np.abs(imbalance_w) - tolerance_w, 0)
    return np.asarray(np.sign(imbalance_w) * excess_w, dtype=float)


def _tariff(area: VirtualDER, price: Floats, load_w: Floats, span: Span) -> Tariff | None:
    """What energy costs and earns, per kWh; None where no price is known. `load_w` [T] is the area's load
    less its generation without control."""
    if not np.isfinite(price).any():
        return None
    export = issuedseries.known(area, EXPORT_PRICE, span.start, span.steps, span.step, span.at)
    return tariff(price, export, load_w)


def uncontrolled_by_request(requests: Sequence[str], span: Span) -> Floats:
    """Return [request, T]: what the car of each request (its href) would draw if it charged at full power
    from its arrival until it had what it then asked for."""
    session_of = {
        href: values
        for href, *values in sql.among(
            "SELECT href, arrival_at, departure_at, energy_wh, power_w FROM charging_session "
            "WHERE href IN ({})", requests)
    }
    arrival, departure, energy_wh, power_w = (
        np.array([session_of.get(href, (0, 0, 0.0, 0.0)) for href in requests], dtype=float).reshape(-1, 4).T
    )
    full_at = np.minimum(arrival + np.maximum(energy_wh, 0) * 3600 / np.maximum(power_w, 1.0), departure)
    start = span.start + np.arange(span.steps) * span.step
    charging_s = np.minimum(full_at[:, None], start + span.step) - np.maximum(arrival[:, None], start)
    return np.asarray(power_w[:, None] * np.maximum(charging_s, 0) / span.step, dtype=float)


def uncontrolled_arrivals_w(cars: Sessions, span: Span) -> Floats:
    """Return [T]: what arriving cars would draw if each charged at full power from its arrival until it had
    what it needs."""
    cars = cars.only((cars.depart > 0) & (cars.need > 0))
    if not len(cars.need):
        return np.zeros(span.steps)
    charged_wh: Floats = clusters.sessions(cars, span.steps, span.hours)[0].most.sum(axis=0)
    load_w: Floats = np.diff(charged_wh, prepend=0.0) / span.hours
    return load_w


def plannable_arrivals(cars: Sessions, span: Span) -> Sessions:
    """Return arriving cars as they can be planned for: from the step after that in which each arrives, which
    is decided before the car has asked for energy."""
    cars = cars._replace(arrive=cars.arrive + 1)
    return cars.only(cars.arrive < np.minimum(cars.depart, span.steps))
