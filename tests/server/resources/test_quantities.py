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


@pytest.mark.parametrize("value, most, expected", [
    (5000, 32767, (0, 5000)), (230.5, 32767, (-1, 2305)), (40_000, 32767, (1, 4000)),
    (-3000, 32767, (0, -3000)),
    (0.125, 32767, (-3, 125)), (60_000, 65535, (0, 60_000)), (0, 32767, (0, 0)), (3276.75, 32767, (0, 3277)),
    (1e9, 32767, (5, 10_000)),
])
def test_a_number_is_a_value_and_a_power_of_ten(
    value: float, most: int, expected: tuple[int, int]
) -> None:
    assert tuple(quantities.fixed_point(value, most).values()) == expected
