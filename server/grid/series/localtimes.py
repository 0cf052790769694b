"""Local times without offset, read as instants. Pure.

Where the clock is put back, a local time exists twice; where it is put forward, some do not exist. Of a
series of rows, `resolve` chooses the instants that fit the step of the rows.
"""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, tzinfo
from itertools import pairwise
from typing import Any, NamedTuple, NoReturn

from server.errors import Refused
from server.grid.series import dateorders

_YEAR_2200 = 7_258_118_400  # what is beyond it, or before 1970, is a typing error
_MOST_DIGITS = 30
_LAST_DATE = "20260329"  # so many digits are a date in ISO 8601, more are seconds


class SkippedTime(Refused):
    """A local time that does not exist: the clock is put forward over it."""


class LocalTime(NamedTuple):
    """A time as it is written at `position`, and the instants (UTC, s) that it can be.

    There are two, the earlier first, where it is ambiguous.
    """
    position: str
    text: str
    instants: tuple[int, ...]

    @property
    def ambiguous(self) -> bool:
        return len(self.instants) > 1


class _Reading(NamedTuple):
    """A way to read rows in steps.

    `gaps` is after how many rows others are missing, `undecided` are the ambiguous times of which the other
    instant fits as well.
    """
    gaps: int
    instants: list[int]
    undecided: list[LocalTime]


def parse(text: Any, zone: tzinfo, position: str, date_order: str = "") -> LocalTime:
    """Read a time in ISO 8601 or as `dateorders` says, or a number of seconds since 1970.

    Refused (400) where it is neither, no whole second, or a local time that does not exist.
    """
    if isinstance(text, int) and not isinstance(text, bool):
        return _seconds(text, str(text), position)
    written = str(text).strip().partition(" - ")[0]  # exchanges write when an interval begins and ends
    if len(_LAST_DATE) < len(written) <= _MOST_DIGITS and written.isdecimal():
        return _seconds(int(written), written, position)
    try:
        time = datetime.fromisoformat(dateorders.iso(written, date_order))
        if time.tzinfo is not None:
            return LocalTime(position, written, (_whole_seconds(time, written, position),))
        local = time.replace(tzinfo=zone)
        if local.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != time:
            raise SkippedTime(400, _at(
                position, f"{written} does not exist in {zone}: the clock is put forward over it; "
                "write times with their offset, or in UTC"))
        instants = {_whole_seconds(local.replace(fold=fold), written, position) for fold in (0, 1)}
    except (ValueError, OverflowError):
        _refuse(position, f"{text!r} is not a time such as 2026-03-29T02:00 or 2026-03-29T00:00Z")
    return LocalTime(position, written, tuple(sorted(instants)))


def _whole_seconds(time: datetime, text: str, position: str) -> int:
    seconds = time.timestamp()
    if seconds != int(seconds):
        _refuse(position, f"{text} is not a whole second")
    return int(seconds)


def _refuse(position: str, reason: str) -> NoReturn:
    raise Refused(400, _at(position, reason))


def _at(position: str, reason: str) -> str:
    return f"{position}: {reason}" if position else reason


def _seconds(seconds: int, text: str, position: str) -> LocalTime:
    """Seconds since 1970 as they are written."""
    if not 0 <= seconds <= _YEAR_2200:
        if _YEAR_2200 < seconds and 0 <= seconds // 1000 <= _YEAR_2200:
            _refuse(position, f"{text} looks like milliseconds; write seconds: {seconds // 1000}")
        _refuse(position, f"{text} is not a time between 1970 and 2200")
    return LocalTime(position, text, (seconds,))


def single(time: LocalTime, zone: tzinfo, reason: str = "nothing in the file tells which is meant") -> int:
    """Return the instant of a time that stands alone. Refused (400) where it is ambiguous, with `reason`."""
    if time.ambiguous:
        _refuse_ambiguous(time, zone, reason)
    return time.instants[0]


