"""Energy that may be given is spent on the highest steps."""
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from server.grid.optimisation.peakshaving import shave

STEPS = 6


def test_the_highest_steps_become_equally_low():
    excess = np.array([0.0, 3000, 5000, 4000, -2000, 9000])
    within = np.array([[True] * 5 + [False]])
    assert np.round(shave(excess, np.full((1, 6), 4000.0), np.array([3000.0]), within, 1.0)).tolist() == [
        [0, 0, 2000, 1000, 0, 0]]


@given(st.lists(st.floats(-5000, 9000), min_size=STEPS, max_size=STEPS),
       st.lists(st.tuples(st.floats(0, 4000), st.floats(0, 9000),
                          st.lists(st.booleans(), min_size=STEPS, max_size=STEPS)), max_size=4))
def test_nobody_gives_more_than_it_can_and_nothing_more_than_is_left_over(excess, offers):
    power = np.array([[row[0]] * STEPS for row in offers]).reshape(-1, STEPS)
    energy, within = np.array([row[1] for row in offers]), np.array([row[2] for row in offers], bool)
    within = within.reshape(-1, STEPS)
    given_w = shave(np.array(excess), power, energy, within, 0.25)
    assert (given_w >= 0).all() and (given_w <= power + 1e-6).all() and not given_w[~within].any()
    assert (given_w.sum(axis=1) * 0.25 <= energy + 1e-3).all()
    assert (given_w.sum(axis=0) <= np.maximum(excess, 0) + 1e-6).all()
