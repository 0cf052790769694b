from math import isclose

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.grid.optimisation import policies, rounding

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
    assert isclose(filled.powers.sum() + filled.unmet_w, target, rel_tol=1e-9, abs_tol=1e-3)


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
    filled = policies.by_comfort(target, state, band, keep, base, power - base, QUARTER)
    after = keep * state + filled.powers * QUARTER
    assert (abs(after) <= band + 1e-6).all()
    drawn = base + filled.powers
    assert (drawn >= -1e-6).all() and (drawn <= power + 1e-6).all()
    lows, highs = policies.comfort_bounds(state, band, keep, base, power - base, QUARTER)
    free = (filled.powers > lows + 1) & (filled.powers < highs - 1)
    assert np.allclose((after / band)[free], filled.level, atol=1e-4)


def test_a_load_outside_its_band_is_not_driven_further_out():
    lows, highs = policies.comfort_bounds(np.array([1500.0, -1500.0]), np.array([1000.0, 1000.0]), np.ones(2),
                                          np.array([500.0, 500.0]), np.array([1500.0, 1500.0]), HOUR)
    assert highs.tolist() == [0, 1500] and lows.tolist() == [-500, 0]


def arrays(*lists):
    return (np.array(values, dtype=float) for values in lists)


def test_a_target_in_proportion_to_rating_where_one_member_is_full():
    rating, lows, highs = arrays([1000, 5000, 5000], [-1000, -5000, -500], [1000, 5000, 5000])
    filled = policies.by_rating(-6000, rating, rating, lows, highs)
    assert isclose(filled.level, -5500 / 6000)
    assert [round(power, 3) for power in filled.powers] == [-916.667, -4583.333, -500]


def test_charging_goes_by_the_charge_rating():
    charge, discharge, lows, highs = arrays([2000, 4000], [9000, 1], [-9000, -1], [2000, 4000])
    filled = policies.by_rating(3000, charge, discharge, lows, highs)
    assert rounding.percent(filled.level) == 5000
    assert [round(power) for power in filled.powers] == [1000, 2000]


def test_load_in_proportion_to_headroom_in_both_directions():
    present, lows, highs = arrays([2000, 4000], [0, 0], [4000, 4000])
    less = policies.by_headroom(1000, present, lows, highs)
    assert [round(power) for power in less.powers] == [333, 667] and isclose(less.level, -5 / 6)
    more = policies.by_headroom(7000, present, lows, highs)
    assert [round(power) for power in more.powers] == [3000, 4000]


def test_equal_state_of_charge_afterwards():
    energy, least, most, lows, highs = arrays(
        [8000, 3000], [1000, 1000], [10_000, 5000], [-5000, -2500], [5000, 2500]
    )
    filled = policies.by_charge(-2000, energy, least, most, np.ones(2), HOUR, lows, highs)
    after = (energy + filled.powers - least) / (most - least)
    assert isclose(filled.powers.sum(), -2000) and isclose(*after) and isclose(filled.level, after[0])


def test_a_member_with_no_remaining_quota_stays_as_it_is():
    present, lows, highs, remaining = arrays([0.0] * 3, [-1000.0] * 3, [1000.0] * 3, [1.0, 0.5, 0.0])
    less = policies.by_remaining_quota(-900, present, lows, highs, remaining)
    assert less.powers == pytest.approx([-600, -300, 0])
    more = policies.by_remaining_quota(900, present, lows, highs, remaining)
    assert more.powers == pytest.approx([600, 300, 0])


@pytest.mark.parametrize("target, powers, unmet_w", [
    (-1500, [0, -750, -750, 0], 0),
    (2500, [500, 1000, 1000, 0], 0),
    (-5000, [-1000] * 4, -1000),
    (0, [0] * 4, 0),
])
def test_tier_by_tier_the_next_is_asked_when_the_one_before_has_given_all(target, powers, unmet_w):
    present, lows, highs = arrays([0.0] * 4, [-1000.0] * 4, [1000.0] * 4)
    filled = policies.by_tier(target, present, lows, highs, np.array([2, 1, 1, 3]))
    assert filled.powers == pytest.approx(powers) and filled.unmet_w == pytest.approx(unmet_w)


watts = st.floats(-10_000, 10_000, allow_nan=False, width=32)


@given(st.floats(-50_000, 50_000), members(12, watts, watts, watts, st.integers(0, 3)))
def test_tiers_reach_what_one_tier_reaches(target, rows):
    present, lows, highs = rows[0], np.minimum(rows[1], rows[2]), np.maximum(rows[1], rows[2])
    filled = policies.by_tier(target, present, lows, highs, rows[3].astype(int))
    assert isclose(filled.unmet_w, policies.by_headroom(target, present, lows, highs).unmet_w, abs_tol=1e-3)
    assert (lows - 1e-6 <= filled.powers).all() and (filled.powers <= highs + 1e-6).all()
