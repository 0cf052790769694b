"""What the operator functions of this package return; the values are plain dicts.

Powers are injection in W, save in baselines, which are loads.
"""
from __future__ import annotations

from typing import TypedDict

from server.grid.dispatch.results import OrderSummary, ReactiveDelivery
from server.units import (Fraction, Hours, Href, Instant, KilowattHours, Lfdi, Percent, Seconds, SecondsExact,
                          Vars, WattHours, Watts)


class BaselineRow(TypedDict):
    """The baseline of a device: its `method`, of how many like `days`, and how they were adjusted by the same
    day: by a `factor`, or by `shift_w`.

    `load_w` is the consumption in each quarter of an hour by the clock, of which the first and the last may
    not be whole; None where it is not known.
    """
    name: str
    kind: str
    method: str
    days: int
    factor: float
    shift_w: Watts
    mean_load_w: Watts | None
    load_w: list[Watts | None]


class DevicePerformance(TypedDict):
    """What a device delivered in an event.

    `answer` is its latest response in words, `performance` the delivered fraction of what was expected,
    `coverage` the fraction of the event with readings. `readings_left_out` counts those that straddle an edge
    of the event; `readings_split` is whether there are no others, so that they were divided by time.
    `nonresponse` is why it counts as not responding, empty where it responded or has opted out.
    """
    name: str
    lfdi: Lfdi
    kind: str
    method: str
    answer: str
    expected_w: Watts | None
    delivered_w: Watts | None
    performance: float | None
    coverage: Fraction
    readings_left_out: int
    readings_split: bool
    opted_out: bool
    nonresponse: str


class DirectionPerformance(TypedDict):
    """What was asked in one direction, what was delivered along it, and what of that counts: in each quarter
    of an hour no more than was asked. `performance` is what counts of what was asked."""
    asked_wh: WattHours
    delivered_wh: WattHours
    credited_wh: WattHours
    performance: Fraction | None


class GroupPerformance(TypedDict):
    """What a group delivered in an event: the sum of the devices that were read (`devices_read`).

    `expected_w` and `delivered_w` are net means. `up` is where more injection (or less load) was asked,
    `down` where less, None where nothing was; `performance` is what counts of both as a fraction of what was
    asked of both. `uncertainty_w` is the standard deviation of the baseline, `methods` counts the devices by
    the method of their baseline. `readings_left_out` straddle an edge of the event; of `devices_split`, which
    have no others, they were divided by time. It is `settled` if enough readings are there (`coverage`).
    """
    members: int
    devices_read: int
    expected_w: Watts | None
    delivered_w: Watts | None
    performance: Fraction | None
    up: DirectionPerformance | None
    down: DirectionPerformance | None
    uncertainty_w: Watts | None
    coverage: Fraction
    readings_left_out: int
    devices_split: int
    methods: dict[str, int]
    settled: bool


class DeviceProgress(TypedDict):
    """A device of an order: its latest response in words, and what it delivered so far (see
    `DevicePerformance`). `planned_w` is the injection that it was asked for, `planned_var` the reactive one,
    None where the order says nothing of that."""
    lfdi: Lfdi
    name: str
    control: Href
    answer: str
    planned_w: Watts | None
    expected_w: Watts | None
    delivered_w: Watts | None
    performance: Fraction | None
    method: str
    planned_var: Vars | None
    delivered_var: Vars | None


class OrderDetail(OrderSummary, ReactiveDelivery):
    """An order and what came of it so far, by the figures of `GroupPerformance`; `answers` counts the devices
    by their latest response."""
    answers: dict[str, int]
    devices_read: int
    expected_w: Watts | None
    delivered_w: Watts | None
    performance: Fraction | None
    up: DirectionPerformance | None
    down: DirectionPerformance | None
    readings_left_out: int
    devices_split: int
    devices: list[DeviceProgress]


class DelayStatistics(TypedDict):
    """How long after publication responses were received."""
    count: int
    p50_s: SecondsExact
    p90_s: SecondsExact
    max_s: SecondsExact


class ResponseSummary(TypedDict):
    """The responses to an event.

    `by_status` counts them by status, in words; `delays` are by stage (received, started, completed),
    `received_s` the delays of each "received", sorted.
    """
    by_status: dict[str, int]
    delays: dict[str, DelayStatistics]
    received_s: list[SecondsExact]


