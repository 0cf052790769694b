"""What is learned of thermal loads: known parameters of simulated houses are found again."""
import numpy as np
import pytest

from server.grid.optimisation import thermalfit
from server.grid.optimisation.thermalfit import Residuals, Store, ThermalHistory, ThermalModel
from tests.server.grid import heathouses

QUARTER, DAYS = 0.25, 21
DEFAULT = Store(0.375, 20.0)


def history_of(group, outdoor_c, offset_k, asked=0.0):
    _, load_w = heathouses.simulate(group, outdoor_c, offset_k)
    return ThermalHistory(load_w.sum(axis=1) / group.rating_w.sum(), outdoor_c, offset_k,
                          np.full(len(outdoor_c), asked), np.arange(len(outdoor_c)) % 96)


def learned(count, seed, mean_c, days=DAYS, before=None, every=2, least_c=-50.0, **options):
    group = heathouses.houses(count, seed, cop_per_k=0.0, **options)
    offsets = heathouses.evening_offsets(days, seed, every=every)
    outdoor_c = np.maximum(heathouses.weather(days, mean_c, seed), least_c)
    return group, thermalfit.learn(history_of(group, outdoor_c, offsets), QUARTER, DEFAULT, before)


@pytest.mark.parametrize("seed", range(3))
def test_slope_band_and_leak_of_houses_are_found_again(seed):
    group, model = learned(30, seed, 4.0)
    assert model.is_learned and model.line.heating_per_k == pytest.approx(group.slope_per_k, rel=0.2)
    assert model.store.band_h_per_k == pytest.approx(group.band_h_per_k, rel=0.2)
    assert model.store.leak_h == pytest.approx(group.leak_h, rel=0.4)
    assert 14 < model.line.heating_below_c < 20 and model.line.cooling_per_k < 1e-3
    assert model.response > 0.75


@pytest.mark.parametrize("capacity", (1500.0, 6000.0))
def test_light_houses_and_heavy_ones(capacity):
    group, model = learned(30, 1, 4.0, capacity=capacity)
    assert model.store.band_h_per_k == pytest.approx(group.band_h_per_k, rel=0.25)
    assert abs(np.log(model.store.band_h_per_k / DEFAULT.band_h_per_k)) > 0.4, "the default is another"


def test_a_few_houses_are_noise_but_not_without_meaning():
    group, model = learned(4, 1, 4.0)
    assert model.store.band_h_per_k == pytest.approx(group.band_h_per_k, rel=0.4)


def test_houses_that_cool():
    group, model = learned(30, 1, 24.0, cools_above_c=22.0)
    line = model.line
    # the sun shines while it is warm, so the slope is steeper than that of the walls
    assert line.cooling_per_k == pytest.approx(group.slope_per_k, rel=0.45)
    assert line.at(np.array([line.cooling_above_c - 3]))[0] < 0.05 < line.at(np.array([34.0]))[0]


def test_july_takes_nothing_from_what_january_taught():
    group, january = learned(30, 2, 2.0)
    _, july = learned(30, 2, 23.0, before=january, least_c=20.0)
    assert july.is_learned and july.store == january.store
    cold = np.array([-5.0, 0.0, 5.0])
    assert july.line.at(cold) == pytest.approx(january.line.at(cold), abs=0.02)
    assert july.line.at(np.array([26.0]))[0] < 0.02
    assert july.line.active(np.array([0.0, 26.0]), 2.0).tolist() == [1, 0]


def test_without_events_or_with_few_data_the_default_stands():
    group = heathouses.houses(20, 3)
    outdoor_c = heathouses.weather(10, 4.0, 3)
    quiet = thermalfit.learn(history_of(group, outdoor_c, np.zeros(960)), QUARTER, DEFAULT)
    assert quiet.store == DEFAULT and not quiet.is_learned and quiet.response == 1 and quiet.line is not None
    short = ThermalHistory(*(part[:96] for part in history_of(group, outdoor_c, np.zeros(960))))
    none = thermalfit.learn(short, QUARTER, DEFAULT)
    assert none == ThermalModel(None, DEFAULT, False, 1.0)


def test_a_store_is_learned_without_a_thermometer():
    group = heathouses.houses(40, 5, cop_per_k=0.0)
    outdoor_c, offsets = np.full(21 * 96, 3.0), heathouses.evening_offsets(21, 5)
    history = history_of(group, outdoor_c, offsets)._replace(outdoor_c=np.full(len(offsets), np.nan))
    model = thermalfit.learn(history, QUARTER, DEFAULT)
    assert model.line is None and model.store.band_h_per_k == pytest.approx(group.band_h_per_k, rel=0.3)


def test_half_of_what_was_expected_is_a_response_of_a_half():
    generator = np.random.default_rng(1)
    change, quarter = np.zeros(2688), np.arange(2688) % 96
    for day in range(0, 28, 2):
        change[day * 96 + 70:day * 96 + 78] = -0.3
    load = 0.5 + 0.5 * change + 0.02 * generator.standard_normal(2688)
    residuals = Residuals.of(load, np.full(2688, 0.5), quarter)
    assert thermalfit.response(residuals, change) == pytest.approx(0.5, abs=0.05)
    assert thermalfit.response(residuals, -change) == thermalfit.LEAST_RESPONSE
    noisy = Residuals.of(load + 0.3 * generator.standard_normal(2688), np.full(2688, 0.5), quarter)
    one = np.where(np.arange(2688) == 70, change, 0.0)
    assert 0.8 < thermalfit.response(noisy, one) <= 1, "one quarter in noise says little"


def test_an_offset_takes_what_there_is_and_gives_it_back():
    base, hours = np.full(48, 0.4), 0.25
    offset_k = np.where(np.arange(48) < 8, -2.0, 0.0)
    change = Store(0.4, 15.0).change(offset_k, base, hours)
    assert change[:4].tolist() == [-0.4] * 4 and change.min() >= -0.4 and change.max() <= 0.6
    # the leak is what the cooler house does not lose
    assert -0.15 < change.sum() * hours < 0 and (np.cumsum(change) * hours).min() >= -0.8 - 0.15
