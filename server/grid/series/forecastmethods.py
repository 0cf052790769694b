"""What is to come, from what was read: a small interface, the first that fits it, and a book of who said what
when.

Series are arrays of one value a step, whatever their unit and sign; a forecast keeps them. Pure.
"""
from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from server.grid.optimisation.arrays import Floats, np
from server.grid.series import intervals


class Forecaster(Protocol):
    """Anything that says from a history, the newest value last, what the next steps will bring."""

    def ahead(self, history: Floats, steps: int) -> Floats:
        """The next `steps` values."""


@dataclass(frozen=True)
class Persistence:
    """As `lag` steps ago (a week: the same weekday and time), put right by the level of late: by the mean
    error of the last `window` steps, which counts less the further ahead, by half every `half` steps. With
    `ratio` the level is a factor, at most `most`: the sun's, which is nothing at night. Gaps (NaN) in the
    history are left out; where there is nothing to go by, the mean of all that was read is said."""
    lag: int
    window: int = 4
    half: float = 16.0
    ratio: bool = False
    most: float = 3.0

    def ahead(self, history: Floats, steps: int) -> Floats:
        """The next values."""
        if not np.isfinite(history).any():
            raise ValueError("no forecast without a single reading")
        before = _lagged(history, self.lag, steps)
        past = history[-self.window:]
        then = _lagged(history[:-len(past)], self.lag, len(past)) if len(history) > len(past) else past
        seen = np.isfinite(past) & np.isfinite(then)
        fade = 0.5 ** (np.arange(1, steps + 1) / self.half)
        if not seen.any():
            return before
        if not self.ratio:
            return before + fade * float((past - then)[seen].mean())
        was = float(np.abs(then[seen]).sum())
        if was <= 0.05 * float(np.nanmax(np.abs(history))) * seen.sum():
            return before
        return before * (1 + fade * (min(float(np.abs(past[seen]).sum()) / was, self.most) - 1))


def _lagged(history: Floats, lag: int, steps: int) -> Floats:
    """What was `lag` steps before each of the next steps, or a multiple of it where that is still to come or
    a gap."""
    found = np.full(steps, np.nan)
    size = len(history)
    for back in range(lag, size + lag, lag):
        at = size + np.arange(steps) - back
        usable = np.isnan(found) & (at >= 0) & (at < size)
        found[usable] = history[at[usable]]
    return np.where(np.isnan(found), np.nanmean(history) if np.isfinite(history).any() else 0.0, found)


def spread(forecaster: Forecaster, history: Floats, steps: int, issues: int = 24, every: int = 4) -> Floats:
    """The standard deviation of the error for each step ahead, from what the forecaster would have said
    `issues` times in the past, every so many steps, knowing only what was known then; NaN where that cannot
    be judged."""
    errors = []
    for issue in range(issues):
        now = len(history) - steps - issue * every
        if now <= 0 or not np.isfinite(history[:now]).any():
            break
        errors.append(forecaster.ahead(history[:now], steps) - history[now:now + steps])
    if not errors:
        raise ValueError(f"a history of {len(history)} steps is too short to judge {steps} ahead")
    return np.sqrt(intervals.mean(np.square(errors).T))


class Forecast(NamedTuple):
    """What `source` said at `issued` about the steps of `step` seconds from `start` on; times are UTC epoch
    seconds. `quantiles` has values by probability, as far as they were said."""
    issued: int
    start: int
    step: int
    values: Floats
    source: str
    quantiles: dict[float, Floats] = {}

    def between(self, start: int, steps: int) -> Floats:
        """The values of so many steps from `start` on, NaN where nothing was said."""
        first = (start - self.start) // self.step
        at = first + np.arange(steps)
        inside = (at >= 0) & (at < len(self.values))
        return np.where(inside, self.values[np.clip(at, 0, len(self.values) - 1)], np.nan)


@dataclass
class Book:
    """All forecasts of all subjects, by when they were issued: asked about a time, it knows only what was
    said until then, and so a replay never sees the future."""
    _said: dict[str, list[Forecast]] = field(default_factory=lambda: defaultdict(list))

    def add(self, subject: str, forecast: Forecast) -> None:
        """Keep a forecast."""
        said = self._said[subject]
        said.insert(bisect_right(said, forecast.issued, key=lambda one: one.issued), forecast)

    def known(self, subject: str, at: int) -> Forecast | None:
        """The newest that had been issued at that time."""
        said = self._said.get(subject, [])
        place = bisect_right(said, at, key=lambda one: one.issued)
        return said[place - 1] if place else None
