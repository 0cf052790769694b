"""Time: the clock that devices follow, with local time and daylight saving (IEEE 2030.5-2018, 9.2)."""
from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from server import clock
from server.config import settings
from server.devices.requestcontext import Fragment, RequestContext
from server.resources import pollrates
from server.resources.hooks import instead
from server.units import Instant, Seconds


class Daylight(NamedTuple):
    """Daylight saving of one zone and year: its first and last instant, and its offset; all 0 for none."""
    start: Instant
    end: Instant
    offset_s: Seconds


@instead("GET", "Time")
def time_resource(context: RequestContext) -> Fragment:
    """Return the present time."""
    poll_rate = pollrates.poll("Time", context.caller.lfdi)
    return context.fragment("Time", {"pollRate": poll_rate, **at(clock.now(), settings.timezone)})


def at(now: Instant, zone: str) -> dict[str, int]:
    """Return the elements of Time at an instant. localTime includes daylight saving, tzOffset does not."""
    local = datetime.fromtimestamp(now, ZoneInfo(zone))
    saving = daylight(zone, local.year)
    total_s = int((local.utcoffset() or timedelta()).total_seconds())
    saving_s = int((local.dst() or timedelta()).total_seconds())
    return {
        "currentTime": now,
        "dstEndTime": saving.end,
        "dstOffset": saving.offset_s,
        "dstStartTime": saving.start,
        "localTime": now + total_s,
        "quality": settings.time_quality,
        "tzOffset": total_s - saving_s,
    }


@lru_cache(maxsize=64)
def daylight(zone: str, year: int) -> Daylight:
    """Return daylight saving of a calendar year; south of the equator it ends before it starts.

    Where it lasts beyond the year, the beginning or end of the year is returned.
    """
    timezone = ZoneInfo(zone)
    first = int(datetime(year, 1, 1, tzinfo=timezone).timestamp())
    last = int(datetime(year + 1, 1, 1, tzinfo=timezone).timestamp())
    start = end = offset_s = 0
    for day in range(first, last, 86400):
        before, after = _saving_s(timezone, day), _saving_s(timezone, min(day + 86400, last))
        if before == after:
            continue
        low, high = day, day + 86400
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if _saving_s(timezone, middle) == before else (low, middle)
        if after:
            start, offset_s = high, after
        else:
            end, offset_s = high, before
    offset_s = offset_s or _saving_s(timezone, first)
    return Daylight(start or first, end or last, offset_s) if offset_s else Daylight(0, 0, 0)


def _saving_s(timezone: ZoneInfo, instant: Instant) -> Seconds:
    saving = datetime.fromtimestamp(instant, UTC).astimezone(timezone).dst()
    return int(saving.total_seconds()) if saving else 0
