"""Reports: what came of an event, a day, a month, in one dict with everything that a page shows.

`key` has the key figures, `series` what there is to draw, by interval; days and months are local (setting
`timezone`). Imbalances are consumption +, all else injection, in W; energies in kWh.
"""
from __future__ import annotations

import math
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from server import clock
from server.config import settings
from server.errors import Refused
from server.grid.groups import virtualders
from server.grid.optimisation.arrays import Floats, np
from server.grid.reports import performance
from server.grid.series import measurements
from server.grid.series.intervals import STEP
from server.models import Measurement
from server.resources import sql

KINDS = ("storage", "ev", "thermal", "pv")
IMBALANCE = ("before", "after")
CHARGE = ("charge", "charge_low", "charge_high")
# what they would have done
BASELINE_SERIES = {
    "ev": "base_ev",
    "planned_ev": "base_ev",
    "thermal": "base_thermal",
    "pv": "pv_uncontrolled",
}
SERIES = (*IMBALANCE, *KINDS, *(f"planned_{kind}" for kind in KINDS), *CHARGE)
Data = dict[str, Any]


def zone() -> ZoneInfo:
    """The time zone of the service area."""
    return ZoneInfo(settings.timezone)


def today() -> date:
    """The local date."""
    return datetime.fromtimestamp(clock.now(), zone()).date()


def midnight(day: date) -> int:
    """When a local day begins."""
    return int(datetime(day.year, day.month, day.day, tzinfo=zone()).timestamp())


def event(name: str | int) -> Data:
    """The report of an order (its number) or a load control event (its href), with four hours around it."""
    found = performance.event_performance(name)
    start = (found["start"] - 4 * 3600) // STEP * STEP
    end = min(found["end"] + 4 * 3600, max(clock.now(), found["end"]))
    area = _signalled(found["vder"])
    group = found["group"]
    figure = group["figure"]
    return {
        "title": f"Event {found['event']}",
        "what": "event",
        "vder": area,
        "zone": settings.timezone,
        "start": start,
        "end": end,
        "key": {
            "members": group["members"],
            "read": group["read"],
            "expected_w": group["expected_w"],
            "delivered_w": group["delivered_w"],
            "performance_percent": None if figure is None else round(100 * figure, 1),
            "uncertainty_w": group["uncertainty_w"],
            "responses": _responses([found]),
            "opt_outs": found["opted_out"],
            "nonresponders": found["nonresponders"],
            "rebound_kwh": round(found["rebound"]["energy_wh"] / 1000, 2) if found["rebound"] else None,
        },
        "series": series(area, start, end),
        "events": [found],
        "settlement": settlement([found]),
        "days": [],
    }


def day(vder: str, which: date | None = None) -> Data:
    """The report of a virtual DER's local day, of 23 to 25 hours; today if not given, as far as it has
    come."""
    one = _first_day(which or today())
    return _report("day", vder, one, one + timedelta(days=1), f"{vder}, {one:%A %d %B %Y}")


def month(vder: str, which: date | None = None) -> Data:
    """The report of the month in which a day is: as of a day, and `days` with the key figures of each."""
    first = _first_day((which or today()).replace(day=1))
    last = (first + timedelta(days=32)).replace(day=1)
    found = _report("month", vder, first, last, f"{vder}, {first:%B %Y}")
    every = [first + timedelta(days=number) for number in range((last - first).days)]
    for one in every:
        start, end = midnight(one), midnight(one + timedelta(days=1))
        if start > clock.now():
            break
        of_day = [event_ for event_ in found["events"] if start <= event_["start"] < end]
        found["days"].append(
            {"day": one.isoformat(), **_key_figures(vder, start, end, series(vder, start, end), of_day)}
        )
    return found


def _first_day(first: date) -> date:
    if first > today():
        raise Refused(400, f"{first} is still to come")
    return first


def _report(what: str, vder: str, first: date, last: date, title: str) -> Data:
    name = virtualders.find(vder).name
    start, end = midnight(first), midnight(last)
    drawn, events = series(name, start, end), performance.area_performance(name, start, end)
    return {"title": title, "what": what, "vder": name, "zone": settings.timezone, "start": start, "end": end,
            "key": _key_figures(name, start, end, drawn, events), "series": drawn, "events": events,
            "settlement": settlement(events), "days": []}


def _signalled(name: str) -> str:
    """The nearest virtual DER from this one upwards whose imbalance is known, itself where none is."""
    at = virtualders.find(name)
    while at is not None:
        if Measurement.select().where((Measurement.vder == at) & (Measurement.quantity == "before")).exists():
            return str(at.name)
        at = at.parent
    return name


