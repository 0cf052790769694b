"""Which days are like another."""
from __future__ import annotations

from datetime import date

import pytest

from server.config import settings
from server.grid.reports.likedays import like_days


def test_a_holiday_is_like_weekends_and_no_working_day_is_like_it(monkeypatch: pytest.MonkeyPatch) -> None:
    veterans_day = date(2026, 11, 11)
    monkeypatch.setattr(settings, "holidays", "11-11")
    assert all(day.weekday() >= 5 for day in like_days(veterans_day))
    days = like_days(date(2026, 11, 12))
    assert veterans_day not in days and len(days) == 29 and all(day.weekday() < 5 for day in days)
