import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from server.grid.optimisation import policies, rounding

watts = st.floats(-10_000, 10_000, allow_nan=False, width=32)
rating = st.just(0.0) | st.floats(1, 10_000, allow_nan=False, width=32)


def columns(rows):
    return np.array(rows, dtype=float).T


@given(st.floats(-100_000, 100_000), st.lists(st.tuples(rating, rating, rating), min_size=1, max_size=12))
def test_a_broadcast_percent_hits_the_target_within_its_resolution(target, rows):
    charge, discharge, greatest = columns(rows)
    lows, highs = -np.minimum(discharge, greatest), charge
    filled = policies.by_rating(target, charge, discharge, lows, highs)
    level = rounding.percent(filled.level)
    assert -10_000 <= level <= 10_000
    powers = rounding.broadcast(level, charge, discharge, lows, highs)
    resolution = (charge.sum() + discharge.sum()) / 2 / 10_000
    assert abs(powers.sum() - filled.powers.sum()) <= resolution + 1e-6


@given(st.lists(st.tuples(watts, watts, watts, st.sampled_from([1, 10, 100])), min_size=1, max_size=12))
def test_rounding_keeps_the_sum_and_the_bounds(rows):
    powers, ones, others, steps = columns(rows)
    lows, highs = np.minimum(ones, others), np.maximum(ones, others)
    powers = np.clip(powers, lows, highs)
    counts = rounding.to_steps(powers, steps, lows, highs)
    for count, power, unit, low, high in zip(counts, powers, steps, lows, highs, strict=True):
        assert abs(count * unit - power) < unit + 1e-9
        assert low <= count * unit <= high or low // unit == high // unit


@given(st.lists(watts, min_size=1, max_size=40), st.sampled_from([1, 10, 100, 1000]))
def test_the_error_of_a_group_is_half_a_step_not_half_a_step_each(powers, unit):
    bound, steps = np.full(len(powers), 1e6), np.full(len(powers), float(unit))
    counts = rounding.to_steps(np.array(powers), steps, -bound, bound)
    assert abs((counts * unit).sum() - np.sum(powers)) <= unit / 2 + 1e-6


def test_the_greatest_remainder_is_rounded_up():
    counts = rounding.to_steps(np.array([0.2, 10.9, 5.9, 3.0]), np.ones(4), np.zeros(4), np.full(4, 20.0))
    assert counts.tolist() == [0, 11, 6, 3]
