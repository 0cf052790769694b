"""The gain of a meter, found while the balance itself follows what the meter says."""
from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.grid.optimisation import metergain

STEPS = 40


def followed(reading: Callable[[float], float], persistence: float, seed: int,
             correction: float = 1.0, offset_w: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Return what a meter reads and what is expected of it [STEPS] while batteries correct the mean error of
    its last four steps, two steps later; what nobody expected has 500 W and this persistence."""
    generator = np.random.default_rng(seed)
    unexpected_w, measured_w, expected_w = offset_w, np.zeros(STEPS), np.zeros(STEPS)
    for step in range(STEPS):
        unexpected_w += (persistence - 1) * (unexpected_w - offset_w) + generator.normal(
            0, 500 * np.sqrt(max(1 - persistence**2, 0.05)))
        error_w = (measured_w - expected_w)[max(step - 5, 0):max(step - 1, 0)]
        expected_w[step] = np.clip(-correction * error_w.mean() if len(error_w) else 0.0, -20_000, 20_000)
        measured_w[step] = reading(expected_w[step] + unexpected_w)
    return measured_w, expected_w


def wrong_at(measured_w: np.ndarray, expected_w: np.ndarray) -> tuple[int, float] | None:
    """Return after how many steps a meter is found to be wrong, and its gain."""
    for step in range(4, STEPS + 1):
        found = metergain.evidence(measured_w[:step], expected_w[:step])
        if found.wrong is not None:
            return step, found.wrong
    return None


@pytest.mark.parametrize("reading, gain, tolerance", [
    (lambda true_w: 10 * true_w, 10, 2.5),
    (lambda true_w: -true_w, -1, 0.5),
    (lambda true_w: -10 * true_w, -10, 2.5),
    (lambda true_w: 700.0, 0, 0),
    (lambda true_w: 1000 * true_w, 1000, 250),
], ids=["x10", "sign", "sign and x10", "stuck", "mW for W"])
@pytest.mark.parametrize("persistence", [0.0, 0.9])
def test_a_wrong_meter_is_found_within_some_hours_by_its_gain(reading, gain, tolerance, persistence):
    for seed in range(5):
        found = wrong_at(*followed(reading, persistence, seed))
        assert found is not None and found[0] <= 30, (seed, found)
        assert found[1] == pytest.approx(gain, abs=tolerance)


def test_a_meter_in_kilowatts_does_nothing_until_the_area_moves_by_itself():
    """It says that all is in balance, so nothing follows it; what is planned and unmet shows its gain."""
    generator = np.random.default_rng(0)
    expected_w = 3000 * np.sin(np.arange(STEPS) / 4)
    measured_w = (expected_w + generator.normal(0, 200, STEPS)) / 1000
    found = wrong_at(np.round(measured_w, 3), expected_w)
    assert found is not None and found[0] <= 12 and found[1] == pytest.approx(0.001, abs=0.01)


@given(st.integers(0, 10**6), st.sampled_from((0.0, 0.5, 0.9, 1.0)), st.floats(0.3, 1.0),
       st.sampled_from((0.0, 5000.0)))
def test_a_right_meter_is_not_found_wrong(seed, persistence, correction, offset_w):
    measured_w, expected_w = followed(lambda true_w: true_w, persistence, seed, correction, offset_w)
    assert metergain.evidence(measured_w, expected_w).wrong is None


def test_a_right_meter_is_confirmed_by_what_moves_much():
    generator = np.random.default_rng(0)
    expected_w = 3000 * np.sin(np.arange(STEPS) / 4) + generator.normal(0, 1000, STEPS)
    found = metergain.evidence(expected_w + generator.normal(0, 200, STEPS), expected_w)
    assert found.confirmed and found.wrong is None and not found.suspicious


def test_gaps_and_few_values_say_nothing():
    gap = np.full(STEPS, np.nan)
    nothing = metergain.Evidence(None, 0, False, False)
    for length in (0, 1, 3, STEPS):
        assert metergain.evidence(gap[:length], gap[:length]) == nothing
        assert metergain.evidence(gap[:length], np.arange(float(length))) == nothing
    assert metergain.evidence(np.full(STEPS, 5.0), np.full(STEPS, 7.0)) == nothing
