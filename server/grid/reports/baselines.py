"""Baselines: what devices would have drawn without an event of ours, by a method for each kind of device.

    ev                       at full power from its arrival        uncontrolled
    pv                       its level before, or what it reports  meter before, available (statWAvail)
    storage, thermal, other  the mean of like days, adjusted       10 of 10 (see measurement)

Storage that is left alone is not idle: in self-consumption it charges and discharges every day, which is
learned from its own meter. Consumption is positive, in W; values stand for the steps between `edges`. Where
readings do not suffice for a method, the estimate of the order is used ("as ordered").
"""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from server import scopes
from server.config import settings
from server.devices import enrolment
from server.errors import Refused
from server.grid.dispatch.orders import find_order
from server.grid.groups import virtualders
from server.grid.optimisation import measurement
from server.grid.optimisation.arrays import Bools, Floats, Whole, np
from server.grid.reports import likedays, ownevents
from server.grid.reports.ownevents import BEFORE
from server.grid.reports.results import BaselineRow
from server.grid.series import devicereadings, intervals
from server.grid.series.intervals import STEP
from server.models import ChargingSession, DerState, Device, DeviceType, Share, VirtualDER, among, chunked

QUARTERS = 86400 // STEP
LONGEST_S = 86400
PER_HOUR = 3600 // STEP
DEVICES_AT_ONCE, DAYS_AT_ONCE = 200, 12  # of like days; more are read where some do not count
NO_BASELINE = "none"
# By method, the error of one device's baseline relative to it (for 10 of 10 the median of homes).
TEN_OF_TEN = "10 of 10"
RELATIVE_ERRORS = {
    "uncontrolled": 0.05,
    "available": 0.05,
    "meter before": 0.2,
    TEN_OF_TEN: 0.39,
    f"{TEN_OF_TEN}, {measurement.MULTIPLICATIVE}": 0.36,
    f"{TEN_OF_TEN}, {measurement.ADDITIVE}": 0.36,
    "as ordered": 0.4,
}


@dataclass(frozen=True)
class BaselineRequest:
    """A device (number and LFDI) of a kind, whose baseline over [start, end) is asked for.

    `excluding` is the mRID of the event that it is for, `ordered_w` the estimate (load) that the order was
    made with. The automatic balance (`continuous`) dispatches in every step, so no like day is unaffected,
    and the estimate is used: it is what was learned before (see `fleet.defaultbehaviour`).
    """
    device: int
    lfdi: str
    kind: str
    start: int
    end: int
    excluding: str = ""
    ordered_w: float | None = None
    continuous: bool = False

    @property
    def edges(self) -> list[int]:
        """The instants between which the steps are: multiples of STEP, save the first and the last."""
        return intervals.edges(self.start, self.end)

    @property
    def steps(self) -> int:
        return max(len(self.edges) - 1, 0)


class MemberBaseline(NamedTuple):
    """`load_w` [steps], the method, of how many like `days`, and how they were adjusted: by a `factor`, or by
    `shift_w`."""
    load_w: Floats
    method: str
    days: int = 0
    factor: float = 1.0
    shift_w: float = 0.0


Method = Callable[[Sequence[BaselineRequest]], list[MemberBaseline | None]]


def member_baseline(request: BaselineRequest) -> MemberBaseline:
    """Return a device's baseline: see `member_baselines`."""
    return member_baselines([request])[0]


def member_baselines(requests: Sequence[BaselineRequest]) -> list[MemberBaseline]:
    """Return the baselines of devices, of all over the same time.

    Without readings and estimate all is NaN, and the method "none". Refused (400) where they are not of up to
    a day.
    """
    for request in requests:
        if not 0 < request.end - request.start <= LONGEST_S:
            raise Refused(400, f"a baseline is of up to {LONGEST_S // 3600} h, not of "
                               f"{request.end - request.start} s")
    baselines = [_as_ordered(request) for request in requests]
    by_method: dict[Method, list[int]] = defaultdict(list)
    for number, request in enumerate(requests):
        method = METHODS.get(request.kind, _like_days)
        if not request.continuous or request.ordered_w is None or method is _uncontrolled:
            by_method[method].append(number)
    for method, numbers in by_method.items():
        for number, baseline in zip(numbers, method([requests[number] for number in numbers]), strict=True):
            baselines[number] = baseline or baselines[number]
    return baselines


