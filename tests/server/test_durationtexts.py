"""Durations as people write them."""
from __future__ import annotations

import pytest

from server import durationtexts


@pytest.mark.parametrize("text, expected", [
    ("90", 90), ("90s", 90), ("15m", 900), ("15min", 900), ("1h30m", 5400), ("1h 30m", 5400), ("1.5h", 5400),
    ("2d", 172_800), ("PT1H30M", 5400), ("PT1.5H", 5400), ("P1D", 86_400), ("P1DT1S", 86_401),
    ("P1W", 604_800),
    ("0.5", 0.5),
])
def test_a_duration_is_read(text: str, expected: float) -> None:
    assert durationtexts.seconds(text) == expected


@pytest.mark.parametrize("text, reason", [
    ("15M", "write 15m"), ("1.5H", "write 1.5h"), ("1w", "is not a duration such as 90s"),
    ("P", "is not a duration"),
    ("PT", "is not a duration"), ("", "is not a duration"), ("-5m", "is not a duration"),
    ("99999d", "is longer than 4294967295 s"), ("1m2", "is not a duration"),
    ("1" * 101 + "x", "is longer than the 100 letters"),
])
def test_what_is_no_duration_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        durationtexts.seconds(text)


def test_a_number_of_seconds_needs_its_unit_where_it_could_be_hundredths() -> None:
    with pytest.raises(ValueError, match="write 5s"):
        durationtexts.seconds("5", bare=False)


@pytest.mark.parametrize("length_s, text", [
    (0, "0s"), (90, "90s"), (300, "5m"), (5400, "90m"), (86_400, "1d"), (604_800, "7d"), (0.5, "0.5s")])
def test_a_duration_is_shown_as_it_is_read(length_s: float, text: str) -> None:
    assert durationtexts.shown(length_s) == text and durationtexts.seconds(text) == length_s
