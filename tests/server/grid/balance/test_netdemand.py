"""What an area needs: the parts of it that are pure."""
from __future__ import annotations

import numpy as np

from server.grid.balance import netdemand
from server.grid.optimisation.clusters import Sessions
from server.grid.series.intervals import Span


def test_a_car_waits_through_the_step_in_which_it_comes_and_one_that_leaves_by_then_is_not_planned_for():
    arrive, depart = np.array([0, 2, 0, 3]), np.array([9, 9, 1, 9])
    cars = Sessions(arrive, depart, np.full(4, 5000.0), np.full(4, 7000.0), np.arange(4))
    plannable = netdemand.plannable_arrivals(cars, Span(0, 4, 900, 0))
    assert (
        plannable.arrive.tolist() == [1, 3]
        and plannable.group.tolist() == [0, 1]
        and plannable.need.tolist() == [5000, 5000]
    )
