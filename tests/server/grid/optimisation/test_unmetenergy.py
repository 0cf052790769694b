"""What a plan leaves unmet, by session."""
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from server.grid.optimisation import unmetenergy
from server.grid.optimisation.clusters import Sessions


def sessions(needs, power=7000.0):
    size = len(needs)
    return Sessions(np.zeros(size, int), np.full(size, 9), np.array(needs, float), np.full(size, power),
                    np.zeros(size, int))


def test_those_of_a_cluster_lack_the_same_time_and_none_more_than_it_needs():
    cars = sessions([9000, 9000, 1000, 5000])
    short_wh = unmetenergy.by_session(np.array([7000.0, 0.0, 99.0]), np.array([0, 0, 0, 1]), cars)
    assert short_wh.tolist() == [3000, 3000, 1000, 0]


def test_no_session_lacks_nothing():
    assert unmetenergy.by_session(np.array([5.0]), np.zeros(0, int), sessions([])).tolist() == []


@given(st.lists(st.floats(0, 50_000), min_size=1, max_size=9), st.floats(0, 1e6))
def test_it_sums_up_to_what_the_cluster_lacks(needs, unmet):
    short_wh = unmetenergy.by_session(np.array([unmet]), np.zeros(len(needs), int), sessions(needs))
    assert abs(short_wh.sum() - min(unmet, sum(needs))) < 1e-3 and (short_wh <= np.array(needs) + 1e-6).all()
