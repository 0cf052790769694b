"""Limits of virtual DERs over time."""
import numpy as np

from server import clock
from server.grid.groups import virtualders
from server.grid.series import forecasts, nodelimits, signals
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


def test_charging_is_that_of_cars_and_storage_read_last(battery, home):
    battery(1, injection=-1500)
    charger = home(2, "evcharger")
    charger.post(-3000)
    virtualders.create("all", members=["d1", "d2"])
    assert nodelimits.charging_w(virtualders.find("all"), clock.now()) == -4500
