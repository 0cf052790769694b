"""Limits over time: joined, cut, replaced, and as values of steps."""
from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from server.grid.series import envelopesegments
from server.grid.series.envelopesegments import KINDS, NO_LIMITS, Limits
from server.grid.series.envelopesegments import LimitSpan as Segment

A: Limits = (None, 5000.0, None, None)
B: Limits = (None, 1000.0, None, 700.0)


def test_equal_neighbours_are_one() -> None:
    assert envelopesegments.merged([Segment(0, 300, A), Segment(300, 600, A), Segment(900, 1200, A)]) == [
        Segment(0, 600, A), Segment(900, 1200, A)]


def test_the_new_hold_where_they_reach() -> None:
    old = [Segment(0, 900, A), Segment(900, 1800, B)]
    new = [Segment(600, 900, B), Segment(900, 1200, NO_LIMITS)]
    assert envelopesegments.replaced(old, new, 300) == [
        Segment(300, 600, A), Segment(600, 900, B), Segment(900, 1200, NO_LIMITS), Segment(1200, 1800, B)]
    assert envelopesegments.replaced([], new, 700) == [Segment(700, 900, B), Segment(900, 1200, NO_LIMITS)]


def test_the_least_limit_of_a_step() -> None:
    segments = [Segment(0, 300, A), Segment(300, 900, B)]
    assert envelopesegments.values(segments, "export_limit", 0, 3, 600).tolist() == [1000, 1000, np.inf]
    assert envelopesegments.values(segments, "load_limit", 0, 3, 300).tolist() == [np.inf, 700, 700]
    assert envelopesegments.values(segments, "import_limit", 0, 1, 900).tolist() == [np.inf]


LIMITS = st.tuples(*[st.one_of(st.none(), st.integers(0, 5).map(float)) for _ in KINDS])
SCHEDULE = st.tuples(st.integers(0, 20), st.lists(LIMITS, min_size=1, max_size=12))


def schedule(start: int, limits: list[Limits]) -> list[Segment]:
    return [Segment(start + number, start + number + 1, each) for number, each in enumerate(limits)]


def at(segments: list[Segment], instant: int) -> Limits | None:
    return next((segment.limits for segment in segments if segment.start <= instant < segment.end), None)


@given(SCHEDULE, SCHEDULE, st.integers(0, 30))
def test_each_instant_is_of_the_newest_schedule_that_reaches_it(
    old: tuple[int, list[Limits]], new: tuple[int, list[Limits]], now: int
) -> None:
    before, after = schedule(*old), schedule(*new)
    found = envelopesegments.replaced(before, after, now)
    for instant in range(now, 40):
        expected = at(after, instant) if at(after, instant) is not None else at(before, instant)
        assert at(found, instant) == expected
    assert all(a.end <= b.start for a, b in zip(found, found[1:], strict=False))
    assert all(a.end < b.start or a.limits != b.limits for a, b in zip(found, found[1:], strict=False))
