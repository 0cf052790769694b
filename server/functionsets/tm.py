"""Time: the one clock, as devices are to keep it, with local time and daylight saving (IEEE 2030.5-2018,
9.2)."""
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


class Daylight(NamedTuple):
    """Daylight saving of one zone and year: its first and last instant in UTC, and its offset in seconds; all
    0 where there is none."""
    start: int
    end: int
    offset: int


@instead("GET", "Time")
def time_resource(context: RequestContext) -> Fragment:
    """The present."""
    poll_rate = pollrates.poll("Time", context.caller.lfdi)
    return context.fragment("Time", {"pollRate": poll_rate, **at(clock.now(), settings.timezone)})


def at(now: int, zone: str) -> dict[str, int]:
    """Time's elements at an instant. tzOffset leaves daylight saving out, localTime has both."""
    local = datetime.fromtimestamp(now, ZoneInfo(zone))
    saving = daylight(zone, local.year)
    total = int((local.utcoffset() or timedelta()).total_seconds())
    extra = int((local.dst() or timedelta()).total_seconds())
    return {
        "currentTime": now,
        "dstEndTime": saving.end,
        "dstOffset": saving.offset,
        "dstStartTime": saving.start,
        "localTime": now + total,
        "quality": settings.time_quality,
        "tzOffset": total - extra,
    }


@lru_cache(maxsize=64)
def daylight(zone: str, year: int) -> Daylight:
    """When daylight saving starts and ends in a calendar year (south of the equator it ends first). Where it
    lasts beyond the year, the year's own end or beginning stands for it."""
    timezone = ZoneInfo(zone)
    first = int(datetime(year, 1, 1, tzinfo=timezone).timestamp())
    last = int(datetime(year + 1, 1, 1, tzinfo=timezone).timestamp())
    start = end = offset = 0
    for day in range(first, last, 86400):
        before, after = _saving(timezone, day), _saving(timezone, min(day + 86400, last))
        if before == after:
            continue
        low, high = day, day + 86400
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if _saving(timezone, middle) == before else (low, middle)
        if after:
            start, offset = high, after
        else:
            end, offset = high, before
    offset = offset or _saving(timezone, first)
    return Daylight(start or first, end or last, offset) if offset else Daylight(0, 0, 0)


def _saving(timezone: ZoneInfo, instant: int) -> int:
    saving = datetime.fromtimestamp(instant, UTC).astimezone(timezone).dst()
    return int(saving.total_seconds()) if saving else 0
