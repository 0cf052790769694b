"""What limits leave to cars in the steps to come."""
import numpy as np

from server.grid.balance.chargingroom import ChargingRoom
from server.grid.optimisation.balanceproblem import GroupLimit
from server.grid.optimisation.clusters import Sessions
from server.grid.series.intervals import Span

SPAN = Span(9000, 4, 900, 9000)


def room(most=10_000.0, net=(0.0, 4000.0, 0.0, 0.0), power=7000.0):
    cars = Sessions(np.array([0, 0, 1]), np.full(3, 4), np.full(3, 9000.0), np.full(3, power),
                    np.array([0, 1, 0]))
    return ChargingRoom.of([GroupLimit([0, 1], most, -np.inf, np.array(net))], cars, SPAN)


def test_limits_that_all_cars_cannot_exceed_leave_no_trace():
    assert not room(most=18_000.0).limits_of(0) and room(most=17_999.0).limits_of(0)


def test_a_car_that_is_still_to_come_has_no_part():
    assert not room().limits_of(2) and room().limits_of(1)


def test_what_is_granted_to_one_is_gone_for_the_other():
    left = room()
    assert left.headroom(0) == [(0 + 9000, 10_000), (9900, 6000), (10_800, 10_000)]
    assert left.fits_until(0, 9000, 12_600, 7000.0) == 9900
    left.take(0, 9000, 9900, 7000.0)
    assert left.fits_until(1, 9000, 9900, 3000.0) == 9900
    assert left.fits_until(1, 9060, 9900, 3002.0) == 9060, "no room at once"


def test_beyond_the_span_the_last_step_goes_on():
    left = room()
    assert left.fits_until(0, 20_000, 30_000, 10_000.0) == 30_000
    left.take(0, 20_000, 30_000, 9000.0)
    assert left.fits_until(1, 11_700, 12_600, 1002.0) == 11_700
