"""Days that are like another: working days, or weekends and public holidays."""
from __future__ import annotations

from datetime import date, timedelta

from server.grid.series.daytypes import is_working_day

LOOK_BACK_DAYS = 42  # in which like days are sought


def like_days(day: date) -> list[date]:
    """Return the days before this one that are like it, the newest last."""
    days = [day - timedelta(days=back) for back in range(LOOK_BACK_DAYS, 0, -1)]
    return [earlier for earlier in days if is_working_day(earlier) == is_working_day(day)]
