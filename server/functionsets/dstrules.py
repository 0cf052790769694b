"""Rules of daylight saving as TimeConfiguration has them, from time zones and in words (the schema's
DstRuleType). Pure."""
from __future__ import annotations

import calendar
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from server.errors import Refused
from server.units import Seconds

NONE = "FFFFFFFF"  # that there is no rule
NO_RULE = "no rule"  # in words, of what the schema reserves
DAY, ON_OR_AFTER, FIRST, LAST = 0, 1, 2, 7  # operators: 2 to 6 are the first to the fifth such weekday
_YEARS = 8  # ahead in which a rule has to hold
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "last")


class ClockRule(NamedTuple):
    """When daylight saving begins or ends, by the clock that is in force until then. `weekday` is 1 for
    Monday, 0 where the operator needs none; `second` is that of the hour."""
    month: int
    operator: int
    day: int
    weekday: int
    hour: int
    second: int

    def encoded(self) -> str:
        """Return the DstRuleType."""
        number = self.second | self.hour << 12 | self.weekday << 17 | self.day << 20 | self.operator << 25
        return f"{number | self.month << 28:08X}"


class ZoneRules(NamedTuple):
    """What TimeConfiguration says of a time zone; both rules are NONE where it has no daylight saving."""
    tz_offset_s: Seconds
    dst_offset_s: Seconds
    start: str
    end: str


def decoded(text: str) -> ClockRule:
    """Return a DstRuleType as a rule."""
    number = int(text, 16)
    return ClockRule(number >> 28, number >> 25 & 7, number >> 20 & 31, number >> 17 & 7, number >> 12 & 31,
                number & 0xFFF)


def in_words(text: str) -> str:
    """Return a DstRuleType in words: "last Sunday of March at 02:00"; "none", or the digits of what is no
    rule of the schema."""
    if not int(text, 16) or int(text, 16) == int(NONE, 16):
        return "none"
    rule = decoded(text)
    if not _is_defined(rule):
        return f"{NO_RULE}: {text}"
    month, weekday = calendar.month_name[rule.month], calendar.day_name[rule.weekday - 1]
    if rule.operator == DAY:
        day = f"{rule.day} {month}"
    elif rule.operator == ON_OR_AFTER:
        day = f"{weekday} on or after {rule.day} {month}"
    else:
        day = f"{_ORDINALS[rule.operator - FIRST]} {weekday} of {month}"
    minute, second = divmod(rule.second, 60)
    return f"{day} at {rule.hour:02}:{minute:02}" + (f":{second:02}" if second else "")


def _is_defined(rule: ClockRule) -> bool:
    needs_day = rule.operator in (DAY, ON_OR_AFTER)
    return (1 <= rule.month <= 12 and rule.hour < 24 and rule.second < 3600
            and (rule.weekday > 0 or rule.operator == DAY) and (rule.day > 0 or not needs_day))


def of_zone(zone: str, year: int) -> ZoneRules:
    """Return the rules of a time zone by its name, as they are from a year on. Refused (400) where it is
    unknown, or changes by no rule that DstRuleType can say."""
    try:
        timezone = ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        raise Refused(400, f"there is no time zone {zone!r}; specify one such as Europe/Dublin") from None
    changes = [_changes(timezone, number) for number in range(year, year + _YEARS)]
    offset_s = _offset_s(timezone, datetime(year, 1, 1, tzinfo=UTC))
    if not any(changes):
        return ZoneRules(offset_s, 0, NONE, NONE)
    if any(len(of_year) != 2 or of_year[0][1] + of_year[1][1] for of_year in changes):
        raise Refused(400, f"{zone} does not change its clocks by one rule a year")
    rules = {gain > 0: _rule([local for of_year in changes for local, other in of_year if other == gain])
             for _, gain in changes[0]}
    start, end = rules[True], rules[False]
    if start is None or end is None:
        raise Refused(400, f"{zone} changes its clocks on days that no rule of the standard can say")
    saving_s = abs(changes[0][0][1])
    return ZoneRules(offset_s - (saving_s if changes[0][0][1] < 0 else 0), saving_s,
                     start.encoded(), end.encoded())


def _offset_s(timezone: ZoneInfo, instant: datetime) -> Seconds:
    return int((instant.astimezone(timezone).utcoffset() or timedelta()).total_seconds())


def _changes(timezone: ZoneInfo, year: int) -> list[tuple[datetime, Seconds]]:
    """Return when the clocks change in a year, by the clock until then, and by how much."""
    return [(local, gain) for local, gain in _all_changes(timezone, year) if local.year == year]


def _all_changes(timezone: ZoneInfo, year: int) -> Iterator[tuple[datetime, Seconds]]:
    day = datetime(year, 1, 1, tzinfo=UTC) - timedelta(days=1)
    for _ in range(368):
        low, high = day, day + timedelta(days=1)
        before, after = _offset_s(timezone, low), _offset_s(timezone, high)
        while before != after and high - low > timedelta(seconds=1):
            middle = low + (high - low) // 2
            middle = middle.replace(microsecond=0)
            low, high = (middle, high) if _offset_s(timezone, middle) == before else (low, middle)
        if before != after:
            yield (high + timedelta(seconds=before)).replace(tzinfo=None), after - before
        day += timedelta(days=1)


def _rule(instants: list[datetime]) -> ClockRule | None:
    """Return the rule that all of these meet, None for none."""
    first = instants[0]
    if len({(local.month, local.time()) for local in instants}) > 1:
        return None
    at = (first.hour, first.minute * 60 + first.second)
    days, weekdays = [local.day for local in instants], {local.isoweekday() for local in instants}
    if len({*days}) == 1:
        return ClockRule(first.month, DAY, first.day, 0, *at)
    if len(weekdays) > 1:
        return None
    weekday = first.isoweekday()
    if all(local.day + 7 > calendar.monthrange(local.year, local.month)[1] for local in instants):
        return ClockRule(first.month, LAST, 0, weekday, *at)
    nth = {(day - 1) // 7 for day in days}
    if len(nth) == 1:
        return ClockRule(first.month, FIRST + nth.pop(), 0, weekday, *at)
    if max(days) - min(days) < 7:
        return ClockRule(first.month, ON_OR_AFTER, min(days), weekday, *at)
    return None
