"""Times and durations as people write them; a time without a zone is local."""
from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from server.operations import timetexts

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
NOON = int(datetime(2026, 11, 26, 12, tzinfo=AMSTERDAM).timestamp())


@pytest.mark.parametrize("text, expected", [
    ("90", 90), ("90s", 90), ("15m", 900), ("15min", 900), ("1h30m", 5400), ("1h 30m", 5400), ("1.5h", 5400),
    ("2d", 172_800), ("PT1H30M", 5400), ("PT1.5H", 5400), ("P1D", 86_400), ("P1DT1S", 86_401),
    ("P1W", 604_800),
    ("0.5", 0.5),
])
def test_a_duration_is_read(text: str, expected: float) -> None:
    assert timetexts.seconds(text) == expected


@pytest.mark.parametrize("text, reason", [
    ("15M", "write 15m"), ("1.5H", "write 1.5h"), ("1w", "is not a duration such as 90s"),
    ("P", "is not a duration"),
    ("PT", "is not a duration"), ("", "is not a duration"), ("-5m", "is not a duration"),
    ("99999d", "is longer than 4294967295 s"), ("1m2", "is not a duration"),
])
def test_what_is_no_duration_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        timetexts.seconds(text)


def test_a_number_of_seconds_needs_its_unit_where_it_could_be_hundredths() -> None:
    with pytest.raises(ValueError, match="write 5s"):
        timetexts.seconds("5", bare=False)


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
