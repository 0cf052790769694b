import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.errors import Refused
from server.grid.series import intervals
from server.grid.series.intervals import SeriesPart

T0 = 1_750_032_000  # a midnight
NAN = math.nan
WATTS = st.floats(-1e6, 1e6)
STEPS = st.sampled_from([*intervals.FINER, 900, 1800, 3600, 86400])


def part(*values, start=T0, step=900):
    return SeriesPart(start, step, np.array(values, dtype=float))


@given(st.lists(WATTS, min_size=1, max_size=50), STEPS, STEPS)
def test_other_steps_keep_the_energy(values, step, wide):
    steps = -(-len(values) * step // wide)
    values = [*values, *([0.0] * (wide // step + 1))]
    means = intervals.resampled(part(*values, step=step), T0, steps, wide)
    energy = sum(value * step for value in values)
    assert math.isclose(
        means.sum() * wide, energy, rel_tol=1e-9, abs_tol=1e-9 * sum(map(abs, values)) * step + 1e-6
    )
    assert np.isfinite(means).all()


@pytest.mark.parametrize("values, step, wide, expected", [
    ([4, 8], 1800, 900, [4, 4, 8, 8]),
    ([4, 8, 1, 1], 450, 900, [6, 1]),
    ([4, NAN, NAN, NAN], 450, 900, [4, NAN]),
    ([3, 6], 900, 1350, [4, 6]),
    ([5], 900, 900, [5, NAN]),
])
def test_finer_steps_hold_and_coarser_ones_are_the_mean_of_what_is_known(values, step, wide, expected):
    means = intervals.resampled(part(*values, step=step), T0, len(expected), wide)
    assert np.array_equal(means, expected, equal_nan=True)


@given(st.integers(-20, 20), st.integers(1, 30))
def test_a_part_of_a_series_is_that_part(first, steps):
    values = np.arange(10, dtype=float)
    means = intervals.resampled(part(*values), T0 + first * 900, steps)
    expected = [values[at] if 0 <= at < 10 else NAN for at in range(first, first + steps)]
    assert np.array_equal(means, expected, equal_nan=True)


def test_what_is_laid_last_counts_save_in_its_gaps():
    parts, origins = intervals.overlay(
        [part(1, 1, 1, 1), part(2, NAN, start=T0 + 900), part(3, step=450)], T0, 5, 900
    )
    assert np.array_equal(parts, [[3, 1], [2, 2], [1, 1], [1, 1], [NAN, NAN]], equal_nan=True)
    assert origins.tolist() == [[2, 0], [1, 1], [0, 0], [0, 0], [-1, -1]]


@pytest.mark.parametrize(
    "change, why",
    [
        (
            {"values": [1, NAN]},
            r"here, value 2 \(2025-06-16T00:15Z\): nan is not a finite number; leave a gap empty",
        ),
        ({"values": [math.inf]}, "inf is not a finite number"),
        ({"values": ["1"]}, "'1' is not a number"),
        ({"values": [True]}, "True is not a number"),
        ({"values": [-1], "least": 0.0}, "-1 is below 0"),
        ({"step": 700}, "a step of 700 s does not fit intervals of 900 s; possible are 60, "),
        ({"step": 30}, "a step of 30 s does not fit"),
        ({"step": 0}, "a step of 0 s"),
        ({"step": -900}, "a step of -900 s"),
        ({"step": 2 * 86400}, "a step of 172800 s"),
        ({"start": T0 + 1}, "start 1750032001 is not a multiple of 900 s"),
        ({"start": T0 + 60, "step": 300}, "not a multiple of 300 s"),
        ({"start": T0 * 1000}, "is not within 5 years of now"),
        ({"start": -900}, "is not within 5 years of now"),
        ({"values": [0] * (367 * 96)}, "are more than 366 days"),
        ({"values": []}, "there are no values"),
        ({"values": [None, None]}, "there are no values"),
    ],
)
def test_what_is_not_fit_to_act_on_is_refused(change, why):
    arguments = {"values": [1], "start": T0, "step": 900, "least": -math.inf} | change
    with pytest.raises(Refused, match=why) as refused:
        intervals.check_values(
            arguments["values"], arguments["start"], arguments["step"], T0, "here", arguments["least"]
        )
    assert refused.value.status == 400 and refused.value.why.startswith("here")


def test_gaps_are_told_by_their_times_and_many_are_counted():
    gap = np.array([1, NAN, NAN, 1, NAN, 1, NAN, 1, NAN, 1, NAN])
    assert intervals.gaps(gap, T0, 900) == [
        "from 2025-06-16T00:15Z until 2025-06-16T00:45Z", "from 2025-06-16T01:00Z until 2025-06-16T01:15Z",
        "from 2025-06-16T01:30Z until 2025-06-16T01:45Z", "and 2 more times"]
    assert intervals.gaps(np.ones(3), T0, 900) == []


def test_intervals_of_an_event_are_those_of_the_clock():
    assert intervals.edges(0, 1800) == [0, 900, 1800]
    assert intervals.edges(300, 2000) == [300, 900, 1800, 2000]
    assert intervals.edges(300, 600) == [300, 600] and intervals.edges(600, 600) == []


@given(st.integers(0, 5000), st.integers(1, 5000))
def test_intervals_cover_an_event(start, duration):
    edges = intervals.edges(start, start + duration)
    assert (edges[0], edges[-1]) == (start, start + duration)
    assert all(0 < after - before <= intervals.STEP for before, after in pairwise(edges))