def _refuse_ambiguous(time: LocalTime, zone: tzinfo, reason: str) -> NoReturn:
    first, second = (datetime.fromtimestamp(instant, zone).isoformat(timespec="minutes")
                     for instant in time.instants)
    _refuse(time.position, f"{time.text} exists twice in {zone}, since the clock is put back over it, "
                        f"and {reason}; write {first} or {second}")


def resolve(times: Sequence[LocalTime], zone: tzinfo) -> list[int]:
    """Return the instants of rows that follow each other in steps.

    Of an ambiguous time the instant is chosen that fits the step of the rows: of all ways to read them, the
    one with the fewest gaps, and of those with equally many the one whose gaps come last. So an hour that
    exists twice and is written once is the first of the two. Refused (400) where neither instant fits, or
    where both do.
    """
    if not any(time.ambiguous for time in times):
        return [time.instants[0] for time in times]
    readings = [reading for step in _possible_steps(times) if (reading := _read(times, step)) is not None]
    fewest = min((reading.gaps for reading in readings), default=0)
    readings = [reading for reading in readings if reading.gaps == fewest]
    if not readings:
        time = next(time for time in times if time.ambiguous)
        if len(times) == 1:
            return [single(time, zone)]
        _refuse_ambiguous(time, zone, "neither fits the step of the rows")
    undecided = readings[0].undecided or [
        time for time, *instants in zip(times, *(reading.instants for reading in readings), strict=True)
        if len(set(instants)) > 1
    ]
    if undecided:
        _refuse_ambiguous(undecided[0], zone, "both fit the step of the rows")
    return readings[0].instants


def _possible_steps(times: Sequence[LocalTime]) -> set[int]:
    """Return the steps (s) that rows can have: the least difference of rows that are certain, and differences
    of ambiguous rows and their neighbours that are less."""
    certain: set[int] = set()
    others: set[int] = set()
    for time, following in pairwise(times):
        differences = {second - first for first in time.instants for second in following.instants}
        (others if time.ambiguous or following.ambiguous else certain).update(differences)
    least = min((difference for difference in certain if difference > 0), default=None)
    return {step for step in others if step > 0 and (least is None or step < least)} | (
        {least} if least is not None else set()
    )


def _read(times: Sequence[LocalTime], step: int) -> _Reading | None:
    """Read the rows in steps of `step`; None where that is not possible, or where none is one step after
    another."""
    instants = [time.instants[0] for time in times]
    undecided: list[LocalTime] = []
    for begin, end in _ambiguous_runs(times):
        before = max(begin - 1, 0)
        ways = _best_ways(times[before:end + 1], step)
        if not ways:
            return None
        instants[before:end + 1] = ways[0]
        if len(ways) > 1:
            undecided.append(times[begin])
    differences = [following - instant for instant, following in pairwise(instants)]
    if min(differences) != step or any(difference % step for difference in differences):
        return None
    return _Reading(sum(difference > step for difference in differences), instants, undecided)


def _ambiguous_runs(times: Sequence[LocalTime]) -> Iterator[tuple[int, int]]:
    """Yield the first index, and the first index after, of each run of ambiguous times."""
    begin = None
    for index, time in enumerate(times):
        if time.ambiguous and begin is None:
            begin = index
        elif not time.ambiguous and begin is not None:
            yield begin, index
            begin = None
    if begin is not None:
        yield begin, len(times)


def _best_ways(times: Sequence[LocalTime], step: int) -> list[list[int]]:
    """Return the ways to read times as multiples of a step, in their order, that have the fewest gaps, and of
    those the ones whose gaps come last."""
    ways: list[list[int]] = [[]]
    for time in times:
        ways = [
            [*way, instant]
            for way in ways
            for instant in time.instants
            if not way or instant > way[-1] and (instant - way[-1]) % step == 0
        ]
    gaps = [[after - before > step for before, after in pairwise(way)] for way in ways]
    best = min(((sum(flags), flags) for flags in gaps), default=None)
    return [way for way, flags in zip(ways, gaps, strict=True) if (sum(flags), flags) == best]