class ReboundRow(TypedDict):
    """What came back after an event: energy, its fraction of what was delivered, greatest power, duration."""
    energy_wh: WattHours
    fraction: float | None
    peak_w: Watts
    hours: Hours


class PowerRow(TypedDict):
    """The power of a group in a step of an event, as injection: by its baseline, as asked, and as measured.

    `delivered_w` is the change, measured less baseline. All are sums over the devices that were read then
    (`devices_read`), None where none was. Devices that were erased since are not among them.
    """
    start: Instant
    duration_s: Seconds
    baseline_w: Watts | None
    asked_w: Watts | None
    measured_w: Watts | None
    delivered_w: Watts | None
    devices_read: int


class EventPerformance(TypedDict):
    """The performance of an order, or of a load control event (`event` is its number or href).

    `opted_out` and `nonresponders` are counts of devices; `rebound` is None while there is none to see.
    """
    event: str
    vder: str
    kind: str
    start: Instant
    end: Instant
    published_at: Instant
    group: GroupPerformance
    responses: ResponseSummary
    opted_out: int
    nonresponders: int
    rebound: ReboundRow | None
    power: list[PowerRow]
    devices: list[DevicePerformance]


class NonresponderRow(TypedDict):
    """A device that did not respond: in how many events it did not answer, did not deliver, had opted out."""
    name: str
    lfdi: Lfdi
    kind: str
    events: int
    no_answer: int
    not_delivered: int
    opted_out: int


class SettlementRow(TypedDict):
    """The events of one kind of a group: energies of those with enough readings, None where there are none;
    `unsettled` counts the others.

    `up` is where more injection (or less load) was asked, `down` where less: what was asked, and what was
    delivered along that. `performance_percent` is what counts of both (see `DirectionPerformance`) of what
    was asked of both.
    """
    group: str
    kind: str
    events: int
    unsettled: int
    members: int
    up_asked_kwh: KilowattHours | None
    up_delivered_kwh: KilowattHours | None
    down_asked_kwh: KilowattHours | None
    down_delivered_kwh: KilowattHours | None
    credited_kwh: KilowattHours | None
    uncertainty_kwh: KilowattHours | None
    performance_percent: Percent | None
    methods: list[str]


class KeyFigures(TypedDict, total=False):
    """The key figures of a report; None is not known.

    A day and a month have those of the imbalance before and after flexibility, an event those of its group
    (see `GroupPerformance`; up is more injection).
    """
    rms_before_w: Watts | None
    rms_after_w: Watts | None
    rms_reduction_percent: Percent | None
    peak_before_w: Watts | None
    peak_after_w: Watts | None
    peak_reduction_percent: Percent | None
    moved_kwh: dict[str, KilowattHours]
    events: int
    ev_unserved_kwh: KilowattHours | None
    members: int
    devices_read: int
    expected_w: Watts | None
    delivered_w: Watts | None
    performance_percent: Percent | None
    up_percent: Percent | None
    down_percent: Percent | None
    readings_left_out: int | None
    devices_split: int | None
    uncertainty_w: Watts | None
    rebound_kwh: KilowattHours | None
    responses: int
    opt_outs: int
    nonresponders: int


class DayFigures(KeyFigures):
    """The key figures of a local day (YYYY-MM-DD) of a month."""
    date: str


Series = dict[str, list[float | None]]
"""Values by quantity, one for each interval; None is a gap."""


class Report(TypedDict):
    """A report of an event, a day or a month (`kind`), with all that its page shows."""
    title: str
    kind: str
    vder: str
    timezone: str
    start: Instant
    end: Instant
    key_figures: KeyFigures
    series: Series
    events: list[EventPerformance]
    settlement: list[SettlementRow]
    days: list[DayFigures]


class WrittenReport(TypedDict):
    """A report of which the page (`html`, a path) was written, without the series of its charts.

    `figures` are the key figures that are known, in words, by caption. `power` and `devices` are those
    of an event.
    """
    title: str
    vder: str
    timezone: str
    start: Instant
    end: Instant
    html: str
    figures: dict[str, str]
    key_figures: KeyFigures
    settlement: list[SettlementRow]
    days: list[DayFigures]
    power: list[PowerRow]
    devices: list[DevicePerformance]


class Chart(TypedDict):
    """A chart of a report: `svg` is an element that stands in a page."""
    title: str
    note: str
    svg: str
