import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from server.grid.optimisation import clusters, envelope
from server.grid.optimisation.clusters import Batteries, Sessions

STEPS, QUARTER = 16, 0.25


def whole(*values):
    return np.array(values, dtype=int)


def batteries(*energies, efficiency=1.0):
    size = len(energies)
    return clusters.batteries(
        Batteries(
            np.array(energies, dtype=float),
            np.full(size, 1000.0),
            np.full(size, 9000.0),
            np.full(size, 4000.0),
            np.full(size, 4000.0),
            np.full(size, efficiency),
            np.zeros(size, dtype=int),
        ),
        STEPS,
        1,
    )[0]


def test_a_battery_can_be_emptied_and_filled():
    bounds = envelope.from_clusters(batteries(5000), QUARTER)
    assert (bounds.low == -4000).all() and (bounds.high == 4000).all()
    assert (
        bounds.least[0] == -1000
        and bounds.least[-1] == -4000
        and bounds.most[2] == 3000
        and bounds.most[-1] == 4000
    )


def test_a_battery_has_no_power_for_which_it_has_no_energy():
    full, empty = (envelope.from_clusters(batteries(energy), QUARTER) for energy in (9000, 1000))
    assert full.high[:2].tolist() == [0, 4000] and empty.low[:2].tolist() == [0, -4000]
    nearly = envelope.from_clusters(batteries(8900), QUARTER)
    assert nearly.high[0] == 400 and nearly.low[0] == -4000


def test_losses_make_it_give_less_and_take_more():
    bounds = envelope.from_clusters(batteries(5000, efficiency=0.9), QUARTER)
    assert np.isclose(bounds.least[-1], -4000 * 0.9) and np.isclose(bounds.most[-1], 4000 / 0.9)


def test_a_session_is_between_as_late_and_as_soon_as_possible():
    car = Sessions(whole(4), whole(12), np.array([4000.0]), np.array([4000.0]), whole(0))
    group = envelope.from_clusters(clusters.sessions(car, STEPS, QUARTER)[0], QUARTER)
    assert group.most[3] == 0 and group.most[7] == 4000 and group.least[7] == 0 and group.least[11] == 4000


def test_what_can_be_counted_on_is_less():
    firm, possible = (envelope.from_clusters(batteries(5000), QUARTER, rate) for rate in (0.7, 1.0))
    assert (firm.high == 2800).all() and firm.most[0] == 700 < possible.most[0]


@given(st.lists(st.floats(1000, 9000), min_size=1, max_size=5))
def test_bounds_are_in_order(energies):
    group = envelope.from_clusters(batteries(*energies), QUARTER)
    assert (group.low <= group.high).all() and (group.least <= group.most + 1e-6).all()


def test_energies_are_cut_to_what_the_powers_can_reach():
    steps = np.zeros((1, 2))
    full = clusters.Clusters(
        kind=whole(clusters.BATTERY), group=whole(0), variety=whole(0), start=np.zeros(1), keep=np.ones(1),
        efficiency=np.ones(1), end=np.full(1, np.nan), low=steps - 4000, high=steps + 4000,
        least=np.array([[0.0, -2000.0]]), most=np.array([[0.0, 2000.0]]))
    group = envelope.from_clusters(full, QUARTER)
    assert group.low.tolist() == [0, -4000] and group.high.tolist() == [0, 4000]
    assert group.least.tolist() == [0, -1000] and group.most.tolist() == [0, 1000]
