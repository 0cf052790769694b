"""Reports of an event, a day or a month: one dict with all that a page shows.

`key_figures` has the key figures, `series` what is drawn, by interval. Days and months are local (setting
`timezone`). Imbalances are consumption positive, all else is injection, in W; energies are in kWh.
"""
from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from server import clock
from server.config import settings
from server.errors import Refused
from server.grid.groups import virtualders
from server.grid.optimisation.arrays import Floats, np
from server.grid.reports import performance
from server.grid.reports.results import EventPerformance, KeyFigures, Report, Series
from server.grid.reports.settlement import settlement
from server.grid.series import measurements
from server.grid.series.intervals import STEP
from server.models import Measurement
from server.resources import sql

KINDS = ("storage", "ev", "thermal", "pv")
IMBALANCE = ("before", "after")  # without and with flexibility
CHARGE = ("charge", "charge_low", "charge_high")  # mean state of charge, and quantiles 0.1 and 0.9
# The measurements that quantities are shown as a change of.
BASELINE_SERIES = {
    "storage": "base_storage",
    "planned_storage": "base_storage",
    "ev": "base_ev",
    "planned_ev": "base_ev",
    "thermal": "base_thermal",
    "pv": "pv_uncontrolled",
}
SERIES = (*IMBALANCE, *KINDS, *(f"planned_{kind}" for kind in KINDS), *CHARGE)
AROUND_S = 4 * 3600  # shown before and after an event
_NEEDS = (
    "SELECT v.reported_need_wh FROM charging_session v JOIN membership m ON m.device_id = v.device_id "
    "WHERE m.vder_id = ? AND NOT v.cancelled AND v.energy_wh > 0 AND v.departure_at >= ? "
    "AND v.departure_at < ? AND v.reported_at >= v.arrival_at"
)


def zone() -> ZoneInfo:
    """Return the time zone of the service area."""
    return ZoneInfo(settings.timezone)


def today() -> date:
    """Return the local date."""
    return datetime.fromtimestamp(clock.now(), zone()).date()


def midnight(day: date) -> int:
    """Return the instant at which a local day begins."""
    return int(datetime(day.year, day.month, day.day, tzinfo=zone()).timestamp())


def event(name: str | int) -> Report:
    """Return the report of an order (its number) or a load control event (its href), with four hours around
    it."""
    result = performance.event_performance(name)
    start = (result["start"] - AROUND_S) // STEP * STEP
    end = min(result["end"] + AROUND_S, max(clock.now(), result["end"]))
    area = _area_with_imbalance(result["vder"])
    return {
        "title": f"Event {result['event']}",
        "kind": "event",
        "vder": area,
        "timezone": settings.timezone,
        "start": start,
        "end": end,
        "key_figures": _event_figures(result),
        "series": series(area, start, end),
        "events": [result],
        "settlement": settlement([result]),
        "days": [],
    }


def _event_figures(result: EventPerformance) -> KeyFigures:
    group, rebound = result["group"], result["rebound"]
    return {
        "members": group["members"],
        "devices_read": group["devices_read"],
        "expected_w": group["expected_w"],
        "delivered_w": group["delivered_w"],
        "performance_percent": _percent(group["performance"]),
        "up_percent": _percent(group["up"] and group["up"]["performance"]),
        "down_percent": _percent(group["down"] and group["down"]["performance"]),
        "readings_left_out": group["readings_left_out"] or None,
        "devices_split": group["devices_split"] or None,
        "uncertainty_w": group["uncertainty_w"],
        "responses": _count_responses([result]),
        "opt_outs": result["opted_out"],
        "nonresponders": result["nonresponders"],
        "rebound_kwh": round(rebound["energy_wh"] / 1000, 2) if rebound else None,
    }


def _percent(fraction: float | None) -> float | None:
    return None if fraction is None else round(100 * fraction, 1)


def day(vder: str, local_day: date | None = None) -> Report:
    """Return the report of a virtual DER's local day, as far as it has come (None: today).

    A day has 23 to 25 hours. Refused (400) for a day that is to come.
    """
    first = _not_future(local_day or today())
    return _report("day", vder, first, first + timedelta(days=1), f"{vder}, {first:%A %d %B %Y}")


def month(vder: str, day_within: date | None = None) -> Report:
    """Return the report of the month that a day is in (None: today), with the key figures of each day."""
    first = _not_future((day_within or today()).replace(day=1))
    last = (first + timedelta(days=32)).replace(day=1)
    report = _report("month", vder, first, last, f"{vder}, {first:%B %Y}")
    for number in range((last - first).days):
        local_day = first + timedelta(days=number)
        start, end = midnight(local_day), midnight(local_day + timedelta(days=1))
        if start > clock.now():
            break
        events = [result for result in report["events"] if start <= result["start"] < end]
        figures = _key_figures(vder, start, end, series(vder, start, end), events)
        report["days"].append({"date": local_day.isoformat(), **figures})
    return report


