"""The limits over the groups of an area, and what counts against them besides what is planned."""
import numpy as np
import pytest

from server import clock
from server.grid.balance import grouplimits
from server.grid.fleet import fleetstate
from server.grid.groups import virtualders
from server.grid.optimisation.balanceproblem import GroupLimit
from server.grid.optimisation.clusters import Sessions
from server.grid.series import forecasts, measurements, signals
from server.grid.series.arrivals import ExpectedArrivals
from server.grid.series.intervals import Span
from tests.conftest import NOON
from tests.server.grid.balancedarea import STEP, asks


@pytest.fixture
def site(home, battery):
    """A street with a site of two chargers, and a battery elsewhere in the street."""
    virtualders.create("street", import_limit_w=20_000)
    virtualders.create("site", rule="kind = evcharger", parent="street", import_limit_w=9000)
    virtualders.create("batteries", rule="kind = battery", parent="street")
    chargers = [home(number, "evcharger") for number in (1, 2)]
    for charger in chargers:
        charger.rate(82, 0, 7000)
        charger.post(0)
    battery(3, injection=-2000)
    for name, watts in (("street", -4000.0), ("site", -1000.0)):
        forecasts.put(name, "load", [watts] * 8, NOON, STEP)
    return chargers


def limits_of(name="site", steps=8):
    area, span = virtualders.find(name), Span(NOON, steps, STEP, clock.now())
    limits = grouplimits.group_limits(area, fleetstate.read(area, span.at), span)
    return {limit.name: limit for limit in limits.corrected(np.zeros(steps))}, limits.warnings


def test_a_limit_above_the_area_holds_with_all_that_is_beside_the_area(site):
    for charger in site:
        asks(charger)
    limits, warnings = limits_of()
    assert limits.keys() == {"street", "site"} and not warnings
    assert limits["street"].net.tolist() == [6000] * 4 + [4000] * 4, "the battery for an hour"
    assert limits["site"].net.tolist() == [1000] * 8 and limits["site"].most.tolist() == [9000] * 8


def test_a_car_that_charges_without_having_asked_counts_for_an_hour(site):
    asks(site[0])
    site[1].post(-7000)
    assert limits_of()[0]["site"].net.tolist() == [8000] * 4 + [1000] * 4


def test_a_signal_lowers_a_limit_that_is_set_and_does_not_raise_it(site):
    signals.put("site", "import_limit", [5000.0, 12_000.0], NOON, STEP)
    assert limits_of()[0]["site"].most.tolist() == [5000] + [9000] * 7


def test_below_a_limit_room_is_held_for_more_cars_than_usually_come():
    cars = Sessions(np.zeros(3, int), np.full(3, 9), np.full(3, 6000.0), np.full(3, 7000.0), np.arange(3))
    arriving = ExpectedArrivals(cars, np.array([1.5, 1.2, 1.8]))
    held = grouplimits.with_spread(arriving, [GroupLimit([0, 1], 9e3, -np.inf, np.zeros(9))])
    assert held.need.tolist() == pytest.approx([9000, 7200, 6000])
    assert held.power.tolist() == pytest.approx([10_500, 8400, 7000])


def test_a_limit_whose_load_was_never_read_is_said(site):
    virtualders.update("batteries", import_limit_w=3000)
    limits, warnings = limits_of("street")
    assert len(warnings) == 1 and "load of batteries has never been read" in warnings[0]
    assert np.isfinite(limits["batteries"].most).all()


def test_a_load_that_was_measured_once_is_known(site):
    batteries = virtualders.update("batteries", import_limit_w=3000)
    measurements.save([{"vder": batteries["id"], "quantity": "load", "start": NOON - STEP, "value": -500.0,
                        "devices_read": 1}])
    limits, warnings = limits_of("street")
    assert not warnings and limits["batteries"].net.tolist() == [500] * 8


def test_a_limit_knows_its_part_of_the_generation_that_can_be_told(site, panels):
    virtualders.create("roofs", rule="kind = inverter", parent="street", export_limit_w=3000)
    panels(4)
    limits, _ = limits_of("street")
    assert limits["roofs"].generation == limits["street"].generation == 1 and limits["site"].generation == 0


def test_what_the_meter_of_an_area_reads_more_is_drawn_below_its_own_limit_and_those_above(site):
    area, span = virtualders.find("street"), Span(NOON, 8, STEP, clock.now())
    limits = grouplimits.group_limits(area, fleetstate.read(area, span.at), span, by_meter=True)
    corrected = {limit.name: limit.net for limit in limits.corrected(np.full(8, 500.0))}
    plain = {limit.name: limit.net for limit in limits.corrected(np.zeros(8))}
    assert (corrected["street"] - plain["street"]).tolist() == [500] * 8
    assert (corrected["site"] - plain["site"]).tolist() == [0] * 8


def test_room_is_left_below_a_limit_for_what_the_forecast_does_not_know(site):
    area, span = virtualders.find("street"), Span(NOON, 8, STEP, clock.now())
    limits = grouplimits.group_limits(area, fleetstate.read(area, span.at), span, by_meter=True)
    narrowed = {limit.name: limit for limit in limits.corrected(np.zeros(8), spread_w=1000.0)}
    assert narrowed["street"].most.tolist() == pytest.approx([20_000 - 1281.6] * 8)
    assert np.isinf(narrowed["street"].least).all() and narrowed["site"].most.tolist() == [9000] * 8
    wide = {limit.name: limit for limit in limits.corrected(np.zeros(8), spread_w=50_000.0)}
    assert wide["street"].most.tolist() == [16_000] * 8, "a fifth at most"


def test_where_it_is_not_known_how_good_a_forecast_is_its_error_narrows_limits_only(site):
    virtualders.update("street", export_limit_w=5000)
    area, span = virtualders.find("street"), Span(NOON, 2, STEP, clock.now())
    limits = grouplimits.group_limits(area, fleetstate.read(area, span.at), span, by_meter=True)
    street, = (limit for limit in limits.corrected(np.array([700.0, -300.0]), None) if limit.name == "street")
    plain, = (limit for limit in limits.corrected(np.zeros(2)) if limit.name == "street")
    assert street.most.tolist() == [19_300, 20_000] and street.least.tolist() == [-5000, -4700]
    assert street.net.tolist() == plain.net.tolist()
