"""Rooms that limits leave to cars and thermal loads."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.grid.optimisation import limitrooms
from server.grid.optimisation.balanceproblem import GroupLimit
from server.grid.optimisation.clusters import Sessions
from server.grid.optimisation.limitrooms import SessionRoom

HOUR = 1.0
NET = np.zeros(1)


def cars(needs_wh, hours=4, power_w=7000.0, groups=None):
    size = len(needs_wh)
    return Sessions(np.zeros(size, int), np.full(size, hours), np.array(needs_wh, float),
                    np.full(size, power_w), np.zeros(size, int) if groups is None else np.array(groups))


def test_a_room_is_what_is_left_beside_all_else_with_batteries_at_their_least():
    limit = GroupLimit([0, 1], 10_000.0, -4000.0, np.array([1000.0]))
    room, = limitrooms.session_rooms([limit], np.array([0, 1, 2]), np.array([2000.0, 0.0, 9.0]),
                                     np.array([-3000.0, 0.0, -9.0]), np.array([500.0, 0.0, 9.0]))
    assert room.members.tolist() == [True, True, False]
    assert room.most == 10_000 - 1000 - 2000 + 3000 and room.least == -4000 - 1000 - 2000 - 500


def test_where_nothing_is_left_the_room_is_none_and_not_negative():
    room, = limitrooms.session_rooms([GroupLimit([0], 1000.0, -np.inf, np.array([5000.0]))],
                                     np.array([0]), np.zeros(1), np.zeros(1), np.zeros(1))
    assert room.most == 0


def test_the_car_with_least_to_spare_comes_first():
    """Of two with 4 h, one needs 26 kWh and one 5: with 7 kW for both, the first gets all of it."""
    both = cars([26_000.0, 5000.0])
    held = limitrooms.hold_sessions(
        np.array([7000.0, 5000.0]), both, [SessionRoom(np.array([True, True]), -np.inf, 7000.0)], HOUR)
    assert held.tolist() == pytest.approx([7000, 0])


def test_a_lower_bound_makes_cars_charge_and_an_upper_one_prevails():
    one, below = cars([20_000.0]), np.array([True])
    assert limitrooms.hold_sessions(
        np.zeros(1), one, [SessionRoom(below, 3000.0, 9000.0)], HOUR).tolist() == pytest.approx([3000])
    assert limitrooms.hold_sessions(
        np.zeros(1), one, [SessionRoom(below, 3000.0, 2000.0)], HOUR).tolist() == pytest.approx([2000])


@settings(deadline=None)
@given(st.lists(st.floats(0, 40_000), min_size=1, max_size=12), st.floats(0, 60_000), st.floats(0, 60_000))
def test_inner_and_outer_rooms_are_kept_and_nobody_is_raised(needs, inner, outer):
    all_cars = cars(needs, groups=[number % 2 for number in range(len(needs))])
    _, highs = limitrooms.session_limits(all_cars, HOUR)
    rooms = [SessionRoom(all_cars.group == 0, -np.inf, inner),
             SessionRoom(np.ones(len(needs), bool), -np.inf, outer)]
    held = limitrooms.hold_sessions(highs, all_cars, rooms, HOUR)
    assert all(held[room.members].sum() <= room.most + 1e-3 for room in rooms)
    assert (held >= -1e-9).all() and (held <= highs + 1e-9).all()
    if highs[rooms[0].members].sum() <= inner and highs.sum() <= outer:
        assert np.allclose(held, highs)


def test_thermal_targets_go_no_lower_than_comfort_allows():
    targets, lows = np.array([[3000.0, 1000.0], [5000.0, 0.0]]), np.array([[1000.0, 500.0], [0.0, 0.0]])
    limit = GroupLimit([0], 2750.0, -np.inf, NET)
    assert limitrooms.thermal_targets(targets, lows, np.zeros(2), [limit]).tolist() == [
        pytest.approx([2000, 750]), [5000, 0]]
    assert limitrooms.thermal_targets(
        targets, lows, np.zeros(2), [GroupLimit([0], 0.0, -np.inf, NET)]).tolist() == [[1000, 500], [5000, 0]]
