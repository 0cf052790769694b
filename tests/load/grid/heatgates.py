"""Gates of heat: what thermal events deliver against what was predicted, on simulated houses.

The model is learned from some houses of a group, as the server samples them, over four weeks; events of the
two weeks after that are predicted for houses of the group that it never saw. Delivered is the difference from
the same houses without the event, which nobody but a simulation knows.
"""
from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from server.grid.dispatch.flexibleloads import LOAD_RANDOMIZE_S, STAGGER_END_S, STAGGER_START_S
from server.grid.optimisation import thermalfit
from server.grid.optimisation.thermalfit import Store, ThermalHistory, ThermalModel
from server.grid.series.thermalmodels import LEAK_HOURS
from tests.load.grid.gates import Gate
from tests.server.grid import heathouses
from tests.server.grid.heathouses import Houses

HOURS, DAY = 0.25, 96
LEARNING, TESTED = 28 * DAY, 14 * DAY
KELVIN = 2.0
DECLARED = Store(0.75 / KELVIN, LEAK_HOURS)
SEEDS = range(4)
# Settlement in demand response programmes takes 80 % of what was promised as delivered. An event of 40 houses
# that start and stop by themselves, by a forecast of the weather alone, is a third off at the most.
LEAST_DELIVERED, MOST_ERROR = 0.8, 0.35


class Season(NamedTuple):
    """A population of houses and its weather."""
    name: str
    mean_c: float
    walls: bool
    cools_above_c: float = np.inf


SEASONS = (
    Season("one room", 3.0, False),
    Season("room and walls", 3.0, True),
    Season("autumn", 10.0, False),
    Season("air conditioning", 26.0, False, 22.0),
)


class Events(NamedTuple):
    """What was predicted and delivered in each event, hours at full power: with the learned model, and with
    the declared store beside the load of the last week."""
    predicted: np.ndarray
    declared: np.ndarray
    delivered: np.ndarray

    def error(self, predicted: np.ndarray) -> float:
        """The mean absolute error of an event, as a part of what events deliver."""
        return float(np.abs(predicted - self.delivered).mean() / np.abs(self.delivered).mean())


def _part(houses: Houses, chosen: slice) -> Houses:
    """Some of the houses."""
    fields = {name: value[chosen] if isinstance(value, np.ndarray) else value
              for name, value in vars(houses).items()}
    return Houses(**fields)


def _load(houses: Houses, outdoor_c: np.ndarray, offset_k: np.ndarray) -> tuple[Houses, np.ndarray]:
    after, load_w = heathouses.simulate(houses, outdoor_c, offset_k)
    return after, load_w.sum(axis=1) / houses.rating_w.sum()


