"""The outdoor temperature at a virtual DER."""
import numpy as np
import pytest

from server import clock
from server.errors import Refused
from server.grid.groups import virtualders
from server.grid.series import signals, temperatures
from server.grid.series.intervals import STEP, Span
from tests.conftest import NOON

DAY = 86400


@pytest.fixture
def tree(server):
    clock.turn_to(NOON)
    virtualders.create("town")
    virtualders.create("street", parent="town")
    return virtualders.find("street")


def test_that_of_the_nearest_virtual_der_above_holds(tree):
    signals.put("town", "outdoor_temperature", [5.0, 6.0, 7.0], NOON, STEP)
    signals.put("street", "outdoor_temperature", [None, -2.5], NOON, STEP)
    assert temperatures.known_c(tree, Span(NOON, 3, STEP, NOON)).tolist() == [5, -2.5, 7]
    town = virtualders.find("town")
    assert temperatures.known_c(town, Span(NOON, 3, STEP, NOON)).tolist() == [5, 6, 7]


def test_the_next_day_is_expected_as_the_last_one_and_no_further_than_is_known(tree):
    assert np.isnan(temperatures.expected_c(tree, Span(NOON, 2, STEP, NOON))).all()
    signals.put("town", "outdoor_temperature", [3.0] * 48 + [9.0] * 48, NOON - DAY, STEP)
    ahead = temperatures.expected_c(tree, Span(NOON, 96, STEP, NOON))
    assert ahead[0] == pytest.approx(3, abs=0.1) and ahead[60] == pytest.approx(9, abs=0.1)
    signals.push("town", "outdoor_temperature", 1.0, NOON)
    ahead = temperatures.expected_c(tree, Span(NOON, 2, STEP, NOON + 1))
    clock.turn_to(NOON + 1)
    assert temperatures.expected_c(tree, Span(NOON, 1, STEP, NOON + 1)).tolist() == [1]


@pytest.mark.parametrize("value", (-91.0, 77.0))
def test_what_is_no_weather_is_refused(tree, value):
    with pytest.raises(Refused, match="is below -90|is above 60"):
        signals.put("town", "outdoor_temperature", [value], NOON, STEP)