def _as_ordered(request: BaselineRequest) -> MemberBaseline:
    if request.ordered_w is None:
        return MemberBaseline(np.full(request.steps, np.nan), NO_BASELINE)
    return MemberBaseline(np.full(request.steps, request.ordered_w), "as ordered")


def _uncontrolled(requests: Sequence[BaselineRequest]) -> list[MemberBaseline | None]:
    """Return full power from each session's arrival until its energy is charged, or it departs."""
    return [MemberBaseline(_uncontrolled_w(request), "uncontrolled") for request in requests]


def _uncontrolled_w(request: BaselineRequest) -> Floats:
    edges = np.array(request.edges)
    load_w = np.zeros(request.steps)
    for session in ChargingSession.select().where(
        (ChargingSession.device == request.device)
        & (ChargingSession.arrival_at < request.end)
        & (ChargingSession.departure_at > request.start)
        & ~ChargingSession.cancelled
    ):
        duration_s = session.energy_wh * 3600 / max(session.power_w, 1.0)
        end = min(session.arrival_at + duration_s, session.departure_at)
        overlap_s = np.minimum(end, edges[1:]) - np.maximum(session.arrival_at, edges[:-1])
        load_w += session.power_w * np.maximum(overlap_s, 0) / np.diff(edges)
    return load_w


def _available(requests: Sequence[BaselineRequest]) -> list[MemberBaseline | None]:
    """Return the mean level of the hour before, without our events; else what each device reports as
    available."""
    start = requests[0].start
    first = start - BEFORE
    devices = [request.device for request in requests]
    injection_w = devicereadings.mean_injection_w(devices, first, start, STEP)
    return [_level_before(request, -device_w, first)
            for request, device_w in zip(requests, injection_w, strict=True)]


def _level_before(request: BaselineRequest, before_w: Floats, first: int) -> MemberBaseline | None:
    instants = first + STEP * np.arange(len(before_w))
    affected = ownevents.in_any(_events(request, first, request.start), instants)
    unaffected_w = before_w[~affected]
    if np.isfinite(unaffected_w).any():
        return MemberBaseline(np.full(request.steps, float(np.nanmean(unaffected_w))), "meter before")
    available_w = [
        der.available_w
        for der in DerState.select().where(DerState.device == request.device)
        if der.available_w is not None
    ]
    return MemberBaseline(np.full(request.steps, -sum(available_w)), "available") if available_w else None


def _like_days(requests: Sequence[BaselineRequest]) -> list[MemberBaseline | None]:
    """Return the mean of ten like days with same-day adjustment; None where there are not enough.

    Days are local: the quarter of an hour at 06:30 is the same in summer and in winter, whether a day has 23,
    24 or 25 hours.
    """
    zone = ZoneInfo(settings.timezone)
    day = datetime.fromtimestamp(requests[0].start, zone).date()
    today = local_quarters(day, zone)
    begin = int(np.searchsorted(today, requests[0].start, side="right")) - 1
    first = max(begin - measurement.COMPARED_HOURS * PER_HOUR, 0)
    window = slice(first, begin + requests[0].steps)
    days = [np.array(local_quarters(like_day, zone)[window]) for like_day in likedays.like_days(day)]
    return [baseline for some in chunked(requests, DEVICES_AT_ONCE)
            for baseline in _of_days(some, days, np.array(today[window]), begin - first)]


def _of_days(
    requests: Sequence[BaselineRequest], days: Sequence[Whole], today: Whole, begin: int
) -> list[MemberBaseline | None]:
    """Return the baselines of devices by their like days, the newest last, of which as many are read as it
    takes. `days` and `today` are the quarters of an hour that matter, by their instants; the event begins at
    the index `begin`."""
    devices = [request.device for request in requests]
    published: ownevents.Published = {}
    spans = [ownevents.own_events(request.device, request.lfdi, int(days[0][0]), int(today[-1]) + STEP,
                                  request.excluding, published) for request in requests]
    loads_w = [_loads(devices, today)]
    baselines: list[MemberBaseline | None] = [None] * len(requests)
    while len(loads_w) <= len(days) and any(
            baseline is None or baseline.days < measurement.BASELINE_DAYS for baseline in baselines):
        older = days[max(len(days) - len(loads_w) + 1 - DAYS_AT_ONCE, 0):len(days) - len(loads_w) + 1]
        loads_w = [*(_loads(devices, quarters) for quarters in older), *loads_w]
        quarters = np.stack([*days[len(days) - len(loads_w) + 1:], today])
        baselines = [
            _ten_of_ten(np.stack([load_w[number] for load_w in loads_w]),
                        ownevents.in_any(spans[number], quarters), begin)
            for number in range(len(requests))]
    return baselines


