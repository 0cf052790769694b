"""What heat pumps offer follows the weather, not their rating."""
import numpy as np
import pytest

from server import clock
from server.config import settings
from server.grid.balance import planning, plans
from server.grid.dispatch.flexibleloads import FlexibleLoads
from server.grid.flexibility import capability
from server.grid.groups import virtualders
from server.grid.optimisation.clusters import THERMAL
from server.grid.optimisation.loadlines import LoadLine
from server.grid.optimisation.thermalfit import Store, ThermalModel
from server.grid.series import forecastvalues, measurements, signals, thermalmodels
from server.grid.series.thermalmodels import GroupModel
from tests.conftest import NOON
from tests.server.grid.balancedarea import has

STEP, DAY = 900, 86400
RATED_W, COUNT = 3000, 4
LINE = LoadLine(0.0, 0.03, 16.0, 0.0, 30.0)
JULY_C, JANUARY_C = 24.0, -2.0


@pytest.fixture
def street(home):
    """Heat pumps of 3 kW, in a town with a thermometer."""
    virtualders.create("town")
    virtualders.create("street", rule="kind = thermostat", parent="town")
    pumps = [home(number, "thermostat", category=1) for number in range(1, COUNT + 1)]
    for pump in pumps:
        has(pump, RATED_W)
        pump.post(0)
    return pumps


def learned(response=1.0, line=LINE, band_h_per_k=0.4):
    model = ThermalModel(line, Store(band_h_per_k, 15.0), True, response)
    thermalmodels.save(virtualders.find("street").id, 0, GroupModel(model, NOON, COUNT * RATED_W))


def lived(load_w, days=2):
    """So much was drawn in the last days, [96] of a day or one value."""
    values = np.broadcast_to(-np.asarray(load_w, dtype=float), (days, 96)).ravel()
    for vder in ("town", "street"):
        measurements.put(vder, "thermal", NOON - days * DAY, values.tolist(), STEP)


def weather(past_c, next_c):
    signals.put("town", "outdoor_temperature", [past_c] * 192 + [next_c] * 192, NOON - 2 * DAY, STEP)


@pytest.mark.parametrize("has_model", (True, False))
def test_idle_heat_pumps_in_july_offer_nothing(street, has_model):
    if has_model:
        learned()
    lived(0.0)
    weather(JULY_C, JULY_C)
    horizon = capability.horizon("town", steps=8)["p50"]
    assert max(*horizon["up_w"], *horizon["down_w"]) < 1
    loads = FlexibleLoads.of(virtualders.find("town"), NOON + STEP, 3600, ())
    assert loads.dispatch(-6600.0, "") == [] and loads.dispatch(6600.0, "") == []


def test_in_january_they_offer_what_they_draw_and_the_rest_of_their_rating(street):
    learned()
    lived(COUNT * RATED_W * 0.54)
    weather(JANUARY_C, JANUARY_C)
    horizon = capability.horizon("town", steps=8)["p50"]
    assert horizon["up_w"][0] == pytest.approx(COUNT * RATED_W * 0.54, rel=0.01)
    assert horizon["down_w"][0] == pytest.approx(COUNT * RATED_W * 0.46, rel=0.01)
    # the band that was learned: 0.4 h per K over 2 K
    assert horizon["energy_down_wh"][-1] == pytest.approx(COUNT * RATED_W * 0.8, rel=0.15)


def test_a_cold_day_after_a_mild_one_is_expected_by_the_weather(street):
    learned()
    shape_w = COUNT * RATED_W * 0.18 + 300 * np.sin(np.arange(96) / 96 * 2 * np.pi)
    lived(shape_w)
    weather(10.0, 0.0)
    forecast = forecastvalues.forecast("street", "thermal", NOON, 96)
    assert -forecast.values == pytest.approx(shape_w + COUNT * RATED_W * 0.3, abs=30)
    assert forecast.source == "a day ago, by the weather"
    town = forecastvalues.forecast("town", "thermal", NOON, 96)
    assert town.values == pytest.approx(forecast.values, abs=1)
    assert capability.horizon("town", steps=4)["p50"]["up_w"][0] == pytest.approx(
        COUNT * RATED_W * 0.48, rel=0.05)


def test_without_the_weather_the_last_day_is_what_is_known(street):
    learned()
    lived(1000.0)
    assert forecastvalues.forecast("street", "thermal", NOON, 4).source == "a day ago"
    horizon = capability.horizon("town", steps=4)["p50"]
    assert horizon["up_w"][0] == pytest.approx(1000, rel=0.01) and horizon["down_w"][0] > 9000


def test_who_delivers_half_of_what_is_asked_offers_half(street):
    learned(response=0.5)
    lived(COUNT * RATED_W * 0.54)
    weather(JANUARY_C, JANUARY_C)
    horizon = capability.horizon("town", steps=8)["p50"]
    assert horizon["up_w"][0] == pytest.approx(COUNT * RATED_W * 0.27, rel=0.01)
    assert horizon["down_w"][0] == pytest.approx(COUNT * RATED_W * 0.23, rel=0.01)
    assert horizon["energy_down_wh"][-1] == pytest.approx(COUNT * RATED_W * 0.4, rel=0.15)


def test_loads_that_are_declared_not_to_shift_do_not(street):
    learned()
    lived(COUNT * RATED_W * 0.54)
    settings.comfort_hours = 0.0
    assert max(capability.horizon("town", steps=4)["p50"]["energy_down_wh"]) < 1


def test_a_plan_books_nothing_for_idle_pumps_and_what_there_is_in_the_cold(street):
    clock.turn_to(NOON)
    learned()
    lived(0.0)
    weather(JULY_C, JULY_C)
    assert planned_w(-6600.0) == pytest.approx(0, abs=1)
    lived(COUNT * RATED_W * 0.54)
    weather(JANUARY_C, JANUARY_C)
    assert planned_w(-6600.0) > 2000


def planned_w(imbalance_w):
    """The greatest change of load that a plan books for heat pumps against so much imbalance, W."""
    signals.put("town", "imbalance", [imbalance_w] * 104, NOON, STEP)
    area = virtualders.find("town")
    balance = plans.balance_of(area)
    forecast = planning.forecast_area(area, balance, NOON + STEP)
    planner = planning.planner_for(balance, forecast, new_plan=True)
    planner.step(forecast.state.fleet, forecast.demand.horizon)
    heat = planner.labels.kind == THERMAL
    return float(np.abs(planner.plan.power[heat].sum(axis=0)).max())
