"""Days that are like another: working days, or weekends and public holidays."""
from __future__ import annotations

from datetime import date, timedelta

from server.config import settings

LOOK_BACK_DAYS = 42  # in which like days are sought
_SATURDAY = 5


def like_days(day: date) -> list[date]:
    """Return the days before this one that are like it, the newest last."""
    days = [day - timedelta(days=back) for back in range(LOOK_BACK_DAYS, 0, -1)]
    return [earlier for earlier in days if is_working_day(earlier) == is_working_day(day)]


def is_working_day(day: date) -> bool:
    """Return whether a day is neither of a weekend nor a public holiday (setting `holidays`)."""
    holidays = {part.strip() for part in settings.holidays.split(",")}
    return day.weekday() < _SATURDAY and not holidays & {day.isoformat(), f"{day:%m-%d}"}
