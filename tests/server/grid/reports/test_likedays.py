"""Which days are like another."""
from __future__ import annotations

from datetime import date

import pytest

from server.config import settings
from server.grid.reports.likedays import is_working_day, like_days


@pytest.mark.parametrize("day, holidays, expected", [
    ("2026-11-11", "", True), ("2026-11-11", "2026-11-11", False), ("2026-11-11", "12-25, 11-11", False),
    ("2026-11-11", "2025-11-11", True), ("2026-11-14", "", False), ("2026-11-16", "2026-11-11", True)])
def test_a_public_holiday_is_no_working_day(
    day: str, holidays: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "holidays", holidays)
    assert is_working_day(date.fromisoformat(day)) is expected


def test_a_holiday_is_like_weekends_and_no_working_day_is_like_it(monkeypatch: pytest.MonkeyPatch) -> None:
    veterans_day = date(2026, 11, 11)
    monkeypatch.setattr(settings, "holidays", "11-11")
    assert all(day.weekday() >= 5 for day in like_days(veterans_day))
    days = like_days(date(2026, 11, 12))
    assert veterans_day not in days and len(days) == 29 and all(day.weekday() < 5 for day in days)
