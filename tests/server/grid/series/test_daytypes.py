"""Types of days, and which day before a day is likely to be as."""
from __future__ import annotations

from datetime import date

import pytest

from server.config import settings
from server.grid.series.daytypes import days_back, is_working_day


@pytest.mark.parametrize("day, holidays, expected", [
    ("2026-11-11", "", True), ("2026-11-11", "2026-11-11", False), ("2026-11-11", "12-25, 11-11", False),
    ("2026-11-11", "2025-11-11", True), ("2026-11-14", "", False), ("2026-11-16", "2026-11-11", True)])
def test_a_public_holiday_is_no_working_day(
    day: str, holidays: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "holidays", holidays)
    assert is_working_day(date.fromisoformat(day)) is expected


@pytest.mark.parametrize("day, expected, why", [
    ("2026-11-10", 7, "a Tuesday is as that of last week"),
    ("2026-11-11", 3, "a holiday on a Wednesday is as the Sunday before"),
    ("2026-11-18", 14, "the Wednesday after is as the one before the holiday"),
    ("2026-11-15", 7, "a Sunday is as a Sunday"),
    ("2026-11-14", 7, "a Saturday is as a Saturday"),
    ("2026-12-26", 1, "the second holiday is as the first")])
def test_the_day_that_it_is_as(
    day: str, expected: int, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "holidays", "11-11, 12-25, 12-26")
    assert days_back(date.fromisoformat(day)) == expected, why


def test_without_holidays_it_is_always_the_week(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "holidays", "")
    assert {days_back(date(2026, 11, number)) for number in range(1, 31)} == {7}


def test_where_every_day_is_a_holiday_there_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "holidays", ",".join(f"11-{number:02}" for number in range(1, 31)))
    assert days_back(date(2026, 11, 20)) == 1 and days_back(date(2026, 12, 1)) == 7
