"""Times and durations as people write them: `18:00`, `tomorrow 18:00`, `+15m`, `1.5h`, `PT1H30M`. Pure.

A time without a zone is local time of the service area, as it is in files. An hour that does not exist there,
or exists twice, is refused by name.
"""
from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, tzinfo

from server.errors import Refused
from server.grid.series import localtimes

_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(min|[smhd])\s*")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_ISO = re.compile(r"P(?!$)(?:(\d+)W)?(?:(\d+)D)?"
                  r"(?:T(?=\d)(?:(\d+(?:\.\d+)?)H)?(?:(\d+(?:\.\d+)?)M)?(?:(\d+(?:\.\d+)?)S)?)?")
_ISO_SECONDS = (604800, 86400, 3600, 60, 1)
_DAYS = {"yesterday": -1, "today": 0, "tomorrow": 1}
_CLOCK = re.compile(r"(?:(yesterday|today|tomorrow)\s+)?(\d{1,2}):(\d{2})(?::(\d{2}))?")
LONGEST_S = 2 ** 32 - 1  # a duration is a UInt32


def seconds(text: str, bare: bool = True) -> float:
    """Return a duration: 90s, 15m, 1h30m, 1.5h, 2d, PT1H30M, or seconds if `bare`.

    ValueError, with what to write instead, where the text is none.
    """
    stripped = text.strip()
    if _NUMBER.fullmatch(stripped):
        if bare:
            return _sum([(stripped, 1)])
        raise ValueError(f"has no unit; write {stripped}s")
    iso = _ISO.fullmatch(stripped)
    if iso is not None:
        return _sum(zip(iso.groups(), _ISO_SECONDS, strict=True))
    parts = _PART.findall(stripped)
    if parts and not _PART.sub("", stripped):
        return _sum((number, _SECONDS[unit]) for number, unit in parts)
    if re.fullmatch(r"[\d.]+\s*[SMHD]|[\d.]+\s*MIN", stripped):
        raise ValueError(f"has a unit in the wrong case; write {stripped.lower()}")
    raise ValueError("is not a duration such as 90s, 15m, 1h30m, 1.5h or PT1H30M")


def _sum(parts: Iterable[tuple[str | None, int]]) -> float:
    total = sum(float(number or 0) * size for number, size in parts)
    if total > LONGEST_S:
        raise ValueError(f"is longer than {LONGEST_S} s, the longest possible")
    return total


def instant(text: str, zone: tzinfo, now: int) -> int:
    """Return an instant (UTC, s): now, +15m, -15m, 18:00, tomorrow 18:00, ISO 8601, or seconds since 1970.

    ValueError, with the reason and what to write instead, where the text is none or does not say which.
    """
    stripped = text.strip()
    if stripped == "now":
        return now
    if stripped[:1] in ("+", "-"):
        return now + int(seconds(stripped[1:])) * (1 if stripped[0] == "+" else -1)
    clock = _CLOCK.fullmatch(stripped)
    if clock is not None:
        today = datetime.fromtimestamp(now, UTC).astimezone(zone).date()
        day = today + timedelta(days=_DAYS[clock[1] or "today"])
        stripped = f"{day.isoformat()}T{int(clock[2]):02}:{clock[3]}:{clock[4] or '00'}"
    try:
        time = localtimes.parse(stripped, zone, "")
        return localtimes.single(time, zone, "the text does not tell which is meant")
    except Refused as refused:
        if "is not a time" in refused.why:
            raise ValueError("is not a time such as now, +15m, 18:00, tomorrow 18:00, 2026-11-26T18:00 or "
                             "seconds since 1970") from None
        raise ValueError(f"cannot be: {refused.why}") from None
