"""Baselines: what devices would have drawn without an event of ours, by a method for each kind of device.

    storage         its own meter: nothing                          submeter
    ev              at full power from its arrival                  uncontrolled
    pv              its level before, or what it reports            level before, available (statWAvail)
    thermal, other  the mean of like days, adjusted                 10 of 10, same day (see measurement)

Consumption is positive, in W; values stand for steps of STEP seconds. Where readings do not suffice for a
method, the estimate of the order is used ("as ordered").
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from server.config import settings
from server.devices import enrolment
from server.errors import Refused
from server.grid.groups import virtualders
from server.grid.optimisation import measurement
from server.grid.optimisation.arrays import Floats, np
from server.grid.reports import likedays, ownevents
from server.grid.reports.ownevents import BEFORE
from server.grid.reports.results import BaselineRow
from server.grid.series import devicereadings
from server.grid.series.intervals import STEP
from server.models import (ChargingSession, DerState, Device, DeviceType, DispatchOrder, Share, VirtualDER,
                           among)

QUARTERS = 86400 // STEP
LONGEST_S = 86400
NO_BASELINE = "none"
# By method, the error of one device's baseline relative to it (for 10 of 10 the median of homes).
RELATIVE_ERRORS = {
    "submeter": 0.0,
    "uncontrolled": 0.05,
    "available": 0.05,
    "level before": 0.2,
    "10 of 10, same day": 0.36,
    "as ordered": 0.4,
}


@dataclass(frozen=True)
class BaselineRequest:
    """A device (number and LFDI) of a kind, whose baseline over [start, end) is asked for.

    `excluding` is the mRID of the event that it is for, `ordered_w` the estimate (load) that the order was
    made with. The automatic balance (`continuous`) dispatches in every step, so no like day is unaffected,
    and the estimate is used.
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
    def steps(self) -> int:
        return max(-(-(self.end - self.start) // STEP), 1)


class MemberBaseline(NamedTuple):
    """`load_w` [steps], the method, of how many like days, and the factor that adjusts them."""
    load_w: Floats
    method: str
    days: int = 0
    factor: float = 1.0


Method = Callable[[BaselineRequest], MemberBaseline | None]


def member_baseline(request: BaselineRequest) -> MemberBaseline:
    """Return a device's baseline in steps of STEP.

    Without readings and estimate all is NaN, and the method "none". Refused (400) where it is not of up to a
    day.
    """
    if not 0 < request.end - request.start <= LONGEST_S:
        raise Refused(
            400, f"a baseline is of up to {LONGEST_S // 3600} h, not of {request.end - request.start} s"
        )
    method = METHODS.get(request.kind, _like_days)
    use_estimate = (
        request.continuous and request.ordered_w is not None and method in (_like_days, _available)
    )
    baseline = None if use_estimate else method(request)
    if baseline is not None:
        return baseline
    if request.ordered_w is not None:
        return MemberBaseline(np.full(request.steps, request.ordered_w), "as ordered")
    return MemberBaseline(np.full(request.steps, np.nan), NO_BASELINE)


def _submeter(request: BaselineRequest) -> MemberBaseline:
    return MemberBaseline(measurement.submeter(request.steps).values, "submeter")


def _uncontrolled(request: BaselineRequest) -> MemberBaseline:
    """Return full power from each session's arrival until its energy is charged, or it departs."""
    begin = request.start + STEP * np.arange(request.steps)
    load_w = np.zeros(len(begin))
    for session in ChargingSession.select().where(
        (ChargingSession.device == request.device)
        & (ChargingSession.arrival_at < request.end)
        & (ChargingSession.departure_at > request.start)
        & ~ChargingSession.cancelled
    ):
        duration_s = session.energy_wh * 3600 / max(session.power_w, 1.0)
        end = min(session.arrival_at + duration_s, session.departure_at)
        overlap_s = np.minimum(end, begin + STEP) - np.maximum(session.arrival_at, begin)
        load_w += session.power_w * np.clip(overlap_s, 0, STEP) / STEP
    return MemberBaseline(load_w, "uncontrolled")


def _available(request: BaselineRequest) -> MemberBaseline | None:
    """Return the mean level of the hour before, without our events; else what the device reports as
    available."""
    first = request.start - BEFORE
    before_w = -devicereadings.mean_injection_w([request.device], first, request.start, STEP)[0]
    instants = first + STEP * np.arange(len(before_w))
    affected = ownevents.in_any(_events(request, first, request.start), instants)
    unaffected_w = before_w[~affected]
    if np.isfinite(unaffected_w).any():
        return MemberBaseline(np.full(request.steps, float(np.nanmean(unaffected_w))), "level before")
    available_w = [
        der.available_w
        for der in DerState.select().where(DerState.device == request.device)
        if der.available_w is not None
    ]
    return MemberBaseline(np.full(request.steps, -sum(available_w)), "available") if available_w else None


def _like_days(request: BaselineRequest) -> MemberBaseline | None:
    """Return the mean of ten like days with same-day adjustment; None where there are not enough.

    Days are local: the quarter of an hour at 06:30 is the same in summer and in winter, whether a day has 23,
    24 or 25 hours.
    """
    zone = ZoneInfo(settings.timezone)
    day = datetime.fromtimestamp(request.start, zone).date()
    quarters = np.array([local_quarters(like_day, zone) for like_day in [*likedays.like_days(day), day]])
    first, last = int(quarters.min()) // STEP * STEP, int(quarters.max()) + STEP
    load_w = -devicereadings.mean_injection_w([request.device], first, last, STEP)[0]
    values = load_w[(quarters - first) // STEP]
    affected = ownevents.in_any(_events(request, first, last), quarters)
    begin = int(np.searchsorted(quarters[-1], request.start, side="right")) - 1
    try:
        mean = measurement.ten_of_ten(
            values[:-1], values[-1], begin, begin + request.steps, 3600 // STEP, affected[:-1], affected[-1]
        )
    except ValueError:
        return None
    return MemberBaseline(mean.values, mean.method, mean.days, mean.factor)


def _events(request: BaselineRequest, start: int, end: int) -> list[ownevents.Span]:
    return ownevents.own_events(request.device, request.lfdi, start, end, request.excluding)


METHODS: dict[str, Method] = {"storage": _submeter, "ev": _uncontrolled, "pv": _available}


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
    vder = VirtualDER.get_or_none(VirtualDER.name == name)
    devices = list(virtualders.members(vder)) if vder is not None else [enrolment.find(name)]
    kinds = device_kinds(devices)
    return [
        _row(device, BaselineRequest(device.id, device.lfdi, kinds[device.id], start, end))
        for device in devices
    ]


def show(number: int) -> list[BaselineRow]:
    """Return the baseline of each device of an order. Refused (404) where there is no such order."""
    order = DispatchOrder.get_or_none(DispatchOrder.id == number)
    if order is None:
        raise Refused(404, f"there is no order {number}")
    shares = {share.lfdi: share for share in Share.select().where(Share.order == order)}
    devices = sorted(among(Device.select(), Device.lfdi, shares), key=lambda device: device.id)
    kinds = device_kinds(devices)
    rows = []
    for device in devices:
        share = shares[device.lfdi]
        request = BaselineRequest(
            device.id, device.lfdi, kinds[device.id], order.start, order.start + order.duration_s,
            excluding=share.mrid, ordered_w=load_of(share.baseline_w),
        )
        rows.append(_row(device, request))
    return rows


def load_of(injection_w: float | None) -> float | None:
    """Return an injection as a load."""
    return None if injection_w is None else -injection_w


def _row(device: Device, request: BaselineRequest) -> BaselineRow:
    baseline = member_baseline(request)
    mean_load_w = float(baseline.load_w.mean())
    return {
        "name": device.name or device.lfdi,
        "kind": request.kind,
        "method": baseline.method,
        "days": baseline.days,
        "factor": round(baseline.factor, 3),
        "mean_load_w": round(mean_load_w, 1) if np.isfinite(mean_load_w) else None,
        "load_w": [round(float(load_w), 1) if np.isfinite(load_w) else None for load_w in baseline.load_w],
    }
