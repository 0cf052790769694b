"""Dates as spreadsheets write them, as ISO 8601: 29.03.2026, 29/03/2026, 3/29/2026, 2026/03/29. Pure.

Points say that the day comes first. Slashes do not: the dates of a file tell, if one has a number above 12,
or the operator does.
"""
from __future__ import annotations

import re
from collections.abc import Iterable

from server.errors import Refused

DAY_FIRST, MONTH_FIRST = "day-first", "month-first"
ORDERS = (DAY_FIRST, MONTH_FIRST)
_MONTHS = 12
_SLASHES = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})(?!\d)")
_POINTS = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})(?!\d)")
_YEAR_FIRST = re.compile(r"(\d{4})/(\d{1,2})/(\d{1,2})(?!\d)")
_SHORT_HOUR = re.compile(r"(?<=[ T])(\d)(?=:)")  # 29.03.2026 0:15


def of_file(times: Iterable[str], name: str, given: str | None = None) -> str:
    """Return the order of the dates with slashes in a file: `day-first` or `month-first`.

    `given` is what the operator says. Refused (400) where neither that nor a date tells, or where they
    contradict each other. `name` is the file's.
    """
    evidence: dict[str, str] = {}
    unclear = ""
    for text in times:
        match = _SLASHES.match(text.strip())
        if match is None:
            continue
        first, second = int(match[1]), int(match[2])
        if first > _MONTHS:
            evidence.setdefault(DAY_FIRST, match[0])
        elif second > _MONTHS:
            evidence.setdefault(MONTH_FIRST, match[0])
        elif first != second:
            unclear = unclear or match[0]
    if len(evidence) > 1:
        raise Refused(400, f"{name}: {evidence[DAY_FIRST]} begins with the day, {evidence[MONTH_FIRST]} with "
                           "the month; write all dates in one order")
    order = next(iter(evidence), given or "")
    if given and order != given:
        raise Refused(400, f"{name}: {evidence[order]} cannot be {given} (`dates`)")
    if unclear and not order:
        raise Refused(400, f"{name}: no date tells whether {unclear} begins with the day or the month; "
                           "specify `dates`")
    return order or DAY_FIRST


def iso(text: str, order: str = "") -> str:
    """Return a time with its date as in ISO 8601; one that is written otherwise stays as it is.

    Without an `order`, so does a date with slashes that does not begin with its year.
    """
    parts, day, month, year = _POINTS.match(text), 1, 2, 3
    if parts is None and order:
        parts = _SLASHES.match(text)
        day, month = (1, 2) if order == DAY_FIRST else (2, 1)
    if parts is None:
        parts, day, month, year = _YEAR_FIRST.match(text), 3, 2, 1
    if parts is None:
        return text
    return f"{parts[year]}-{parts[month]:>02}-{parts[day]:>02}" + _SHORT_HOUR.sub(r"0\1", text[parts.end():])
