"""What each device of an event would have drawn, was asked to and did, in each step of the event.

A step is a quarter of an hour by the clock; the first and the last are shorter where the event begins or ends
within one. Consumption is positive, in W, NaN where it is not known.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from server.grid.optimisation.arrays import Floats, np
from server.grid.reports import baselines
from server.grid.reports.baselines import BaselineRequest, MemberBaseline
from server.grid.reports.evaluatedevents import EvaluatedEvent, Expectation
from server.grid.series import devicereadings, intervals
from server.models import Device
from server.units import Fraction, Instant

NONE_YET = MemberBaseline(np.zeros(0), baselines.NO_BASELINE)
LIMITS = ("limit", "limit_watts")  # quantities of orders that can only lower generation


@dataclass(frozen=True, kw_only=True)
class MemberSteps:
    """The load of a device [t] by its baseline, its readings and the plan.

    `coverage` is the fraction of the event with readings, `left_out` how many of them straddle an edge of it,
    and `split` whether they were divided by time instead (see `devicereadings.of_event`).
    """
    baseline: MemberBaseline
    metered_w: Floats
    planned_w: Floats
    coverage: Fraction
    left_out: int
    split: bool

    @property
    def asked_w(self) -> Floats:
        """The change of injection that was asked for."""
        return self.baseline.load_w - self.planned_w

    @property
    def delivered_w(self) -> Floats:
        """The change of injection that was metered."""
        return self.baseline.load_w - self.metered_w


def until(event: EvaluatedEvent, now: Instant) -> Instant:
    """Return the instant until which an event is over, its start where it has not begun."""
    return max(min(event.end, now), event.start)


def hours(event: EvaluatedEvent, now: Instant) -> Floats:
    """Return [t] the length of each step of an event, in hours, as far as it is over."""
    return np.diff(np.array(intervals.edges(event.start, until(event, now)), dtype=float)) / 3600


def read(
    event: EvaluatedEvent, devices: Sequence[Device], kinds: Mapping[int, str], now: Instant
) -> list[MemberSteps]:
    """Return the steps of each of these devices of an event, as far as it is over."""
    end = until(event, now)
    readings = devicereadings.of_event([device.id for device in devices], event.start, end)
    expectations = [event.expectations[device.lfdi] for device in devices]
    estimates = [NONE_YET] * len(devices)
    if end > event.start:
        estimates = baselines.member_baselines([
            BaselineRequest(
                device.id, device.lfdi, kinds[device.id], event.start, end, excluding=expectation.mrid,
                ordered_w=baselines.load_of(expectation.baseline_w), continuous=event.continuous)
            for device, expectation in zip(devices, expectations, strict=True)])
    return [
        MemberSteps(
            baseline=estimates[number],
            metered_w=-readings.injection_w[number],
            planned_w=planned_w(estimates[number].load_w, expectation, kinds[device.id], event.kind),
            coverage=float(readings.coverage[number]),
            left_out=int(readings.left_out[number]),
            split=bool(readings.split[number]),
        )
        for number, (device, expectation) in enumerate(zip(devices, expectations, strict=True))]


def planned_w(baseline_w: Floats, expectation: Expectation, kind: str, quantity: str) -> Floats:
    """Return the load [t] that a device was asked to draw, by its baseline [t]. Pure.

    What it was sent decides. A set point is a power. A thermal load was sent a change, as an offset or a duty
    cycle. A limit changes nothing where generation stays below it.
    """
    if expectation.planned_w is None:
        return np.full(len(baseline_w), np.nan)
    load_w, ordered_w = -expectation.planned_w, baselines.load_of(expectation.baseline_w)
    if quantity in LIMITS:
        return baseline_w if load_w == ordered_w else np.maximum(baseline_w, load_w)
    if kind == "thermal" and ordered_w is not None:
        return baseline_w + (load_w - ordered_w)
    return np.full(len(baseline_w), load_w)
