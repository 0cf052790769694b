"""Series of one value a step: which may be stored, resampling, several laid over each other. Pure.

Instants are seconds since 1970, UTC; steps are in seconds. A value holds for one step from its start on; None
or NaN is a gap. Power keeps its energy: finer steps hold the value, coarser ones are the mean of what is
known.
"""
from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from server.errors import Refused
from server.grid.optimisation.arrays import Bools, Floats, Whole, np

STEP = 900
DAY, WEEK = 86400, 7 * 86400
FINER = tuple(step for step in range(60, STEP) if STEP % step == 0)
LONGEST = 366 * DAY
_FARTHEST = 5 * LONGEST


class SeriesPart(NamedTuple):
    """Values for steps of `step` seconds from `start` on."""
    start: int
    step: int
    values: Floats


def check_values(
    values: Iterable[Any], start: int, step: int, now: int, origin: str, minimum: float = -math.inf,
    maximum: float = math.inf,
) -> list[float | None]:
    """Return the values as they may be stored, None for a gap.

    Refused (400) where a value is not a finite number or not within `minimum` and `maximum`, or where start,
    step or length do not fit the grid of intervals; `origin` begins the message.
    """
    _check_grid(start, step, now, origin)
    checked = [_number(value, f"{origin}, value {number} ({iso(start + (number - 1) * step)})", minimum,
                       maximum)
               for number, value in enumerate(values, 1)]
    if len(checked) * step > LONGEST:
        raise Refused(
            400, f"{origin}: {len(checked)} steps of {step} s are more than {LONGEST // DAY} days"
        )
    if all(value is None for value in checked):
        raise Refused(400, f"{origin}: there are no values")
    return checked


def _check_grid(start: int, step: int, now: int, origin: str) -> None:
    if step not in FINER and (step % STEP or not 0 < step <= DAY):
        raise Refused(400, f"{origin}: a step of {step} s does not fit intervals of {STEP} s; possible are "
                           f"{', '.join(map(str, FINER))} and multiples of {STEP} up to {DAY} s")
    if start % min(step, STEP):
        raise Refused(400, f"{origin}: start {start} is not a multiple of {min(step, STEP)} s")
    if not 0 <= start <= now + _FARTHEST:
        raise Refused(
            400, f"{origin}: start {start} is not within 5 years of now ({now}); specify seconds since 1970"
        )


def _number(value: Any, position: str, minimum: float, maximum: float) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise Refused(400, f"{position}: {value!r} is not a number")
    number = float(value)
    if not math.isfinite(number):
        raise Refused(400, f"{position}: {number} is not a finite number; leave a gap empty")
    if number < minimum:
        raise Refused(400, f"{position}: {number:g} is below {minimum:g}")
    if number > maximum:
        raise Refused(400, f"{position}: {number:g} is above {maximum:g}")
    return number


def array(values: Iterable[float | None]) -> Floats:
    """Return an array with NaN for None."""
    return np.array([np.nan if value is None else value for value in values], dtype=float)


def iso(instant: float) -> str:
    """Return 2026-11-22T18:00Z, with seconds only where they are not 0.

    Where no calendar has that instant, it is the number.
    """
    try:
        text = datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return f"{instant} s"
    return f"{text.removesuffix(':00') if text.count(':') == 2 else text}Z"


def overlay(parts: Sequence[SeriesPart], start: int, steps: int, step: int) -> tuple[Floats, Whole]:
    """Lay several series over each other, the strongest last, for `steps` steps from `start` on.

    Returns two arrays [steps, n], of n equal fractions of a step into which all of them divide: the values,
    and the index in `parts` of the series that each comes from, -1 for a gap. A gap of a series shows what
    lies below.
    """
    unit = math.gcd(step, *(part.step for part in parts), *(start - part.start for part in parts))
    size = steps * step // unit
    values, origins = np.full(size, np.nan), np.full(size, -1)
    for index, part in enumerate(parts):
        first = (part.start - start) // unit
        repeat = part.step // unit
        skipped = max(-first // repeat, 0)
        needed = -(-(size - first) // repeat)
        fine = np.repeat(part.values[skipped:max(needed, skipped)], repeat)
        positions = first + skipped * repeat + np.arange(len(fine))
        used = (positions >= 0) & (positions < size) & np.isfinite(fine)
        values[positions[used]], origins[positions[used]] = fine[used], index
    return values.reshape(steps, -1), origins.reshape(steps, -1)


def mean(values: Floats) -> Floats:
    """Return the mean of what is known of each row [steps, n]; NaN where nothing is."""
    known = np.isfinite(values)
    count = known.sum(axis=1)
    means: Floats = np.divide(
        np.where(known, values, 0.0).sum(axis=1), count, out=np.full(len(values), np.nan), where=count > 0
    )
    return means


def resampled(part: SeriesPart, start: int, steps: int, step: int = STEP) -> Floats:
    """Return the values [steps] of a series in other steps; NaN where it has none."""
    return mean(overlay([part], start, steps, step)[0])


def runs(flags: Bools) -> list[tuple[int, int]]:
    """Return, for each run of true flags, its first index and the first after it."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(int)))
    return [(int(first), int(after)) for first, after in zip(edges[::2], edges[1::2], strict=True)]


def gaps(values: Floats, start: int, step: int, most: int = 3) -> list[str]:
    """Return the gaps as parts of a sentence, from when until when: the first `most`, and how many more."""
    gap_runs = runs(~np.isfinite(values))
    texts = [
        f"from {iso(start + first * step)} until {iso(start + after * step)}"
        for first, after in gap_runs[:most]
    ]
    return texts + ([f"and {len(gap_runs) - most} more times"] if len(gap_runs) > most else [])


def edges(start: int, end: int, step: int = STEP) -> list[int]:
    """Return the instants at which intervals within [start, end) begin, and its end: the first and the last
    of them may be shorter than `step`. Nothing where the end is not after the start."""
    if end <= start:
        return []
    return [start, *range(start - start % step + step, end, step), end]


class Span(NamedTuple):
    """`steps` steps of `step` seconds from `start` on, with what is known at the instant `at`."""
    start: int
    steps: int
    step: int
    at: int

    @property
    def hours(self) -> float:
        return self.step / 3600
