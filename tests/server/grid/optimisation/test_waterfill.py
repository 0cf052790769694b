from math import isclose

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.grid.optimisation import share, waterfill
from server.grid.optimisation.waterfill import MemberLines

watts = st.floats(-10_000, 10_000, allow_nan=False, width=32)
slope = st.just(0.0) | st.floats(1, 10_000, allow_nan=False, width=32)


@st.composite
def lines(draw, size=None):
    size = draw(st.integers(1, 12)) if size is None else size
    offsets, slopes, ones, others = (np.array(draw(st.lists(kind, min_size=size, max_size=size)))
                                     for kind in (watts, slope, watts, watts))
    return MemberLines(offsets, slopes / 5000, np.minimum(ones, others), np.maximum(ones, others))


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
    assert (
        isinstance(shares.powers, list)
        and isclose(sum(shares.powers), 1e6, rel_tol=1e-9)
        and shares.missed == 0
    )
    assert isclose(shares.level, 1e6 / rating.sum(), rel_tol=1e-9)
    assert share.fill(1e9, [0.0] * len(rating), list(rating), list(-rating), list(rating / 3)).missed > 0


def test_what_cannot_be_shared():
    one, two = np.zeros(1), np.zeros(2)
    with pytest.raises(ValueError, match="differ in length"):
        waterfill.fill(1, MemberLines(one, two, one, one))
    with pytest.raises(ValueError, match="above its high"):
        waterfill.fill(1, MemberLines(one, one, one + 2, one))
    with pytest.raises(ValueError, match="negative slope"):
        waterfill.fill(1, MemberLines(one, one - 1, one, one))
    assert waterfill.fill(5, MemberLines(two, two, two - 1, two + 1)).missed == 5
