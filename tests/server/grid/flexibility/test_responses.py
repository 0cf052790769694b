"""The response of a group, whose members fail together."""
from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.grid.flexibility.responses import SAME_AGGREGATOR, SAME_GROUP, response


def deviation(count: int, aggregator: int = 0, rate: float = 0.5) -> float:
    return response(np.full(count, rate), np.full(count, 5000.0), np.full(count, aggregator))[1]


def test_one_member_is_as_uncertain_as_it_is_alone():
    assert response(np.array([0.5]), np.array([7.0]), np.array([3])) == (0.5, 0.5)
    assert response(np.zeros(0), np.zeros(0), np.zeros(0, dtype=int)) == (1.0, 0.0)
    assert response(np.ones(9), np.ones(9), np.zeros(9, dtype=int)) == (1.0, 0.0)


def test_the_uncertainty_of_many_does_not_vanish_with_their_number():
    assert deviation(25) == pytest.approx(0.5 * np.sqrt((25 + SAME_GROUP * 600) / 625))
    assert deviation(100_000) == pytest.approx(0.5 * np.sqrt(SAME_GROUP), rel=1e-3)
    assert deviation(100_000, aggregator=1) == pytest.approx(0.5 * np.sqrt(SAME_AGGREGATOR), rel=1e-3)


def test_two_aggregators_are_surer_than_one():
    two = response(np.full(10, 0.5), np.ones(10), np.arange(10) % 2 + 1)[1]
    assert deviation(10) < two < deviation(10, aggregator=1)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0.1, 1e4), st.integers(0, 3)), min_size=1))
def test_the_mean_is_a_part_and_the_deviation_at_most_that_of_one_member(members):
    rates, size, aggregator = (np.array(column) for column in zip(*members, strict=True))
    mean, spread = response(rates, size, aggregator)
    assert 0 <= mean <= 1 + 1e-9 and 0 <= spread <= 0.5 + 1e-9
