from math import isclose

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.grid import share, waterfill
from server.grid.waterfill import Line

watts = st.floats(-10_000, 10_000, allow_nan=False, width=32)
slope = st.just(0.0) | st.floats(1, 10_000, allow_nan=False, width=32)


@st.composite
def lines(draw, size=None):
    size = draw(st.integers(1, 12)) if size is None else size
    offsets, slopes, ones, others = (np.array(draw(st.lists(kind, min_size=size, max_size=size)))
                                     for kind in (watts, slope, watts, watts))
    return Line(offsets, slopes / 5000, np.minimum(ones, others), np.maximum(ones, others))


@given(st.floats(-100_000, 100_000), lines())
def test_arrays_and_lists_share_alike(target, line):
    filled, listed = waterfill.fill(target, line), share.fill(target, *map(list, line))
    assert np.allclose(filled.powers, listed.powers, atol=1e-4)
    assert isclose(filled.missed, listed.missed, abs_tol=1e-6)


@given(st.floats(-100_000, 100_000), lines())
def test_the_sum_is_the_target_or_what_the_bounds_allow(target, line):
    filled = waterfill.fill(target, line)
    assert isclose(filled.powers.sum() + filled.missed, target, rel_tol=1e-9, abs_tol=1e-6)
    assert (line.lows <= filled.powers).all() and (filled.powers <= line.highs).all()
    moving = line.slopes > 0
    if filled.missed > 1e-6:
        assert np.allclose(filled.powers[moving], line.highs[moving])
    elif filled.missed < -1e-6:
        assert np.allclose(filled.powers[moving], line.lows[moving])


def test_so_many_that_arrays_do_it_and_the_sum_is_as_exact():
    numbers = np.random.default_rng(7)
    rating = numbers.uniform(1000, 5000, 20_000)
    shares = share.fill(1e6, [0.0] * len(rating), list(rating), list(-rating), list(rating / 3))
    assert isinstance(shares.powers, list) and isclose(sum(shares.powers), 1e6, rel_tol=1e-9) and shares.missed == 0
    assert isclose(shares.level, 1e6 / rating.sum(), rel_tol=1e-9)
    assert share.fill(1e9, [0.0] * len(rating), list(rating), list(-rating), list(rating / 3)).missed > 0


def test_a_lower_tier_moves_only_when_the_higher_has_given_all():
    line = Line(np.zeros(4), np.ones(4) * 1000, np.ones(4) * -1000, np.ones(4) * 1000)
    tiers = np.array([2, 1, 1, 3])
    assert waterfill.by_tier(1500, line, np.zeros(4), tiers).powers.tolist() == [0, 750, 750, 0]
    assert waterfill.by_tier(-2500, line, np.zeros(4), tiers).powers.tolist() == [-500, -1000, -1000, 0]
    spilt = waterfill.by_tier(5000, line, np.zeros(4), tiers)
    assert spilt.powers.tolist() == [1000] * 4 and spilt.missed == 1000


@given(st.floats(-50_000, 50_000), lines(size=8), st.lists(st.integers(0, 3), min_size=8, max_size=8))
def test_tiers_reach_what_one_tier_reaches(target, line, tiers):
    line = line._replace(slopes=line.slopes + 0.2)
    idle = np.clip(line.offsets, line.lows, line.highs)
    filled = waterfill.by_tier(target, line, idle, np.array(tiers))
    assert isclose(filled.missed, waterfill.fill(target, line).missed, abs_tol=1e-4)
    assert (line.lows <= filled.powers).all() and (filled.powers <= line.highs).all()


def test_each_group_meets_its_own_target():
    line = Line(np.zeros(5), np.ones(5), np.zeros(5), np.ones(5) * 10)
    filled = waterfill.by_group([6, 25, 0], line, np.array([0, 1, 0, 1, 0]))
    assert filled.powers.tolist() == [2, 10, 2, 10, 2] and filled.missed == 5


def test_what_cannot_be_shared():
    one, two = np.zeros(1), np.zeros(2)
    with pytest.raises(ValueError, match="differ in length"):
        waterfill.fill(1, Line(one, two, one, one))
    with pytest.raises(ValueError, match="above its high"):
        waterfill.fill(1, Line(one, one, one + 2, one))
    with pytest.raises(ValueError, match="negative slope"):
        waterfill.fill(1, Line(one, one - 1, one, one))
    assert waterfill.fill(5, Line(two, two, two - 1, two + 1)).missed == 5
