"""Types of days: working days, Saturdays, and Sundays, as which public holidays are (setting `holidays`)."""
from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache

from server.config import settings

_SATURDAY, _SUNDAY, _WEEK_DAYS = 5, 6, 7
_LOOK_BACK_DAYS = 28  # as far as the history of forecasts goes


def is_working_day(day: date) -> bool:
    """Return whether a day is neither of a weekend nor a public holiday (setting `holidays`)."""
    return day.weekday() < _SATURDAY and not _is_holiday(day)


def _is_holiday(day: date) -> bool:
    return bool(_holidays(settings.holidays) & {day.isoformat(), f"{day:%m-%d}"})


@lru_cache(maxsize=4)
def _holidays(text: str) -> frozenset[str]:
    return frozenset(part.strip() for part in text.split(","))


def days_back(day: date) -> int:
    """Return how many days before a day there is the last one that it is likely to be as.

    It is a week, unless one of the two is a public holiday: a holiday is as the last Sunday or holiday, and
    the day a week after a holiday as the same weekday before that.
    """
    def is_like(back: int) -> bool:
        earlier = day - timedelta(days=back)
        if _is_holiday(day) or _is_holiday(earlier):
            return _is_sunday(day) and _is_sunday(earlier)
        return day.weekday() == earlier.weekday()

    backs = range(1, _LOOK_BACK_DAYS + 1)
    same_weekday = next((back for back in backs if back % _WEEK_DAYS == 0 and is_like(back)), None)
    if not _is_holiday(day) and same_weekday is not None:
        return same_weekday
    return next((back for back in backs if is_like(back)), _WEEK_DAYS)


def _is_sunday(day: date) -> bool:
    return day.weekday() == _SUNDAY or _is_holiday(day)
