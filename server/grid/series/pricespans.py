"""Prices over time: what of them is new, and what it takes the place of. Pure.

A published span is never changed. So where a new one differs from what is published, it is published beside
it and supersedes it from its start on for good, though it may end sooner: what then remains of the older one
is published again.
"""
from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from typing import NamedTuple

from server.units import Href, Instant

Blocks = tuple[tuple[int, int], ...]
"""Of each consumption block, the amount above which it begins, and its price, both as integers."""


class PriceSpan(NamedTuple):
    """Prices from `start` to `end` (UTC, s): the tier, and the blocks, the first from 0 on; none where there
    is to be no price."""
    start: Instant
    end: Instant
    tier: int
    blocks: Blocks


class PublishedSpan(NamedTuple):
    """A span that is published as the event `href`; `age` orders them, the greatest is the newest."""
    span: PriceSpan
    href: Href
    age: tuple[int, int]


class Replacement(NamedTuple):
    """What is to be published, what is to be cancelled at once since it is replaced before it begins, what is
    to end at an instant without another price, and how many spans are published already."""
    new: list[PriceSpan]
    cancelled: list[Href]
    ended: dict[Href, Instant]
    unchanged: int


def merged(spans: Iterable[PriceSpan]) -> list[PriceSpan]:
    """Return spans, in order of time, with those joined that follow each other and say the same."""
    joined: list[PriceSpan] = []
    for span in spans:
        last = joined[-1] if joined else None
        if last is not None and last.end == span.start and last[2:] == span[2:]:
            joined[-1] = last._replace(end=span.end)
        else:
            joined.append(span)
    return joined


def in_force(published: Iterable[PublishedSpan]) -> list[PublishedSpan]:
    """Return the published spans, in order of time, each up to where a newer one supersedes it."""
    newer: list[PriceSpan] = []  # disjoint, in order of time: what all newer ones cover
    found = []
    for item in sorted(published, key=attrgetter("age"), reverse=True):
        span = item.span
        first = next((cover.start for cover in _overlapping(newer, span)), span.end)
        if first > span.start:
            found.append(item._replace(span=span._replace(end=first)))
        _cover(newer, span)
    return sorted(found, key=lambda item: item.span.start)


def replacement(published: Iterable[PublishedSpan], wanted: Iterable[PriceSpan], now: Instant) -> Replacement:
    """Return what makes the prices from now on those that are wanted, and elsewhere as they are.

    `wanted` are in order of time and share none; what is over is left out.
    """
    ahead = [span for span in wanted if span.end > now]
    present = [item for item in in_force(published) if item.span.end > now]
    missing = [span for span in ahead if not _says(present, span, now)]
    new, cancelled, ended = [span for span in missing if span.blocks], [], {}
    for item in present:
        newer = next(iter(_overlapping(missing, item.span)), None)
        if newer is None:
            continue
        first = max(newer.start, item.span.start)
        if first == item.span.start and first > now or first <= now and not newer.blocks:
            cancelled.append(item.href)
        elif not newer.blocks:
            ended[item.href] = first
        new += _uncovered(item.span._replace(start=max(first, now)), missing)
    return Replacement(sorted(new), cancelled, ended, len(ahead) - len(missing))


def _says(present: Sequence[PublishedSpan], span: PriceSpan, now: Instant) -> bool:
    """Whether one of the published spans, in order of time, says what a span does, from now on."""
    at = bisect_right(present, max(span.start, now), key=lambda item: item.span.start) - 1
    return at >= 0 and present[at].span.end >= span.end and present[at].span[2:] == span[2:]


def _uncovered(span: PriceSpan, others: Sequence[PriceSpan]) -> Iterator[PriceSpan]:
    """Yield the parts of a span in which none of the others, in order of time, is."""
    start = span.start
    for other in _overlapping(others, span):
        if other.start > start:
            yield span._replace(start=start, end=other.start)
        start = max(start, other.end)
    if start < span.end:
        yield span._replace(start=start)


def _overlapping(spans: Sequence[PriceSpan], span: PriceSpan) -> Sequence[PriceSpan]:
    """Return those of disjoint spans, in order of time, that share time with another."""
    return spans[bisect_right(spans, span.start, key=attrgetter("end")):
                 bisect_left(spans, span.end, key=attrgetter("start"))]


def _cover(covered: list[PriceSpan], span: PriceSpan) -> None:
    """Add the time of a span to disjoint ones in order of time, in place."""
    begin = bisect_left(covered, span.start, key=attrgetter("end"))
    end = bisect_right(covered, span.end, key=attrgetter("start"))
    touched = covered[begin:end]
    covered[begin:end] = [PriceSpan(min([span.start, *(other.start for other in touched)]),
                                    max([span.end, *(other.end for other in touched)]), 0, ())]
