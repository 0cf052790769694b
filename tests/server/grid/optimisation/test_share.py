from math import fsum, isclose

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from server.grid.optimisation import share

watts = st.floats(-10_000, 10_000, allow_nan=False, width=32)
rating = st.just(0.0) | st.floats(1, 10_000, allow_nan=False, width=32)


@st.composite
def lines(draw):
    """Offsets, slopes, lows and highs of some members."""
    members = draw(st.lists(st.tuples(watts, rating, watts, watts), min_size=1, max_size=12))
    return ([offset for offset, *_ in members], [slope / 5000 for _, slope, *_ in members],
            [min(one, other) for *_, one, other in members], [max(one, other) for *_, one, other in members])


def near(one, other):
    return isclose(one, other, rel_tol=1e-9, abs_tol=1e-6)


@given(st.floats(-100_000, 100_000), lines())
def test_the_sum_is_the_target_or_the_nearest_that_the_bounds_allow(target, line):
    offsets, slopes, lows, highs = line
    shares = share.fill(target, *line)
    least = fsum(
        low if slope else min(max(offset, low), high) for offset, slope, low, high in zip(*line, strict=True)
    )
    most = fsum(
        high if slope else min(max(offset, low), high) for offset, slope, low, high in zip(*line, strict=True)
    )
    assert near(fsum(shares.powers), min(max(target, least), most))
    assert near(fsum(shares.powers) + shares.missed, target)
    assert all(low <= power <= high for power, low, high in zip(shares.powers, lows, highs, strict=True))


@given(st.floats(-100_000, 100_000), lines())
def test_one_level_explains_every_share(target, line):
    shares = share.fill(target, *line)
    assume(all(slope == 0 or slope > 1e-3 for slope in line[1]))
    for power, offset, slope, low, high in zip(shares.powers, *line, strict=True):
        assert isclose(power, min(max(offset + shares.level * slope, low), high), abs_tol=1e-3)


@given(st.floats(-100_000, 100_000), st.floats(0, 50_000), lines())
def test_nobody_gets_less_of_a_greater_target(target, more, line):
    before, after = share.fill(target, *line), share.fill(target + more, *line)
    assert all(late >= early - 1e-6 for early, late in zip(before.powers, after.powers, strict=True))
    assert after.level >= before.level - 1e-9 or not any(line[1])


def test_a_target_in_proportion_to_rating_where_one_member_is_full():
    shares = share.by_rating(6000, charge=[1000, 5000, 5000], discharge=[1000, 5000, 5000],
                             lows=[-1000, -5000, -5000], highs=[1000, 5000, 500])
    assert near(shares.level, 5500 / 6000)
    assert [round(power, 3) for power in shares.powers] == [916.667, 4583.333, 500]


def test_charging_goes_by_the_charge_rating():
    shares = share.by_rating(
        -3000, charge=[2000, 4000], discharge=[9000, 1], lows=[-2000, -4000], highs=[9000, 1]
    )
    assert share.percent(shares.level) == -5000
    assert [round(power) for power in shares.powers] == [-1000, -2000]


def test_load_in_proportion_to_headroom_in_both_directions():
    up = share.by_headroom(-1000, present=[-2000, -4000], lows=[-4000, -4000], highs=[0, 0])
    assert [round(power) for power in up.powers] == [-333, -667] and near(up.level, 5 / 6)
    down = share.by_headroom(-7000, present=[-2000, -4000], lows=[-4000, -4000], highs=[0, 0])
    assert [round(power) for power in down.powers] == [-3000, -4000]


def test_equal_state_of_charge_afterwards():
    energy, least, most = [8000, 3000], [1000, 1000], [10_000, 5000]
    shares = share.by_charge(2000, energy, least, most, 1.0, lows=[-5000, -2500], highs=[5000, 2500])
    after = [(now - power - empty) / (full - empty)
             for now, power, empty, full in zip(energy, shares.powers, least, most, strict=True)]
    assert near(fsum(shares.powers), 2000) and near(after[0], after[1]) and near(1 - shares.level, after[0])