def learn(houses: Houses, outdoor_c: np.ndarray, seed: int) -> tuple[Houses, ThermalModel]:
    """Return the houses after four weeks with events, and what was learned of them."""
    offset_k = heathouses.evening_offsets(len(outdoor_c) // DAY, seed, KELVIN)
    after, load = _load(houses, outdoor_c, offset_k)
    history = ThermalHistory(load, outdoor_c, offset_k, np.zeros(len(load)), np.arange(len(load)) % DAY)
    return after, thermalfit.learn(history, HOURS, DECLARED)


def events_of(season: Season, seed: int, count: int = 40) -> Events:
    """Return the events of two weeks on houses that were not learned from."""
    outdoor_c = heathouses.weather(42, season.mean_c, seed)
    group = heathouses.houses(2 * count, seed, season.walls, season.cools_above_c)
    _, model = learn(_part(group, slice(count)), outdoor_c[:LEARNING], seed)
    unseen = _part(group, slice(count, None))
    unseen, before = _load(unseen, outdoor_c[:LEARNING], np.zeros(LEARNING))
    offset_k = heathouses.evening_offsets(14, seed + 100, KELVIN)
    weather = outdoor_c[LEARNING:]
    _, load = _load(unseen, weather, offset_k)
    _, usual = _load(unseen, weather, np.zeros(TESTED))
    change = model.response * model.store.change(offset_k, _base(model, outdoor_c, before), HOURS)
    # as it was: one store for all, and the load of the same time of other days
    habit = np.tile(before[-7 * DAY:].reshape(7, DAY).mean(axis=0), TESTED // DAY)
    declared = DECLARED.change(offset_k, habit, HOURS)
    begins = np.flatnonzero(np.diff(offset_k, prepend=0.0) * offset_k > 0)
    spans = [slice(first, first + 8) for first in begins.tolist()]
    return Events(*(np.array([part[span].sum() * HOURS for span in spans])
                    for part in (change, declared, load - usual)))


def _base(model: ThermalModel, outdoor_c: np.ndarray, before: np.ndarray) -> np.ndarray:
    """The forecast without events: the line at the weather, and the mean residual of the time of the day."""
    assert model.line is not None
    line = model.line.at(outdoor_c)
    habit = (before - line[:LEARNING])[-7 * DAY:].reshape(7, DAY).mean(axis=0)
    return np.clip(line[LEARNING:] + np.tile(habit, 14), 0, 1)


def rebound(stagger: bool, seed: int, mean_c: float = 8.0, count: int = 60) -> tuple[float, float]:
    """Return the peak of the load above the usual after two hours of an offset, and the greatest step from
    one quarter-hour to the next, as parts of the rating."""
    generator = np.random.default_rng(seed)
    weather = np.full(2 * DAY, mean_c)
    group, _ = _load(heathouses.houses(count, seed), weather[:DAY], np.zeros(DAY))
    _, usual = _load(group, weather, np.zeros(2 * DAY))
    start_s, end_s = (STAGGER_START_S, STAGGER_END_S) if stagger else (LOAD_RANDOMIZE_S, LOAD_RANDOMIZE_S)
    begin = 68 * 900 + generator.uniform(0, start_s, count)
    until = begin + 8 * 900 + generator.uniform(0, end_s, count)
    starts = np.arange(2 * DAY)[:, None] * 900.0
    inside = np.clip(np.minimum(until, starts + 900) - np.maximum(begin, starts), 0, 900) / 900
    _, load = _load(group, weather, -KELVIN * np.round(inside))
    after = slice(75, 96)
    return float((load - usual)[after].max()), float(np.abs(np.diff(load[after])).max())


def gates_of() -> Iterator[Gate]:
    """Measure every season, an idle July, and the rebound."""
    for season in SEASONS:
        events = [events_of(season, seed) for seed in SEEDS]
        joined = Events(*(np.concatenate(parts) for parts in zip(*events, strict=True)))
        yield Gate(
            f"heat, {season.name}: delivered of predicted",
            float(np.abs(joined.delivered).sum() / np.abs(joined.predicted).sum()), LEAST_DELIVERED)
        yield Gate("  mean error of an event", joined.error(joined.predicted), MOST_ERROR, True, "",
                   f"with the store as declared {joined.error(joined.declared):.0%}")
    yield from _july()
    plain, staggered = (
        np.mean([rebound(stagger, seed) for seed in SEEDS], axis=0) for stagger in (False, True))
    yield Gate("  rebound's peak, staggered, of that without", float(staggered[0] / plain[0]), 0.85, True, "",
               f"{staggered[0]:.0%} and {plain[0]:.0%} of the rating above the usual")
    yield Gate("  its steepest quarter-hour, of that without", float(staggered[1] / plain[1]), 0.5, True, "",
               f"{staggered[1]:.0%} and {plain[1]:.0%} of the rating")


def _july() -> Iterator[Gate]:
    """Measure what heat pumps that were learned in winter are counted on in July."""
    _, model = learn(heathouses.houses(40, 1), heathouses.weather(28, 3.0, 1), 1)
    assert model.line is not None
    july_c = np.maximum(heathouses.weather(14, 23.0, 1), 18.5)
    offered = np.maximum(model.line.at(july_c), model.line.active(july_c, KELVIN))
    yield Gate("  idle heat pumps in July: greatest offer, of the rating", float(offered.max()), 0.05, True)
