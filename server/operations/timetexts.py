"""Times as people write them: `18:00`, `tomorrow 18:00`, `+15m`, `2026-11-26T18:00`. Pure.

A time without a zone is local time of the service area, as it is in files. An hour that does not exist there,
or exists twice, is refused by name.
"""
from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo

from server import durationtexts
from server.errors import Refused
from server.grid.series import localtimes

_DAYS = {"yesterday": -1, "today": 0, "tomorrow": 1}
_CLOCK = re.compile(r"(?:(yesterday|today|tomorrow)\s+)?(\d{1,2}):(\d{2})(?::(\d{2}))?")


def instant(text: str, zone: tzinfo, now: int) -> int:
    """Return an instant (UTC, s): now, +15m, -15m, 18:00, tomorrow 18:00, ISO 8601, or seconds since 1970.

    ValueError, with the reason and what to write instead, where the text is none or does not say which.
    """
    stripped = text.strip()
    if stripped == "now":
        return now
    if stripped[:1] in ("+", "-"):
        return now + int(durationtexts.seconds(stripped[1:])) * (1 if stripped[0] == "+" else -1)
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
