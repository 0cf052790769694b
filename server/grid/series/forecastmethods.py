"""Forecasts from history: the interface of a method, persistence, and the error of a method. Pure.

Series are arrays with one value a step, of any unit and sign; a forecast has those of its history.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from server.grid.optimisation.arrays import Floats, Whole, np
from server.grid.series import intervals

_NIGHT = 0.05  # of the greatest value of the history: a level below is not a base for a factor


class Forecaster(Protocol):
    """A method that forecasts from a history, the newest value last."""

    def ahead(self, history: Floats, steps: int, lags: Whole | None = None) -> Floats:
        """Return the next `steps` values.

        `lags` says for each step of the history and those ahead how many steps before there is the one that
        it is likely to be as; None: as the method has it.
        """


@dataclass(frozen=True)
class Persistence:
    """The values `lag` steps ago (a week: the same weekday and time), corrected by the recent error.

    The correction is the mean error of the last `window` steps, none where these have no value to refer to
    but the forecast has. It fades with the distance, by half every `half_life` steps. With `ratio` the
    correction is a factor, at most `max_ratio`, for generation that is 0 at night. Gaps (NaN) in the history
    are left out; without a value to refer to, the forecast is the mean of the history.
    """
    lag: int
    window: int = 4
    half_life: float = 16.0
    ratio: bool = False
    max_ratio: float = 3.0

    def ahead(self, history: Floats, steps: int, lags: Whole | None = None) -> Floats:
        """Return the next `steps` values. ValueError where the history has no value."""
        if not np.isfinite(history).any():
            raise ValueError("no forecast without a single reading")
        referred = _lagged(history, self.lag, steps, lags)
        forecast = _with_mean(referred, history)
        recent = history[-self.window:]
        earlier = history[:-len(recent)]
        expected = _lagged(earlier, self.lag, len(recent), lags) if len(earlier) else recent
        if not np.isfinite(referred).all():
            expected = _with_mean(expected, earlier)
        return self.corrected(forecast, recent, expected, np.arange(1, steps + 1.0),
                              float(np.nanmax(np.abs(history))))

    def corrected(
        self, forecast: Floats, recent: Floats, expected: Floats, ahead: Floats, greatest: float
    ) -> Floats:
        """Return a forecast [n] corrected by the error of the last steps.

        `recent` and `expected` are the values of these steps and the forecast of them, NaN for a gap; `ahead`
        [n] is by how many steps each value of the forecast is after the last of them; `greatest` is the
        greatest value that there has been.
        """
        known = np.isfinite(recent) & np.isfinite(expected)
        fade = 0.5 ** (ahead / self.half_life)
        if not known.any():
            return forecast
        if not self.ratio:
            return np.asarray(forecast + fade * float((recent - expected)[known].mean()), dtype=float)
        expected_sum = float(np.abs(expected[known]).sum())
        if expected_sum <= _NIGHT * greatest * known.sum():
            return forecast
        factor = min(float(np.abs(recent[known]).sum()) / expected_sum, self.max_ratio)
        return np.asarray(forecast * (1 + fade * (factor - 1)), dtype=float)


def _lagged(history: Floats, lag: int, steps: int, lags: Whole | None = None) -> Floats:
    """Return, for each of the next steps, the value `lag` steps before, or as many as `lags` says; where that
    is in the future or a gap, the one before that, and so on; NaN where there is none."""
    values = np.full(steps, np.nan)
    size = len(history)
    positions = size + np.arange(steps)
    while lags is not None and (positions >= 0).any():
        positions = np.where(positions >= 0, positions - lags[np.maximum(positions, 0)], positions)
        usable = np.isnan(values) & (positions >= 0) & (positions < size)
        values[usable] = history[positions[usable]]
    for back in range(lag, size + lag, lag):
        positions = size + np.arange(steps) - back
        usable = np.isnan(values) & (positions >= 0) & (positions < size)
        values[usable] = history[positions[usable]]
    return values


def _with_mean(values: Floats, history: Floats) -> Floats:
    """Return the values, and where there is none the mean of a history, 0 of one without a value."""
    return np.where(np.isnan(values), np.nanmean(history) if np.isfinite(history).any() else 0.0, values)


def forecast_sigma(
    forecaster: Forecaster, history: Floats, steps: int, issues: int = 24, spacing: int = 4,
    lags: Whole | None = None
) -> Floats:
    """Return the standard deviation of the error for each step ahead.

    It is that of the last `issues` forecasts that the method would have made, `spacing` steps apart, each
    from the values before it. NaN where there is nothing to compare with; ValueError where the history is too
    short.
    """
    errors = []
    for issue in range(issues):
        now = len(history) - steps - issue * spacing
        if now <= 0 or not np.isfinite(history[:now]).any():
            break
        errors.append(forecaster.ahead(history[:now], steps, lags) - history[now:now + steps])
    if not errors:
        raise ValueError(f"a history of {len(history)} steps is too short to judge {steps} ahead")
    return np.sqrt(intervals.mean(np.square(errors).T))
