"""Series of one value a step: what may be kept, the same in other steps, several laid over each other. Pure.

Times are UTC epoch seconds; a value holds for the `step` seconds from its start on, None or NaN is a gap.
What is a power keeps its energy: finer steps hold the value, coarser ones are the mean of what is known.
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


def check_values(values: Iterable[Any], start: int, step: int, now: int, place: str, least: float = -math.inf
                 ) -> list[float | None]:
    """The values as they may be kept, None for a gap. Refused (400) where one is no finite number or below
    `least`, or where the whole does not fit the grid of intervals; `place` begins the sentence."""
    if step not in FINER and (step % STEP or not 0 < step <= DAY):
        raise Refused(400, f"{place}: a step of {step} s does not fit intervals of {STEP} s; possible are "
                           f"{', '.join(map(str, FINER))} and multiples of {STEP} up to {DAY} s")
    if start % min(step, STEP):
        raise Refused(400, f"{place}: start {start} is not a multiple of {min(step, STEP)} s")
    if not 0 <= start <= now + _FARTHEST:
        raise Refused(
            400, f"{place}: start {start} is no time near now ({now}); seconds since 1970 are needed"
        )
    kept = [_number(value, f"{place}, value {number} ({iso(start + (number - 1) * step)})", least)
            for number, value in enumerate(values, 1)]
    if len(kept) * step > LONGEST:
        raise Refused(400, f"{place}: {len(kept)} steps of {step} s are more than {LONGEST // DAY} days")
    if all(value is None for value in kept):
        raise Refused(400, f"{place}: there is not a single value")
    return kept


def _number(value: Any, place: str, least: float) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise Refused(400, f"{place}: {value!r} is no number")
    number = float(value)
    if not math.isfinite(number):
        raise Refused(400, f"{place}: {number} is no number to act on; a gap is an empty value")
    if number < least:
        raise Refused(400, f"{place}: {number:g} is below {least:g}")
    return number


def array(values: Iterable[float | None]) -> Floats:
    """With NaN for None."""
    return np.array([np.nan if value is None else value for value in values], dtype=float)


def iso(instant: float) -> str:
    """2026-11-22T18:00Z, with seconds only where there are any."""
    text = datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text.removesuffix(':00') if text.count(':') == 2 else text}Z"


def overlay(said: Sequence[SeriesPart], start: int, steps: int, step: int) -> tuple[Floats, Whole]:
    """Several over each other, the strongest last, for so many steps: their values [steps, parts] in a unit
    in which they all fit, and whose each is (its place in `said`, -1 for a gap). A gap lets what lies below
    shine through."""
    unit = math.gcd(step, *(one.step for one in said), *(start - one.start for one in said))
    size = steps * step // unit
    found, whose = np.full(size, np.nan), np.full(size, -1)
    for place, one in enumerate(said):
        first = (one.start - start) // unit
        repeat = one.step // unit
        skipped = max(-first // repeat, 0)
        wanted = -(-(size - first) // repeat)
        fine = np.repeat(one.values[skipped:max(wanted, skipped)], repeat)
        at = first + skipped * repeat + np.arange(len(fine))
        use = (at >= 0) & (at < size) & np.isfinite(fine)
        found[at[use]], whose[at[use]] = fine[use], place
    return found.reshape(steps, -1), whose.reshape(steps, -1)


def mean(parts: Floats) -> Floats:
    """The mean of what is known of each row [steps, parts]; NaN where nothing is."""
    known = np.isfinite(parts)
    count = known.sum(axis=1)
    return np.divide(
        np.where(known, parts, 0.0).sum(axis=1), count, out=np.full(len(parts), np.nan), where=count > 0
    )


def resampled(said: SeriesPart, start: int, steps: int, step: int = STEP) -> Floats:
    """The same in other steps; NaN where nothing was said."""
    return mean(overlay([said], start, steps, step)[0])


def runs(which: Bools) -> list[tuple[int, int]]:
    """Where it is true without a break: the first step of each run and the first after it."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], which, [False])).astype(int)))
    return [(int(first), int(after)) for first, after in zip(edges[::2], edges[1::2], strict=True)]


def gaps(values: Floats, start: int, step: int, most: int = 3) -> list[str]:
    """The gaps in words, a sentence part each: from when until when; of many the first few, and how many
    more."""
    found = runs(~np.isfinite(values))
    words = [
        f"from {iso(start + first * step)} until {iso(start + after * step)}" for first, after in found[:most]
    ]
    return words + ([f"and {len(found) - most} more times"] if len(found) > most else [])


class Span(NamedTuple):
    """`steps` steps of `step` seconds from `start` on, as seen at `at`."""
    start: int
    steps: int
    step: int
    at: int

    @property
    def hours(self) -> float:
        return self.step / 3600
