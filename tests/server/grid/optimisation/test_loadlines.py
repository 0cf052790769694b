"""Lines of load over the outdoor temperature."""
import numpy as np
import pytest

from server.grid.optimisation import loadlines
from server.grid.optimisation.loadlines import LoadLine


def test_a_line_through_noise_and_gaps_with_heating_and_cooling():
    generator = np.random.default_rng(4)
    truth = LoadLine(0.05, 0.03, 15.0, 0.02, 24.0)
    outdoor_c = generator.uniform(-5, 35, 1500)
    load = truth.at(outdoor_c) + 0.03 * generator.standard_normal(1500)
    load[::7], load[::50] = np.nan, 1.0
    line = loadlines.fit_line(load, outdoor_c)
    assert line.at(outdoor_c) == pytest.approx(truth.at(outdoor_c), abs=0.02)


def test_an_idle_house_takes_no_heat_ahead_of_time_and_a_warm_one_no_cold():
    line = LoadLine(0.02, 0.03, 16.0, 0.02, 24.0)
    assert line.active(np.array([5.0, 16.0, 17.0, 20.0, 23.0, 30.0]), 2.0).tolist() == [1, 1, 0.5, 0, 0.5, 1]
    assert LoadLine(0.02, 0.0, 16.0, 0.0, 24.0).active(np.array([-10.0, 40.0]), 2.0).tolist() == [0, 0]


def test_a_branch_without_data_is_as_it_was_before():
    before = LoadLine(0.0, 0.03, 16.0, 0.0, 32.0)
    warm = np.random.default_rng(1).uniform(18, 30, 500)
    line = loadlines.fit_line(np.full(500, 0.01), warm, before)
    assert line.heating_per_k == 0.03 and line.heating_below_c == 16 and line.idle < 0.02
    assert loadlines.fit_line(np.zeros(10), np.zeros(10), before) is before
    assert loadlines.fit_line(np.zeros(10), np.zeros(10)) is None
