"""Means by step. Readings of devices in the database are in test_measurements."""
import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from server.grid.series import devicereadings

NAN = math.nan


@given(
    st.lists(
        st.tuples(st.integers(-50, 250), st.integers(1, 200), st.integers(-1000, 1000)),
        min_size=1,
        max_size=20,
    )
)
def test_means_by_step_are_those_of_each_second(rows):
    begin, length, value = np.array(rows, dtype=float).T
    energy, seconds = np.zeros(400), np.zeros(400)
    for at, duration, watts in rows:
        inside = np.arange(max(at, 0), min(at + duration, 200))
        energy[inside] += watts
        seconds[inside] += 1
    keep = (begin < 200) & (begin + length > 0)
    meters = np.arange(len(begin))[keep] % 2
    read = devicereadings.overlaps((meters, 2), begin[keep], length[keep], value[keep], (4, 50))
    of_both = read.seconds.sum(0)
    means = np.divide(read.energy_ws.sum(0), of_both, out=np.full(4, NAN), where=of_both > 0)
    total, of = energy[:200].reshape(4, 50).sum(1), seconds[:200].reshape(4, 50).sum(1)
    expected = np.divide(total, of, out=np.full(4, NAN), where=of > 0)
    assert np.allclose(means, expected, equal_nan=True)
