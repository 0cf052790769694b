"""Energy that may be given is sold in the dearest steps."""
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from server.grid.optimisation.pricespread import sell

STEPS = 6


def test_the_dearest_steps_come_first_and_equal_ones_share():
    gain = np.array([0.1, 2.0, 0.5, 0.5, -1.0, 0.0])
    assert sell(gain, np.full((1, STEPS), 4000.0), np.array([6000.0]), 1.0).tolist() == [
        [0, 4000, 1000, 1000, 0, 0]]


@given(st.lists(st.sampled_from([-1.0, 0.0, 0.1, 0.1, 2.0]), min_size=STEPS, max_size=STEPS),
       st.lists(st.tuples(st.lists(st.floats(0, 4000), min_size=STEPS, max_size=STEPS), st.floats(0, 9000)),
                max_size=4))
def test_nobody_gives_more_than_it_offers_or_for_nothing(gain, offers):
    power = np.array([row[0] for row in offers]).reshape(-1, STEPS)
    energy = np.array([row[1] for row in offers])
    given_w = sell(np.array(gain), power, energy, 0.25)
    assert (given_w >= 0).all() and (given_w <= power + 1e-6).all()
    assert (given_w.sum(axis=1) * 0.25 <= energy + 1e-6).all()
    assert not given_w[:, np.array(gain) <= 0].any()
    worth_w = power[:, np.array(gain) > 0].sum(axis=1)
    assert np.allclose(given_w.sum(axis=1), np.minimum(worth_w, energy / 0.25))
