"""The limits of a connection point over time, as segments in which they are the same. Pure.

Limits are magnitudes in W, None where nothing is limited. Instants are UTC, s; a segment contains its start
and not its end.
"""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from server.grid.optimisation.arrays import Floats, np
from server.units import Instant, Watts

KINDS = ("import_limit", "export_limit", "generation_limit", "load_limit")
Limits = tuple[Watts | None, Watts | None, Watts | None, Watts | None]
NO_LIMITS: Limits = (None, None, None, None)


class LimitSpan(NamedTuple):
    """Limits, in the order of KINDS, from `start` until `end`."""
    start: Instant
    end: Instant
    limits: Limits


def merged(segments: Iterable[LimitSpan]) -> list[LimitSpan]:
    """Return segments, which are in order, with those joined that follow each other with the same limits."""
    joined: list[LimitSpan] = []
    for segment in segments:
        if joined and joined[-1].end == segment.start and joined[-1].limits == segment.limits:
            joined[-1] = joined[-1]._replace(end=segment.end)
        else:
            joined.append(segment)
    return joined


def cut(segments: Iterable[LimitSpan], start: Instant, end: Instant) -> list[LimitSpan]:
    """Return what of segments is within [start, end)."""
    return [segment._replace(start=max(segment.start, start), end=min(segment.end, end))
            for segment in segments if max(segment.start, start) < min(segment.end, end)]


def replaced(old: Sequence[LimitSpan], new: Sequence[LimitSpan], now: Instant) -> list[LimitSpan]:
    """Return the segments from now on after others have been issued: the new ones hold from their first start
    until their last end, whatever the old ones say there, and the old ones hold elsewhere."""
    start, end = new[0].start, new[-1].end
    last = max(end, old[-1].end if old else end)
    return merged(cut([*cut(old, 0, start), *new, *cut(old, end, last)], now, last))


def limiting(segments: Iterable[LimitSpan]) -> list[LimitSpan]:
    """Return the segments in which anything is limited."""
    return [segment for segment in segments if segment.limits != NO_LIMITS]


def values(
    segments: Iterable[LimitSpan], kind: str, start: Instant, steps: int, step: int
) -> Floats:
    """Return [steps]: the least limit of a kind in each step, infinite where there is none."""
    number, least = KINDS.index(kind), np.full(steps, np.inf)
    for segment in cut(segments, start, start + steps * step):
        limit = segment.limits[number]
        if limit is not None:
            first, last = (segment.start - start) // step, -(-(segment.end - start) // step)
            least[first:last] = np.minimum(least[first:last], limit)
    return least
