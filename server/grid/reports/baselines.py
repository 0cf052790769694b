"""What devices would have drawn had we asked for nothing: a method for each kind of device, from what was
read.

    store        its own meter: nothing                    submeter
    car          as it would have charged left alone       uncontrolled, at full power from when it came
    sun          what it gave before, or says it could     level before, available (statWAvail)
    heat, …      the mean of like days, put right          10 of 10, same day (see measure)

Consumption is positive, in W; values stand for steps of STEP seconds. Where the readings do not carry a
method, the estimate that was made when the order was given stands in ("as ordered").
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from server.config import settings
from server.devices import enrolment
from server.errors import Refused
from server.grid.groups import drprograms, virtualders
from server.grid.optimisation import measurement
from server.grid.optimisation.arrays import Bools, Floats, np
from server.grid.series import devicereadings
from server.grid.series.intervals import STEP
from server.models import (ChargingSession, DerState, Device, DeviceType, DispatchOrder, Document, Share,
                           VirtualDER)
from server.resources import hexbinary, sql
from server.resources.codes import EventStatus

QUARTERS = 86400 // STEP
BEFORE, AFTER = 3600, 2 * 3600  # around an event of ours: pre-heating, and what comes back
LOOK_BACK_DAYS = 42  # days in which like days are sought
LONGEST_S = 86400
NO_BASELINE = "none"
# By method, how far one device's baseline is off, as a part of it (the median of homes for 10 of 10).
RELATIVE_ERRORS = {
    "submeter": 0.0,
    "uncontrolled": 0.05,
    "available": 0.05,
    "level before": 0.2,
    "10 of 10, same day": 0.36,
    "as ordered": 0.4,
}


class BaselineRequest(NamedTuple):
    """A device in an event; `ordered` is the baseline that was estimated when it was given (consumption +,
    W). Of the automatic balance, which asks in every step (`always`), no like day is free: there the estimate
    holds."""
    device: int
    lfdi: str
    what: str
    ordered: float | None = None
    always: bool = False


class MemberBaseline(NamedTuple):
    """`values` [steps] consumption in W, by which method, of how many days, put right by which factor."""
    values: Floats
    method: str
    days: int = 0
    factor: float = 1.0


Method = Callable[[BaselineRequest, int, int, str], MemberBaseline | None]


def member_baseline(asked: BaselineRequest, start: int, end: int, apart: str = "") -> MemberBaseline:
    """A device's baseline over [start, end), in steps of STEP from `start` on; `apart` is the mRID of the
    event it is for. Without readings and estimate all is NaN, and the method "none"."""
    if not 0 < end - start <= LONGEST_S:
        raise Refused(400, f"a baseline is of up to {LONGEST_S // 3600} h, not of {end - start} s")
    method = METHODS.get(asked.what, _like_days)
    estimated = asked.always and asked.ordered is not None and method in (_like_days, _available)
    found = None if estimated else method(asked, start, end, apart)
    if found is not None:
        return found
    steps = _steps(start, end)
    if asked.ordered is not None:
        return MemberBaseline(np.full(steps, asked.ordered), "as ordered")
    return MemberBaseline(np.full(steps, np.nan), NO_BASELINE)


def _steps(start: int, end: int) -> int:
    return max(-(-(end - start) // STEP), 1)


def _submeter(asked: BaselineRequest, start: int, end: int, apart: str) -> MemberBaseline:
    return MemberBaseline(measurement.submeter(_steps(start, end)).values, "submeter")


def _uncontrolled(asked: BaselineRequest, start: int, end: int, apart: str) -> MemberBaseline:
    """Full power from when it came until it has what it asked for, or leaves."""
    begin = start + STEP * np.arange(_steps(start, end))
    drawn = np.zeros(len(begin))
    for visit in ChargingSession.select().where(
        (ChargingSession.device == asked.device)
        & (ChargingSession.arrival_at < end)
        & (ChargingSession.departure_at > start)
        & ~ChargingSession.cancelled
    ):
        full = min(visit.arrival_at + visit.energy_wh * 3600 / max(visit.power_w, 1.0), visit.departure_at)
        drawn += (
            visit.power_w
            * np.clip(np.minimum(full, begin + STEP) - np.maximum(visit.arrival_at, begin), 0, STEP)
            / STEP
        )
    return MemberBaseline(drawn, "uncontrolled")


def _available(asked: BaselineRequest, start: int, end: int, apart: str) -> MemberBaseline | None:
    """What it gave in the hour before, as far as it was left alone; else what it says it could give."""
    first = start - BEFORE
    before = -devicereadings.mean_injection_w([asked.device], first, start, STEP)[0]
    left = before[
        ~_in_any_span(own_events(asked, first, start, apart), first + STEP * np.arange(len(before)))
    ]
    if np.isfinite(left).any():
        return MemberBaseline(np.full(_steps(start, end), float(np.nanmean(left))), "level before")
    offered = [
        unit.available_w
        for unit in DerState.select().where(DerState.device == asked.device)
        if unit.available_w is not None
    ]
    return MemberBaseline(np.full(_steps(start, end), -sum(offered)), "available") if offered else None


def _like_days(asked: BaselineRequest, start: int, end: int, apart: str) -> MemberBaseline | None:
    """10 of 10 with same-day adjustment. Days are local, by the clock on the wall: the quarter of an hour at
    half past six is the same one in summer and in winter, whether the day has 23, 24 or 25 hours."""
    zone = ZoneInfo(settings.timezone)
    day = datetime.fromtimestamp(start, zone).date()
    days = [*like_days(day), day]
    walls = np.array([local_quarters(one, zone) for one in days])
    first, last = int(walls.min()) // STEP * STEP, int(walls.max()) + STEP
    drawn = -devicereadings.mean_injection_w([asked.device], first, last, STEP)[0]
    values = drawn[(walls - first) // STEP]
    mine = _in_any_span(own_events(asked, first, last, apart), walls)
    begin = int(np.searchsorted(walls[-1], start, side="right")) - 1
    steps = _steps(start, end)
    try:
        found = measurement.ten_of_ten(
            values[:-1], values[-1], begin, begin + steps, 3600 // STEP, mine[:-1], mine[-1]
        )
    except ValueError:
        return None
    return MemberBaseline(found.values, found.method, found.days, found.factor)


METHODS: dict[str, Method] = {"storage": _submeter, "ev": _uncontrolled, "pv": _available}


def like_days(day: date) -> list[date]:
    """The days before this one that are like it, working days or weekends, the newest last."""
    weekend = day.weekday() >= 5
    return [one for back in range(LOOK_BACK_DAYS, 0, -1)
            if ((one := day - timedelta(days=back)).weekday() >= 5) == weekend]


def local_quarters(day: date, zone: ZoneInfo) -> list[int]:
    """The instants of the quarters of an hour of a local day and the next, by the clock on the wall."""
    midnight = datetime(day.year, day.month, day.day)
    return [int((midnight + timedelta(seconds=STEP * number)).replace(tzinfo=zone).timestamp())
            for number in range(2 * QUARTERS)]


def own_events(asked: BaselineRequest, start: int, end: int, apart: str = "") -> list[tuple[int, int]]:
    """When events of ours were at work on a device in [start, end), with the time before and after in which
    they still tell: orders, and the events of every virtual DER that has it. `apart` is the mRID of an event
    that does not count."""
    found = []
    for begin, duration, cancelled in sql.rows(
        "SELECT o.start, o.duration_s, o.cancelled_at FROM share s JOIN dispatch_order o ON s.order_id = "
        "o.id WHERE s.lfdi = ? "
        "AND s.mrid <> ? AND o.start < ? AND o.start + o.duration_s > ?",
        asked.lfdi,
        apart,
        end + BEFORE,
        start - AFTER,
    ):
        found.append((begin, begin + duration if cancelled is None else min(cancelled, begin + duration)))
    ranks = [
        href
        for vder in virtualders_of(asked.device)
        for href in (f"{vder.program}/derc", f"{drprograms.href(vder)}/edc")
    ]
    nature = DeviceType.get_or_none(DeviceType.device == asked.device)
    for event in Document.select().where(Document.parent.in_(ranks)) if ranks else ():
        said = event.submitted
        bits = hexbinary.bits(said.get("deviceCategory"))
        if (
            said["mRID"] == apart
            or bits
            and nature is not None
            and nature.category
            and not bits & nature.category
        ):
            continue
        begin = said["interval"]["start"]
        until = begin + said["interval"]["duration"]
        if event.status["currentStatus"] > EventStatus.ACTIVE:
            until = min(until, event.status["dateTime"])
        found.append((begin, until))
    return [(begin - BEFORE, until + AFTER) for begin, until in found if until > begin]


def virtualders_of(device: int) -> list[VirtualDER]:
    """Every virtual DER that has a device."""
    rows = sql.rows("SELECT vder_id FROM membership WHERE device_id = ? ORDER BY vder_id", device)
    return list(VirtualDER.select().where(VirtualDER.id.in_([number for number, in rows])))


def _in_any_span(spans: Sequence[tuple[int, int]], instants: Any) -> Bools:
    found = np.zeros(np.shape(instants), dtype=bool)
    for begin, until in spans:
        found |= (instants + STEP > begin) & (instants < until)
    return found


def device_kinds(devices: Sequence[Device]) -> dict[int, str]:
    """What each of these is, by number; "other" where nothing is known of it."""
    return {device.id: "other" for device in devices} | {
        row.device.id: row.kind
        for row in DeviceType.select(DeviceType, Device)
        .join(Device)
        .where(Device.id.in_([one.id for one in devices]))
    }


def compute(name: str, start: int, end: int) -> list[dict[str, Any]]:
    """The baseline of a device, or of each member of a virtual DER, over [start, end): mean consumption in W,
    method."""
    vder = VirtualDER.get_or_none(VirtualDER.name == name)
    devices = list(virtualders.members(vder)) if vder is not None else [enrolment.find(name)]
    kinds = device_kinds(devices)
    return [
        _row(
            device,
            kinds[device.id],
            member_baseline(BaselineRequest(device.id, device.lfdi, kinds[device.id]), start, end),
        )
        for device in devices
    ]


def _row(device: Device, what: str, found: MemberBaseline) -> dict[str, Any]:
    mean = float(found.values.mean())
    return {"name": device.name or device.lfdi, "what": what, "method": found.method, "days": found.days,
            "factor": round(found.factor, 3), "mean_w": round(mean, 1) if np.isfinite(mean) else None,
            "values_w": [round(float(value), 1) if np.isfinite(value) else None for value in found.values]}


def show(number: int) -> list[dict[str, Any]]:
    """The baseline of each device of an order. Refused (404) where there is no such order."""
    order = DispatchOrder.get_or_none(DispatchOrder.id == number)
    if order is None:
        raise Refused(404, f"there is no order {number}")
    shares = {share.lfdi: share for share in Share.select().where(Share.order == order)}
    devices = list(Device.select().where(Device.lfdi.in_(list(shares))).order_by(Device.id))
    kinds = device_kinds(devices)
    return [
        _row(
            device,
            kinds[device.id],
            member_baseline(
                BaselineRequest(
                    device.id, device.lfdi, kinds[device.id], order_baseline_w(shares[device.lfdi].baseline_w)
                ),
                order.start,
                order.start + order.duration_s,
                shares[device.lfdi].mrid,
            ),
        )
        for device in devices
    ]


def order_baseline_w(injection: float | None) -> float | None:
    """A share's estimate (injection) as consumption."""
    return None if injection is None else -injection
