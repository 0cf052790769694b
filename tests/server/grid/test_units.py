import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.grid import units


@given(st.integers(-10**9, 10**9))
def test_power_is_the_nearest_that_fits(watts):
    wire = units.power(watts)
    assert abs(wire["value"]) <= units.INT16
    assert abs(units.number(wire) - watts) <= 10 ** wire["multiplier"] / 2
    assert wire["multiplier"] == 0 or abs(watts) > units.INT16 * 10 ** (wire["multiplier"] - 1)


def test_a_quantity_in_its_base_unit():
    assert units.number({"multiplier": 3, "value": 5}) == 5000
    assert units.number({"multiplier": -1, "value": 5}) == 0.5
    assert units.number(None) is None


def test_what_an_int16_cannot_hold():
    assert units.step(32767) == 1 and units.step(-32768) == 10
    with pytest.raises(ValueError, match="do not fit"):
        units.active_power(40_000)
