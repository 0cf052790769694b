"""Limits of virtual DERs over time."""
import numpy as np
import pytest

from server import clock
from server.grid.groups import virtualders
from server.grid.series import forecasts, measurements, nodelimits, signals
from server.grid.series.intervals import Span
from tests.conftest import NOON

STEP = 900


def span(steps=4):
    return Span(NOON, steps, STEP, clock.now())


def limits_of(*names):
    return {limit.vder.name: limit
            for limit in nodelimits.limited([virtualders.find(name) for name in names], span())}


def test_a_signal_lowers_what_is_set_and_stands_alone_where_nothing_is(server):
    virtualders.create("set", import_limit_w=5000)
    virtualders.create("free")
    signals.put("set", "import_limit", [3000.0, 9000.0], NOON, STEP)
    signals.put("free", "export_limit", [2000.0], NOON, STEP)
    limits = limits_of("set", "free")
    assert limits["set"].import_w.tolist() == [3000, 5000, 5000, 5000]
    assert limits["free"].export_w.tolist() == [2000, *[np.inf] * 3]
    assert np.isinf(limits["set"].export_w).all() and np.isinf(limits["free"].import_w).all()


def test_what_has_no_limit_then_is_left_out(server):
    virtualders.create("free")
    signals.put("free", "import_limit", [2000.0], NOON - 10 * STEP, STEP)
    assert not limits_of("free")


def test_a_load_is_known_once_it_was_forecast(server):
    virtualders.create("free")
    vder = virtualders.find("free")
    assert not nodelimits.uncontrolled_w(vder, span())[1]
    forecasts.put("free", "load", [-700.0] * 4, NOON, STEP)
    values, known = nodelimits.uncontrolled_w(vder, span())
    assert known and values.tolist() == [-700] * 4


def measured(name, quantity, watts, end=NOON):
    vder = virtualders.find(name).id
    measurements.save({"vder": vder, "quantity": quantity, "start": end - steps * STEP, "value": watts,
                       "devices_read": 1} for steps in (1, 2, 3, 4))


@pytest.fixture
def street(server):
    """A street whose load was forecast until an hour after noon, and its generation."""
    virtualders.create("street")
    for quantity, watts in (("load", -700.0), ("pv", 1000.0)):
        forecasts.put("street", quantity, [watts] * 8, NOON - 4 * STEP, STEP)
    return virtualders.find("street")


def test_more_than_was_forecast_is_measured_and_expected_to_fade(street):
    measured("street", "load", -1700.0)
    assert nodelimits.uncontrolled_w(street, span())[0] == pytest.approx(
        [300 - 1000 * 0.5 ** (step / 16) for step in (1, 2, 3, 4)])
    assert nodelimits.uncontrolled_w(street, span(), corrected=False)[0].tolist() == [300] * 4


def test_generation_is_corrected_by_a_factor(street):
    measured("street", "pv", 1500.0)
    assert nodelimits.uncontrolled_w(street, span(1))[0] == pytest.approx(
        [1000 * (1 + 0.5 * 0.5 ** (1 / 16)) - 700])


def test_less_than_was_forecast_may_be_what_has_no_meter(street):
    measured("street", "load", -100.0)
    measured("street", "pv", 100.0)
    assert nodelimits.uncontrolled_w(street, span())[0].tolist() == [300] * 4


def test_a_forecast_that_came_later_than_the_measurements_is_not_corrected(street):
    measured("street", "load", -1700.0)
    forecasts.put("street", "load", [-1600.0] * 4, NOON, STEP)
    assert nodelimits.uncontrolled_w(street, span())[0].tolist() == [-600] * 4


def test_charging_is_that_of_cars_and_storage_read_last(battery, home):
    battery(1, injection=-1500)
    charger = home(2, "evcharger")
    charger.post(-3000)
    virtualders.create("all", members=["d1", "d2"])
    assert nodelimits.charging_w(virtualders.find("all"), clock.now()) == -4500