def _not_future(local_day: date) -> date:
    if local_day > today():
        raise Refused(400, f"{local_day} is in the future")
    return local_day


def _report(kind: str, vder: str, first: date, last: date, title: str) -> Report:
    name = virtualders.find(vder).name
    start, end = midnight(first), midnight(last)
    values, events = series(name, start, end), performance.area_performance(name, start, end)
    return {
        "title": title,
        "kind": kind,
        "vder": name,
        "timezone": settings.timezone,
        "start": start,
        "end": end,
        "key_figures": _key_figures(name, start, end, values, events),
        "series": values,
        "events": events,
        "settlement": settlement(events),
        "days": [],
    }


def _area_with_imbalance(name: str) -> str:
    """Return the nearest virtual DER from this one upwards whose imbalance is known, itself where none is."""
    vder = virtualders.find(name)
    while vder is not None:
        known = (Measurement.vder == vder) & (Measurement.quantity == "before")
        if Measurement.select().where(known).exists():
            return str(vder.name)
        vder = vder.parent
    return name


def series(vder: str, start: int, end: int) -> Series:
    """Return what was recorded of each interval of [start, end), None for a gap, by quantity.

    Quantities without a value are left out. EV, PV and thermal loads are changes of their baseline
    (`planned_thermal` is recorded as such).
    """
    steps = (end - start) // STEP
    values = {quantity: measurements.read(vder, quantity, start, steps) for quantity in SERIES}
    for quantity, baseline in BASELINE_SERIES.items():
        values[quantity] = values[quantity] - np.nan_to_num(measurements.read(vder, baseline, start, steps))
    return {
        quantity: [float(value) if np.isfinite(value) else None for value in column]
        for quantity, column in values.items()
        if np.isfinite(column).any()
    }


def _array(values: Series, quantity: str) -> Floats:
    column = values.get(quantity, [])
    return np.array([np.nan if value is None else value for value in column], dtype=float)


def _key_figures(
    vder: str, start: int, end: int, values: Series, events: Sequence[EventPerformance]
) -> KeyFigures:
    """Return the key figures of a period; None where not known."""
    before_w, after_w = _array(values, "before"), _array(values, "after")
    if len(before_w) != len(after_w):
        before_w = after_w = np.zeros(0)
    both = np.isfinite(before_w) & np.isfinite(after_w)
    rms_before_w, rms_after_w = _rms(before_w[both]), _rms(after_w[both])
    peak_before_w, peak_after_w = _peak(before_w[both]), _peak(after_w[both])
    devices = [device for result in events for device in result["devices"]]
    return {
        "rms_before_w": rms_before_w,
        "rms_after_w": rms_after_w,
        "rms_reduction_percent": _reduction_percent(rms_before_w, rms_after_w),
        "peak_before_w": peak_before_w,
        "peak_after_w": peak_after_w,
        "peak_reduction_percent": _reduction_percent(peak_before_w, peak_after_w),
        "moved_kwh": {
            kind: round(float(np.nansum(np.abs(planned_w))) * STEP / 3.6e6, 2)
            for kind in KINDS
            if len(planned_w := _array(values, f"planned_{kind}"))
        },
        "events": len(events),
        "responses": _count_responses(events),
        "opt_outs": len({device["lfdi"] for device in devices if device["opted_out"]}),
        "nonresponders": len({device["lfdi"] for device in devices if device["nonresponse"]}),
        "ev_unserved_kwh": unserved_kwh(vder, start, end),
    }


def _rms(values_w: Floats) -> float | None:
    return float(np.sqrt(np.mean(values_w ** 2))) if len(values_w) else None


def _peak(values_w: Floats) -> float | None:
    return float(np.abs(values_w).max()) if len(values_w) else None


def _reduction_percent(before_w: float | None, after_w: float | None) -> float | None:
    return round(100 * (1 - after_w / before_w), 1) if before_w and after_w is not None else None


def _count_responses(events: Sequence[EventPerformance]) -> int:
    return sum(sum(result["responses"]["by_status"].values()) for result in events)


def unserved_kwh(vder: str, start: int, end: int) -> float | None:
    """Return the energy that vehicles that were to depart in [start, end) still needed by their last report;
    None where none reported."""
    rows = sql.rows(_NEEDS, virtualders.find(vder).id, start, min(end, clock.now()))
    return round(math.fsum(max(need_wh, 0.0) for need_wh, in rows) / 1000, 2) if rows else None