def _loads(devices: Sequence[int], quarters: Whole) -> Floats:
    """Return [devices, quarters] what devices drew in these quarters of an hour of a local day."""
    first, last = int(quarters.min()) // STEP * STEP, int(quarters.max()) + STEP
    injection_w = devicereadings.mean_injection_w(devices, first, last, STEP)
    return -injection_w[:, (quarters - first) // STEP]


def _ten_of_ten(load_w: Floats, affected: Bools, begin: int) -> MemberBaseline | None:
    """Return the baseline of a device by its like days and, last, the day itself, [days, quarters], from the
    index `begin` on; None where no like day is without gap and without an event of ours."""
    try:
        mean = measurement.ten_of_ten(
            load_w[:-1], load_w[-1], begin, load_w.shape[1], PER_HOUR, affected[:-1], affected[-1])
    except ValueError:
        return None
    return MemberBaseline(
        mean.values, mean.method, mean.days, mean.adjustment.factor, mean.adjustment.shift_w)


def _events(request: BaselineRequest, start: int, end: int) -> list[ownevents.Span]:
    return ownevents.own_events(request.device, request.lfdi, start, end, request.excluding)


METHODS: dict[str, Method] = {"ev": _uncontrolled, "pv": _available}


def local_quarters(day: date, zone: ZoneInfo) -> list[int]:
    """Return the instants of the quarters of an hour of a local day and the next, by local time."""
    midnight = datetime(day.year, day.month, day.day)
    return [int((midnight + timedelta(seconds=STEP * number)).replace(tzinfo=zone).timestamp())
            for number in range(2 * QUARTERS)]


def device_kinds(devices: Sequence[Device]) -> dict[int, str]:
    """Return the kind of each of these devices, by number; "other" where it is not known."""
    types = among(DeviceType.select(), DeviceType.device, [device.id for device in devices])
    return {device.id: "other" for device in devices} | {row.device_id: row.kind for row in types}


def compute(name: str, start: int, end: int) -> list[BaselineRow]:
    """Return the baseline of a device, or of each member of a virtual DER, over [start, end)."""
    vder = scopes.vders(VirtualDER.select().where(VirtualDER.name == name)).first()
    devices = list(virtualders.members(vder)) if vder is not None else [enrolment.find(name)]
    kinds = device_kinds(devices)
    return _rows(devices, [BaselineRequest(device.id, device.lfdi, kinds[device.id], start, end)
                           for device in devices])


def show(number: int) -> list[BaselineRow]:
    """Return the baseline of each device of an order. Refused (404) where there is no such order."""
    order = find_order(number)
    shares = {share.lfdi: share for share in Share.select().where(Share.order == order)}
    devices = sorted(among(Device.select(), Device.lfdi, shares), key=lambda device: device.id)
    kinds = device_kinds(devices)
    end = order.start + order.duration_s
    return _rows(devices, [
        BaselineRequest(
            device.id, device.lfdi, kinds[device.id], order.start, end, excluding=share.mrid,
            ordered_w=load_of(share.baseline_w), continuous=order.plan_id is not None)
        for device in devices for share in (shares[device.lfdi],)])


def load_of(injection_w: float | None) -> float | None:
    """Return an injection as a load."""
    return None if injection_w is None else 0.0 - injection_w


def _rows(devices: Sequence[Device], requests: Sequence[BaselineRequest]) -> list[BaselineRow]:
    return [_row(device, request, baseline) for device, request, baseline in zip(
        devices, requests, member_baselines(requests), strict=True)]


def _row(device: Device, request: BaselineRequest, baseline: MemberBaseline) -> BaselineRow:
    mean_load_w = float(baseline.load_w @ np.diff(request.edges)) / (request.end - request.start)
    return {
        "name": device.name or device.lfdi,
        "kind": request.kind,
        "method": baseline.method,
        "days": baseline.days,
        "factor": round(baseline.factor, 3),
        "shift_w": round(baseline.shift_w, 1),
        "mean_load_w": round(mean_load_w, 1) if np.isfinite(mean_load_w) else None,
        "load_w": [round(float(load_w), 1) if np.isfinite(load_w) else None for load_w in baseline.load_w],
    }
