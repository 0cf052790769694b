"""Kilowatts into what devices are told."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.grid.fleet import setpoints
from server.grid.fleet.setpoints import Session


@pytest.mark.parametrize(
    "level, hundredths", [(0.5, -5000), (-0.25, 2500), (0.0, 0), (1.7, -10_000), (-3, 10_000)]
)
def test_what_is_drawn_is_negative_in_a_control(level, hundredths):
    assert setpoints.fixed_w(level) == {"opModFixedW": hundredths}


def test_generation_is_limited_to_a_part_of_its_rating():
    assert setpoints.max_lim_w(0.4) == {"opModMaxLimW": 4000} and setpoints.max_lim_w(1.2) == {
        "opModMaxLimW": 10_000
    }


@pytest.mark.parametrize(
    "fraction, expected",
    [
        (-0.5, {"Offset": {"coolingOffset": 10, "heatingOffset": 10}, "loadShiftForward": False}),
        (1.0, {"Offset": {"coolingOffset": 20, "heatingOffset": 20}, "loadShiftForward": True}),
        (0.01, None),
        (0.0, None),
    ],
)
def test_a_part_of_the_comfort_band_is_an_offset_of_the_set_point(fraction, expected):
    assert setpoints.offset(fraction, kelvin=2.0) == expected


@pytest.mark.parametrize(
    "power, expected", [(-500.0, 50), (-1000.0, 0), (-2000.0, 0), (0.0, None), (300.0, None)]
)
def test_loads_without_a_set_point_rest_a_part_of_the_time(power, expected):
    control = setpoints.duty_cycle(1000.0, power)
    assert (control and control["DutyCycle"]["normalValue"]) == expected


FLEETS = st.integers(1, 12).flatmap(
    lambda size: st.tuples(*(st.lists(st.floats(0, 1), min_size=size, max_size=size) for _ in range(3)))
)


@given(FLEETS)
def test_no_car_is_charged_with_less_than_a_charger_can(fleet):
    part, low, size = (np.array(values) for values in fleet)
    most = 1400 + 9000 * size
    floor = np.where(low > 0.8, most * 0.6, 0.0)
    powers = np.maximum(part * most, floor)
    powers_w = setpoints.chargeable(powers, floor, most, 1380.0)
    assert ((powers_w == 0) | (powers_w >= 1380 - 1e-6)).all() and (powers_w <= most + 1e-6).all()
    assert (powers_w >= floor - 1e-6).all()
    able = np.maximum(np.minimum(1380, most), floor)
    must = able[floor > 0].sum()
    assert abs(powers_w.sum() - powers.sum()) <= max(able.max() / 2, must - powers.sum()) + 1e-6


def test_who_needs_it_most_comes_first_when_there_is_not_enough_for_all():
    powers_w = setpoints.chargeable(np.array([300.0, 900.0, 700.0]), np.zeros(3), np.full(3, 7000.0), 1380.0)
    assert powers_w.tolist() == pytest.approx([0, 1900, 0])


def test_a_little_more_or_less_is_not_worth_a_word():
    rating, floor = np.full(5, 7000.0), np.array([0, 0, 0, 0, 7000.0])
    powers, before = np.array([3100, 4000, 0, 100, 7000.0]), np.array([3000, 3000, np.nan, 0, 6900.0])
    assert setpoints.unchanged(powers, before, rating, floor, 0.05).tolist() == [
        True,
        False,
        False,
        False,
        False,
    ]


NEEDS = st.builds(
    Session, departure_at=st.integers(10_000, 90_000), need_wh=st.floats(10, 40_000),
    power_w=st.floats(1400, 22_000),
)


@given(NEEDS, st.floats(0, 1))
def test_a_car_that_is_told_nothing_more_gets_what_can_be_had(session, part):
    grant, = setpoints.offer(session, part * session.power_w if part > 0.1 else 0.0, 0)
    assert 0 <= grant.start and grant.start + grant.duration_s <= session.departure_at
    served = grant.power_w * grant.duration_s / 3600
    possible = min(session.need_wh, session.departure_at * session.power_w / 3600)
    if part > 0.1:
        possible = min(session.need_wh, session.departure_at * part * session.power_w / 3600)
    assert served >= possible * 0.99 - session.power_w / 1800 - 2
    assert grant.energy_wh <= session.need_wh + 1e-6


def test_a_car_that_waits_is_told_when_it_will_start_at_the_latest():
    waits = setpoints.offer(Session(36_000, 7000, 7000), 0.0, 1000)
    assert waits == [(36_000 - 3600, 3600, 7000, 7000)]
    assert setpoints.offer(Session(36_000, 7000, 7000), 0.0, 1000, charging=True) == [
        (1000, 31_400, 0, 0),
        *waits,
    ]
