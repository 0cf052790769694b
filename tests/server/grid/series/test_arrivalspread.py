"""How much more energy than usual arriving cars may need."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from server.grid.series import arrivalspread


@pytest.mark.parametrize("weeks, spread", [
    ([], 1.0),
    ([9000.0], 1.5),
    ([0.0], 1.0),
    ([9000.0, 9000.0, 9000.0], 1.0),
    ([8000.0, 10_000.0], 1 + 1.2816 * 2 ** 0.5 * 1000 * 1.5 ** 0.5 / 9000),
    ([0.0, 0.0, 0.0, 9000.0], 2.0),
])
def test_it_follows_from_the_weeks_before(weeks, spread):
    energy_wh = np.array(weeks).reshape(-1, 1)
    assert arrivalspread.spread(energy_wh).tolist() == [pytest.approx(spread)]


@given(arrays.arrays(float, st.tuples(st.integers(0, 5), st.integers(1, 4)), elements=st.floats(0, 1e6)))
def test_it_is_never_less_than_usual_nor_more_than_twice(energy_wh):
    spread = arrivalspread.spread(energy_wh)
    assert spread.shape == (energy_wh.shape[1],) and (spread >= 1).all() and (spread <= 2).all()