def series(vder: str, start: int, end: int) -> dict[str, list[float | None]]:
    """What was kept of each interval of [start, end), None for a gap; what was never said is left out. Cars
    and thermal loads are beside what they would have done (`planned_thermal` is kept so)."""
    steps = (end - start) // STEP
    found = {what: measurements.read(vder, what, start, steps) for what in SERIES}
    for what, base in BASELINE_SERIES.items():
        found[what] = found[what] - np.nan_to_num(measurements.read(vder, base, start, steps))
    return {what: [float(value) if np.isfinite(value) else None for value in values]
            for what, values in found.items() if np.isfinite(values).any()}


def _array(found: dict[str, list[float | None]], what: str) -> Floats:
    return np.array([np.nan if value is None else value for value in found.get(what, [])], dtype=float)


def _key_figures(
    vder: str, start: int, end: int, drawn: dict[str, list[float | None]], events: list[Data]
) -> Data:
    """The key figures; None for what is not known."""
    before, after = _array(drawn, "before"), _array(drawn, "after")
    both = np.isfinite(before) & np.isfinite(after) if len(before) == len(after) else np.zeros(0, dtype=bool)
    known = bool(both.any())
    before, after = (before[both], after[both]) if known else (np.zeros(0), np.zeros(0))
    rms = [float(np.sqrt(np.mean(each ** 2))) if known else None for each in (before, after)]
    peak = [float(np.abs(each).max()) if known else None for each in (before, after)]
    return {
        "rms_before_w": rms[0],
        "rms_after_w": rms[1],
        "rms_cut_percent": _relative_reduction(*rms),
        "peak_before_w": peak[0],
        "peak_after_w": peak[1],
        "peak_cut_percent": _relative_reduction(*peak),
        "moved_kwh": {
            kind: round(float(np.nansum(np.abs(values))) * STEP / 3.6e6, 2)
            for kind in KINDS
            if len(values := _array(drawn, f"planned_{kind}"))
        },
        "events": len(events),
        "responses": _responses(events),
        "opt_outs": len({row["lfdi"] for one in events for row in one["devices"] if row["opted_out"]}),
        "nonresponders": len(
            {row["lfdi"] for one in events for row in one["devices"] if row["nonresponder"]}
        ),
        "ev_unserved_kwh": unserved(vder, start, end),
    }


def _relative_reduction(before: float | None, after: float | None) -> float | None:
    return round(100 * (1 - after / before), 1) if before and after is not None else None


def _responses(events: list[Data]) -> int:
    return sum(sum(one["responses"]["by_code"].values()) for one in events)


def unserved(vder: str, start: int, end: int) -> float | None:
    """kWh that cars that were to leave in [start, end) still wanted when they last said so; None where none
    said."""
    left = [
        max(said, 0.0)
        for (said,) in sql.rows(
            "SELECT v.reported_need_wh FROM charging_session v JOIN membership m ON m.device_id = "
            "v.device_id WHERE m.vder_id = ? AND NOT v.cancelled AND v.energy_wh > 0 AND "
            "v.departure_at >= ? AND v.departure_at < ? AND v.reported_at >= v.arrival_at",
            virtualders.find(vder).id,
            start,
            min(end, clock.now()),
        )
    ]
    return round(math.fsum(left) / 1000, 2) if left else None


def settlement(events: list[Data]) -> list[Data]:
    """A row for each group and kind of event: what was expected and delivered of those events that had enough
    readings, how sure it is, and how many had too few."""
    found: dict[tuple[str, str], Data] = {}
    squares: dict[tuple[str, str], float] = {}
    for one in events:
        group, key = one["group"], (one["vder"], one["kind"])
        row = found.setdefault(
            key,
            {
                "group": key[0],
                "kind": key[1],
                "events": 0,
                "unsettled": 0,
                "members": 0,
                "expected_kwh": 0.0,
                "delivered_kwh": 0.0,
                "methods": [],
            },
        )
        row["events"] += 1
        row["members"] = max(row["members"], group["members"])
        if not group["settles"]:
            row["unsettled"] += 1
            continue
        hours = (one["end"] - one["start"]) / 3.6e6
        row["expected_kwh"] += (group["expected_w"] or 0.0) * hours
        row["delivered_kwh"] += group["delivered_w"] * hours
        row["methods"] = sorted({*row["methods"], *group["methods"]})
        squares[key] = squares.get(key, 0.0) + (group["uncertainty_w"] * hours) ** 2
    return [
        {
            **row,
            "expected_kwh": round(row["expected_kwh"], 2),
            "delivered_kwh": round(row["delivered_kwh"], 2),
            "uncertainty_kwh": round(math.sqrt(squares.get(key, 0.0)), 2),
            "performance_percent": round(100 * row["delivered_kwh"] / row["expected_kwh"], 1)
            if abs(row["expected_kwh"]) > 1e-3
            else None,
        }
        for key, row in sorted(found.items())
    ]
