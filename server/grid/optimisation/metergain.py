"""The gain of a meter: by how many watts it moves when what it measures is known to have moved by one. Pure.

A right meter has 1, a stuck one 0, one that takes kW for W 0.001, one with the wrong sign -1. Two regressions
over the same windows tell it, because the balance itself follows the meter:

- of the meter's steps on the expected steps, which is quick where commands are large beside all else;
- of the meter on its last value, the expected value and the last expected value, which has no bias where what
  was not expected decays from step to step, however the commands follow it (identification in closed loop by
  a model with an autoregressive disturbance; Ljung, System Identification, 13.4).
"""
from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from server.grid.optimisation.arrays import Floats, np

WINDOWS = (4, 6, 8, 12, 16, 24, 32)  # newest steps that are looked at together
MAX_ERROR = 0.5  # a gain farther from 1 is wrong
CONFIRMED_ERROR = 0.3  # a gain nearer to 1 is right, if it is known so well
STEPS_BIAS = 2.0  # by so much more does the regression of steps have to differ, since feedback biases it
SUSPICION = 0.4  # of the critical value: from there on a meter is suspected
STUCK_STEPS, STUCK_W = 5, 10.0  # a meter that reads the same for so long while more than so much was expected
_NOISE_W = 1.0  # a meter is read in whole watts
_RANK = 1e-6  # of the greatest singular value: less is none
# Two-sided Student's t of 1 in 10,000, by degrees of freedom: many windows are looked at in a day.
_CRITICAL = ((1, 6366.0), (2, 100.0), (3, 28.0), (4, 15.5), (5, 11.2), (6, 9.1), (7, 7.9), (8, 7.1), (9, 6.6),
             (10, 6.2), (12, 5.7), (16, 5.1), (20, 4.8), (30, 4.5))
_CRITICAL_LIMIT = 4.4


class Gain(NamedTuple):
    """An estimated gain, its standard error, and the critical value for `error` of its distance from 1."""
    value: float
    error: float
    critical: float

    def is_wrong(self, part: float = 1.0) -> bool:
        """Whether it differs from 1 by more than chance explains; by a `part` of that."""
        distance = abs(self.value - 1)
        return distance > MAX_ERROR and distance > max(part * self.critical, 2.0) * self.error

    def is_right(self) -> bool:
        """Whether it is known to be about 1."""
        return abs(self.value - 1) < CONFIRMED_ERROR and self.error * self.critical < 1


class Evidence(NamedTuple):
    """What a series says of its meter: the gain and over how many steps where it is `wrong`; whether it is
    `suspicious`, and whether it is known to be right (`confirmed`)."""
    wrong: float | None
    steps: int
    suspicious: bool
    confirmed: bool


def evidence(measured_w: Floats, expected_w: Floats) -> Evidence:
    """Return what the meter's values [n] say beside those expected of it [n], the newest last, NaN for a gap.

    `expected_w` is the forecast of what was not commanded, plus what was.
    """
    suspicious = confirmed = False
    if _is_stuck(measured_w, expected_w):
        return Evidence(0.0, STUCK_STEPS, True, False)
    for window, gain, unbiased in _gains(measured_w, expected_w):
        if gain.is_wrong():
            return Evidence(gain.value, window, True, False)
        suspicious |= gain.is_wrong(SUSPICION)
        confirmed |= unbiased and gain.is_right()
    return Evidence(None, 0, suspicious, confirmed and not suspicious)


def _is_stuck(measured_w: Floats, expected_w: Floats) -> bool:
    read = np.flatnonzero(np.isfinite(measured_w))[-STUCK_STEPS:]
    if len(read) < STUCK_STEPS or np.ptp(measured_w[read]) > 0:
        return False
    expected_w = expected_w[read]
    expected_w = expected_w[np.isfinite(expected_w)]
    return bool(len(expected_w)) and float(np.ptp(expected_w)) > STUCK_W


def _gains(measured_w: Floats, expected_w: Floats) -> Iterator[tuple[int, Gain, bool]]:
    """Yield, for each window, its length, a gain, and whether that is without bias."""
    for window in WINDOWS:
        measured, expected = measured_w[-window:], expected_w[-window:]
        if len(measured) < min(window, WINDOWS[0]):
            return
        for estimate, unbiased in ((_of_steps, False), (_of_levels, True)):
            gain = estimate(measured, expected)
            if gain is not None:
                yield len(measured), gain, unbiased
        if len(measured) < window:
            return


def _of_steps(measured_w: Floats, expected_w: Floats) -> Gain | None:
    steps, expected = np.diff(measured_w), np.diff(expected_w)
    known = np.isfinite(steps) & np.isfinite(expected)
    steps, expected = steps[known], expected[known]
    excitation = float(expected @ expected)
    if len(steps) < 3 or excitation < _NOISE_W:
        return None
    value = float(expected @ steps) / excitation
    residual = steps - value * expected
    freedom = len(steps) - 1
    error = np.sqrt(max(float(residual @ residual) / freedom, _NOISE_W) / excitation)
    return Gain(value, STEPS_BIAS * float(error), _critical(freedom))


def _of_levels(measured_w: Floats, expected_w: Floats) -> Gain | None:
    target = measured_w[1:]
    table = np.stack([expected_w[1:], measured_w[:-1], expected_w[:-1], np.ones(len(target))], axis=1)
    known = np.isfinite(target) & np.isfinite(table).all(axis=1)
    target, table = target[known], table[known]
    freedom = len(target) - table.shape[1]
    if freedom < 1:
        return None
    scale = np.maximum(np.abs(table).max(axis=0), 1e-9)
    left, singular, right = np.linalg.svd(table / scale, full_matrices=False)
    kept = singular > _RANK * singular[0]
    left, singular, right = left[:, kept], singular[kept], right[kept]
    if float(right[:, 0] @ right[:, 0]) < 1 - _RANK:
        return None  # what was expected did not move by itself
    inverse = right.T / singular
    factors = inverse @ (left.T @ target)
    residual = target - (table / scale) @ factors
    noise = max(float(residual @ residual) / freedom, _NOISE_W)
    error = np.sqrt(noise * float(inverse[0] @ inverse[0])) / scale[0]
    return Gain(float(factors[0] / scale[0]), float(error), _critical(freedom))


def _critical(freedom: int) -> float:
    return next((value for most, value in _CRITICAL if freedom <= most), _CRITICAL_LIMIT)
