from math import isclose

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from server.grid.optimisation import policies

HOUR, QUARTER = 1.0, 0.25


def members(size, *kinds):
    return st.lists(st.tuples(*kinds), min_size=1, max_size=size).map(
        lambda rows: np.array(rows, dtype=float).T
    )


unit = st.floats(0, 1, width=32)
kilowatts = st.floats(500, 20_000, width=32)


def test_a_broadcast_percent_of_the_rating_that_fits_the_direction():
    charge, discharge = np.array([2000.0, 4000.0]), np.array([9000.0, 1000.0])
    assert policies.by_rating(3000, charge, discharge, -discharge, charge).powers.tolist() == [1000, 2000]
    assert policies.by_rating(-5000, charge, discharge, -discharge, charge).powers.tolist() == [-4500, -500]


@given(st.floats(-100_000, 100_000), members(12, unit, kilowatts, kilowatts, st.floats(0.75, 1, width=32)))
def test_all_that_meet_no_bound_are_equally_charged_afterwards(target, rows):
    charge, power, capacity, efficiency = rows
    least, energy = capacity * 0.1, capacity * (0.1 + 0.9 * charge)
    filled = policies.by_charge(target, energy, least, capacity, efficiency, QUARTER, -power, power)
    change = np.where(filled.powers > 0, filled.powers * efficiency, filled.powers / efficiency) * QUARTER
    after = (energy + change - least) / (capacity - least)
    free = (abs(filled.powers) < power * 0.999) & (abs(filled.powers) > 1e-6 * power)
    assert np.allclose(after[free], filled.level, atol=1e-3)
    assert isclose(filled.powers.sum() + filled.missed, target, rel_tol=1e-9, abs_tol=1e-3)


@given(st.floats(0, 200_000), members(12, unit, st.floats(1000, 22_000, width=32), st.integers(1, 40)))
def test_no_session_misses_its_energy_whatever_the_target(target, rows):
    """From any target at every step, each session is full when it leaves."""
    share, power, steps = rows
    need = share * power * steps * QUARTER
    left = steps * QUARTER
    for _ in range(int(max(steps))):
        lows, highs = policies.session_bounds(need, left, power, QUARTER)
        drawn = policies.by_laxity(target, need, left, power, QUARTER).powers
        assert (drawn >= lows).all() and (drawn <= highs).all()
        need, left, target = need - drawn * QUARTER, left - QUARTER, target * 0.7
        assert (need <= power * np.maximum(left, 0) + 1e-3).all()
    assert np.allclose(need, 0, atol=1e-3)


def test_who_is_nearest_to_leaving_is_served_first():
    filled = policies.by_laxity(
        5000, np.array([5000.0, 5000.0]), np.array([2.0, 8.0]), np.array([5000.0, 5000.0]), HOUR
    )
    assert filled.powers.tolist() == [5000, 0]


@given(st.floats(-50_000, 50_000), members(12, st.floats(-1, 1, width=32), kilowatts, kilowatts, unit))
def test_thermal_loads_stay_in_their_comfort_band_and_share_it(target, rows):
    state, band, power, base = rows[0] * rows[1], rows[1], rows[2], rows[3] * rows[2]
    keep = np.full_like(band, 0.98)
    filled = policies.by_comfort(target, state, band, keep, base, power, QUARTER)
    after = keep * state + filled.powers * QUARTER
    assert (abs(after) <= band + 1e-6).all()
    drawn = base + filled.powers
    assert (drawn >= -1e-6).all() and (drawn <= power + 1e-6).all()
    lows, highs = policies.comfort_bounds(state, band, keep, base, power, QUARTER)
    free = (filled.powers > lows + 1) & (filled.powers < highs - 1)
    assert np.allclose((after / band)[free], filled.level, atol=1e-4)


def test_a_load_outside_its_band_is_not_driven_further_out():
    lows, highs = policies.comfort_bounds(np.array([1500.0, -1500.0]), np.array([1000.0, 1000.0]), np.ones(2),
                                          np.array([500.0, 500.0]), np.array([2000.0, 2000.0]), HOUR)
    assert highs.tolist() == [0, 1500] and lows.tolist() == [-500, 0]
