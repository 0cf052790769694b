from math import isclose

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from server.grid.optimisation import waterfill
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
def test_one_level_explains_every_share(target, line):
    assume(all(slope == 0 or slope > 1e-3 for slope in line.slopes))
    filled = waterfill.fill(target, line)
    expected = np.clip(line.offsets + filled.level * line.slopes, line.lows, line.highs)
    assert np.allclose(filled.powers, expected, atol=1e-3)


@given(st.floats(-100_000, 100_000), st.floats(0, 50_000), lines())
def test_nobody_gets_less_of_a_greater_target(target, more, line):
    before, after = waterfill.fill(target, line), waterfill.fill(target + more, line)
    assert (after.powers >= before.powers - 1e-6).all()
    assert after.level >= before.level - 1e-9 or not line.slopes.any()


@given(st.floats(-100_000, 100_000), lines())
def test_the_sum_is_the_target_or_what_the_bounds_allow(target, line):
    filled = waterfill.fill(target, line)
    assert isclose(filled.powers.sum() + filled.unmet_w, target, rel_tol=1e-9, abs_tol=1e-6)
    assert (line.lows <= filled.powers).all() and (filled.powers <= line.highs).all()
    moving = line.slopes > 0
    if filled.unmet_w > 1e-6:
        assert np.allclose(filled.powers[moving], line.highs[moving])
    elif filled.unmet_w < -1e-6:
        assert np.allclose(filled.powers[moving], line.lows[moving])


def test_of_twenty_thousand_members_the_sum_is_as_exact():
    numbers = np.random.default_rng(7)
    rating = numbers.uniform(1000, 5000, 20_000)
    line = MemberLines(np.zeros(len(rating)), rating, -rating, rating / 3)
    filled = waterfill.fill(1e6, line)
    assert isclose(filled.powers.sum(), 1e6, rel_tol=1e-9) and filled.unmet_w == 0
    assert isclose(filled.level, 1e6 / rating.sum(), rel_tol=1e-9)
    assert waterfill.fill(1e9, line).unmet_w > 0


@pytest.mark.parametrize("tiny", [1e-308, 1e-261])
def test_a_slope_next_to_nothing_counts_as_none(tiny):
    slopes, lows, highs = np.array([tiny, 100.0]), np.array([-1000.0, -50.0]), np.array([tiny, 50.0])
    line = MemberLines(np.zeros(2), slopes, lows, highs)
    filled = waterfill.fill(30, line)
    assert filled.powers == pytest.approx([0, 30]) and filled.level == pytest.approx(0.3)
    assert filled.unmet_w == 0


def test_what_cannot_be_shared():
    single, two = np.zeros(1), np.zeros(2)
    with pytest.raises(ValueError, match="differ in length"):
        waterfill.fill(1, MemberLines(single, two, single, single))
    with pytest.raises(ValueError, match="above its high"):
        waterfill.fill(1, MemberLines(single, single, single + 2, single))
    with pytest.raises(ValueError, match="negative slope"):
        waterfill.fill(1, MemberLines(single, single - 1, single, single))
    assert waterfill.fill(5, MemberLines(two, two, two - 1, two + 1)).unmet_w == 5
    none = np.zeros(0)
    empty = waterfill.fill(5, MemberLines(none, none, none, none))
    assert not len(empty.powers) and (empty.level, empty.unmet_w) == (0.0, 5)