@given(st.floats(-100_000, 100_000), st.lists(st.tuples(rating, rating, rating), min_size=1, max_size=12))
def test_a_broadcast_percent_hits_the_target_within_its_resolution(target, members):
    charge, discharge = [each[0] for each in members], [each[1] for each in members]
    lows, highs = [-each for each in charge], [min(each[1], each[2]) for each in members]
    shares = share.by_rating(target, charge, discharge, lows, highs)
    level = share.percent(shares.level)
    assert -10_000 <= level <= 10_000
    told = share.broadcast(level, charge, discharge, lows, highs)
    assert abs(fsum(told) - fsum(shares.powers)) <= (fsum(charge) + fsum(discharge)) / 2 / 10_000 + 1e-6


@given(st.lists(st.tuples(watts, watts, watts, st.sampled_from([1, 10, 100])), min_size=1, max_size=12))
def test_rounding_keeps_the_sum_and_the_bounds(members):
    lows = [min(low, high) for _, low, high, _ in members]
    highs = [max(low, high) for _, low, high, _ in members]
    powers = [min(max(power, low), high) for (power, *_), low, high in zip(members, lows, highs, strict=True)]
    steps = [unit for *_, unit in members]
    counts = share.to_steps(powers, steps, lows, highs)
    for count, power, unit, low, high in zip(counts, powers, steps, lows, highs, strict=True):
        assert abs(count * unit - power) < unit + 1e-9
        assert low <= count * unit <= high or low // unit == high // unit


@given(st.lists(watts, min_size=1, max_size=40), st.sampled_from([1, 10, 100, 1000]))
def test_the_error_of_a_group_is_half_a_step_not_half_a_step_each(powers, unit):
    counts = share.to_steps(powers, [unit] * len(powers), [-1e6] * len(powers), [1e6] * len(powers))
    assert abs(fsum(count * unit for count in counts) - fsum(powers)) <= unit / 2 + 1e-6


def test_the_greatest_remainder_is_rounded_up():
    assert share.to_steps([0.2, 10.9, 5.9, 3.0], [1] * 4, [0] * 4, [20] * 4) == [0, 11, 6, 3]


def test_what_cannot_be_shared():
    with pytest.raises(ValueError, match="differ in length"):
        share.fill(1, [0], [1, 1], [0], [1])
    with pytest.raises(ValueError, match="bounds 2 to 1"):
        share.fill(1, [0], [1], [2], [1])
    assert share.fill(5, [], [], [], []) == ([], 0.0, 5)


def test_in_turn_who_owes_nothing_more_is_left_alone():
    shares = share.by_turn(900, [0.0] * 3, [-1000.0] * 3, [1000.0] * 3, left=[1.0, 0.5, 0.0])
    assert shares.powers == pytest.approx([600, 300, 0])
    assert share.by_turn(
        -900, [0.0] * 3, [-1000.0] * 3, [1000.0] * 3, [1.0, 0.5, 0.0]
    ).powers == pytest.approx([-600, -300, 0])


@pytest.mark.parametrize(
    "target, powers, missed",
    [
        (1500, [0, 750, 750, 0], 0),
        (-2500, [-500, -1000, -1000, 0], 0),
        (5000, [1000] * 4, 1000),
        (0, [0] * 4, 0),
    ],
)
def test_tier_by_tier_the_next_is_asked_when_the_one_before_has_given_all(target, powers, missed):
    shares = share.by_tier(target, [0.0] * 4, [-1000.0] * 4, [1000.0] * 4, tiers=[2, 1, 1, 3])
    assert shares.powers == pytest.approx(powers) and shares.missed == pytest.approx(missed)


@given(st.floats(-50_000, 50_000), lines(), st.data())
def test_tiers_reach_what_one_tier_reaches(target, line, data):
    present, _, lows, highs = line
    tiers = data.draw(st.lists(st.integers(0, 3), min_size=len(lows), max_size=len(lows)))
    shares = share.by_tier(target, present, lows, highs, tiers)
    assert isclose(shares.missed, share.by_headroom(target, present, lows, highs).missed, abs_tol=1e-3)
    assert all(
        low - 1e-6 <= power <= high + 1e-6
        for power, low, high in zip(shares.powers, lows, highs, strict=True)
    )
