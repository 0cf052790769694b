import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.resources import quantities


@given(st.integers(-10**9, 10**9))
def test_power_is_the_nearest_that_fits(watts):
    wire = quantities.power(watts)
    assert abs(wire["value"]) <= quantities.INT16
    assert abs(quantities.base_value(wire) - watts) <= 10 ** wire["multiplier"] / 2
    assert wire["multiplier"] == 0 or abs(watts) > quantities.INT16 * 10 ** (wire["multiplier"] - 1)


def test_a_quantity_in_its_base_unit():
    assert quantities.base_value({"multiplier": 3, "value": 5}) == 5000
    assert quantities.base_value({"multiplier": -1, "value": 5}) == 0.5
    assert quantities.base_value(None) is None


def test_what_an_int16_cannot_hold():
    assert quantities.step(32767) == 1 and quantities.step(-32768) == 10
    with pytest.raises(ValueError, match="do not fit"):
        quantities.active_power(40_000)
