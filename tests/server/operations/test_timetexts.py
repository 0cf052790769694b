"""Times and durations as people write them; a time without a zone is local."""
from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from server.operations import timetexts

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
NOON = int(datetime(2026, 11, 26, 12, tzinfo=AMSTERDAM).timestamp())


@pytest.mark.parametrize("text, expected", [
    ("now", "2026-11-26T11:00Z"), ("+15m", "2026-11-26T11:15Z"), ("-1.5h", "2026-11-26T09:30Z"),
    ("18:00", "2026-11-26T17:00Z"), ("8:05", "2026-11-26T07:05Z"), ("today 18:00:30", "2026-11-26T17:00:30Z"),
    ("tomorrow 18:00", "2026-11-27T17:00Z"), ("yesterday 00:00", "2026-11-24T23:00Z"),
    ("2026-11-26 18:00", "2026-11-26T17:00Z"), ("2026-07-01T18:00", "2026-07-01T16:00Z"),
    ("2026-11-26", "2026-11-25T23:00Z"), ("2026-11-26T18:00Z", "2026-11-26T18:00Z"),
    ("2026-11-26T18:00-05:00", "2026-11-26T23:00Z"), ("1750000000", "2025-06-15T15:06:40Z"),
])
def test_an_instant_without_zone_is_local(text: str, expected: str) -> None:
    instant = timetexts.instant(text, AMSTERDAM, NOON)
    assert datetime.fromtimestamp(instant, UTC) == datetime.fromisoformat(expected)


@pytest.mark.parametrize("text, reason", [
    ("2026-03-29T02:30", "2026-03-29T02:30 does not exist in Europe/Amsterdam"),
    ("2026-10-25T02:30", r"exists twice in Europe/Amsterdam.*write 2026-10-25T02:30\+02:00 or"),
    ("1750000000000", "looks like milliseconds; write seconds: 1750000000"),
    ("soon", "is not a time such as now"), ("25:00", "is not a time such as now"),
    ("+soon", "is not a duration"),
    ("2026-11-26T18:00:00.5", "not a whole second"),
])
def test_an_instant_that_cannot_be_is_refused_by_name(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        timetexts.instant(text, AMSTERDAM, NOON)
