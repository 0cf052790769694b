"""Caps on the power of single members, step by step."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.grid.optimisation import clusters, disaggregation, powercaps
from server.grid.optimisation.clusters import Batteries, Sessions

HOUR = 1.0


def batteries(caps, count=2):
    full = np.ones(count)
    return Batteries(5000 * full, 0 * full, 10_000 * full, 4000 * full, 3000 * full, full,
                     np.zeros(count, int), np.array(caps, float), np.full((count, len(caps[0])), np.inf))


def test_batteries_are_capped_step_by_step_and_each_for_itself():
    fleet = batteries([[1000, np.inf, 0], [np.inf, np.inf, 500]])
    cluster = clusters.batteries(fleet, 3, 1)[0]
    assert cluster.high.tolist() == [[5000, 8000, 500]] and (cluster.low == -6000).all()
    low, high = disaggregation.battery_bounds(fleet, HOUR)
    assert high.tolist() == [1000, 4000] and low.tolist() == [-3000, -3000]
    assert disaggregation.battery_bounds(fleet.only([1]), HOUR)[1].tolist() == [4000]


def test_cars_charge_when_their_point_leaves_room_and_lack_what_it_does_not():
    cap = np.array([[0.0, 0, 2000, np.inf], [np.inf] * 4])
    cars = Sessions(np.array([0, 3]), np.array([4, 4]), np.array([9000.0, 1000.0]), np.full(2, 5000.0),
                    np.zeros(2, int), cap)
    cluster = clusters.sessions(cars, 4, HOUR)[0]
    assert cluster.high.tolist() == [[0, 0, 2000, 10_000]]
    assert cluster.most[:, 2].tolist() == [2000] and cluster.least[0, 0] == 0
    assert cluster.least[0, 3] == pytest.approx(10_000), "9 kWh and 1 kWh, of which 8 in the last hour"
    joined = cars.joined(cars._replace(cap=None))
    assert joined.cap.shape == (4, 4) and np.isinf(joined.cap[2:]).all()


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 6), st.floats(0, 2e4),
                          st.lists(st.floats(0, 9000), min_size=6, max_size=6)), min_size=1, max_size=4))
def test_what_a_cluster_must_take_it_can_take(rows):
    arrive = np.array([row[0] for row in rows])
    cars = Sessions(arrive, np.minimum(arrive + [row[1] for row in rows], 6),
                    np.array([row[2] for row in rows]), np.full(len(rows), 5000.0),
                    np.zeros(len(rows), int), np.array([row[3] for row in rows]))
    cluster = clusters.sessions(cars, 6, HOUR)[0]
    reachable = np.cumsum(cluster.high, axis=1) * HOUR
    assert (cluster.high >= -1e-9).all()
    assert (cluster.least <= np.minimum(cluster.most, reachable) + 1e-6).all()


def test_no_caps_are_no_caps():
    power = np.array([1.0, 2.0])
    assert powercaps.in_step(power, None) is power and powercaps.joined(None, 2, None, 3) is None
    assert powercaps.by_cluster(power, None, np.array([0, 0]), 1, 2).tolist() == [[3, 3]]
