"""How a group of thermal loads draws by the weather, and what it stores, learned from its meter. Pure.

All is by rating, so that it holds for other members of the group too. A `load` is a fraction of the rating
(consumption positive); energies are in hours at full power, so a band of 0.5 h per K is 1 kWh per K of loads
of 2 kW. A room behind one thermal resistance and one capacity has a base load that is a line over the outdoor
temperature, and stores in proportion to the offset of its set point, with a leak: `Store` says how an offset
becomes power, as `policies.comfort_bounds` has it. Loads that start and stop by themselves are noise, of
which a group has the less the larger it is; so each parameter has a prior, and what the data do not tell is
left to the declared default.
"""
from __future__ import annotations

from typing import NamedTuple

from server.grid.optimisation.arrays import Bools, Floats, Whole, np
from server.grid.optimisation.loadlines import LoadLine, fit_line

# From an air heater in a caravan to a floor of concrete.
BANDS_H_PER_K = tuple(0.02 * 100 ** (number / 32) for number in range(33))
LEAKS_H = tuple(2.0 * 60 ** (number / 24) for number in range(25))
PRIOR_LOG = 1.0  # standard deviation of the logarithm of band and leak around their defaults: a factor of 2.7
PRIOR_SLOPE_LOG = 0.5  # that of band / leak around the slope of the base load, equal where heat is linear
LEARNED_LOG = 0.3  # a band of which the logarithm is known to this is learned; else the default stands
PRIOR_RESPONSE, LEAST_RESPONSE = 0.3, 0.2  # standard deviation around 1 of the response, and its least
MOST_CORRELATED = 0.97  # of neighbouring residuals


class Store(NamedTuple):
    """What loads store: hours at full power for each K of offset, and the time constant with which they lose
    it, in h."""
    band_h_per_k: float
    leak_h: float

    def change(self, offset_k: Floats, base: Floats, hours: float) -> Floats:
        """Return [T]: the load beside the `base` under offsets (+ uses more), steps of `hours`."""
        return _changes(np.array([self.band_h_per_k]), np.array([self.leak_h]), offset_k, base, hours)[:, 0]


class LearnedStore(NamedTuple):
    """A store, and whether the data tell its band; else it is the default."""
    store: Store
    is_learned: bool


def _changes(bands: Floats, leaks: Floats, offset_k: Floats, base: Floats, hours: float) -> Floats:
    """[T, c]: the load beside the base of each candidate: what brings it to the energy that the offset stands
    for, as fast as it can without drawing less than nothing or more than its rating."""
    keep = np.exp(-hours / leaks)
    stored, changes = np.zeros(len(bands)), np.zeros((len(offset_k), len(bands)))
    for step in range(len(offset_k)):
        if not offset_k[step] and not stored.any():
            continue
        wanted = (bands * offset_k[step] - keep * stored) / hours
        changes[step] = np.clip(wanted, -base[step], 1 - base[step])
        stored = keep * stored + changes[step] * hours
        stored[np.abs(stored) < 1e-6] = 0.0
    return changes


class Residuals(NamedTuple):
    """What loads drew beside their base line in steps of a day's time, less the mean of that time of the day:
    habits and the sun are not responses. `usable` [n] are the steps that are known, `quarter` the time of the
    day of each."""
    values: Floats
    usable: Bools
    quarter: Whole

    @staticmethod
    def of(load: Floats, base: Floats, quarter: Whole) -> Residuals:
        """Those of a load and its base ([n] each, NaN a gap)."""
        usable = np.isfinite(load) & np.isfinite(base)
        residual = np.where(usable, load - base, 0.0)
        return Residuals(_less_daily(residual[:, None], usable, quarter)[:, 0], usable, quarter)

    def less_daily(self, values: Floats) -> Floats:
        """Columns [n, c] less the mean of each time of the day, 0 where not usable."""
        return _less_daily(values, self.usable, self.quarter)

    @property
    def noise(self) -> float:
        """The variance that a sum of steps has for each of them: that of a step, and more as neighbours are
        alike."""
        values = self.values[self.usable]
        variance = float(values @ values) / max(len(values), 1)
        if variance <= 0:
            return 1e-12
        alike = min(max(float(values[1:] @ values[:-1]) / (len(values) * variance), 0.0), MOST_CORRELATED)
        return variance * (1 + alike) / (1 - alike)


def _less_daily(values: Floats, usable: Bools, quarter: Whole) -> Floats:
    size = int(quarter.max(initial=0)) + 1
    count = np.bincount(quarter[usable], minlength=size)
    total = np.zeros((size, values.shape[1]))
    np.add.at(total, quarter[usable], values[usable])
    mean = total / np.maximum(count, 1)[:, None]
    return np.where(usable[:, None], values - mean[quarter], 0.0)


def fit_store(
    residuals: Residuals, base: Floats, offset_k: Floats, hours: float, default: Store, per_k: float = 0.0
) -> LearnedStore:
    """Return the store by what loads drew beside their `base` under offsets [n] (K, + uses more).

    It is the mean over a grid of stores, each weighted by how well it explains the residuals and by the
    priors: `default`, and the slope of the base load `per_k` where that is known (0: not).
    """
    bands, leaks = (part.ravel() for part in np.meshgrid(BANDS_H_PER_K, LEAKS_H))
    log_weight = -0.5 * ((np.log(bands / default.band_h_per_k) / PRIOR_LOG) ** 2
                         + (np.log(leaks / default.leak_h) / PRIOR_LOG) ** 2)
    if per_k > 0:
        log_weight -= 0.5 * (np.log(bands / leaks / per_k) / PRIOR_SLOPE_LOG) ** 2
    changes = residuals.less_daily(_changes(bands, leaks, offset_k, np.nan_to_num(base), hours))
    missed = np.square(residuals.values[:, None] - changes).sum(axis=0)
    # what the best does not explain is noise: events themselves are none
    best = residuals._replace(values=residuals.values - changes[:, int(np.argmin(missed))])
    log_weight -= 0.5 * (missed - missed.min()) / best.noise
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    band_log, leak_log = float(weight @ np.log(bands)), float(weight @ np.log(leaks))
    spread = float(np.sqrt(max(weight @ np.square(np.log(bands)) - band_log ** 2, 0.0)))
    if spread > LEARNED_LOG:
        return LearnedStore(default, False)
    return LearnedStore(Store(float(np.exp(band_log)), float(np.exp(leak_log))), True)


def response(residuals: Residuals, change: Floats) -> float:
    """Return the fraction of an expected `change` [n] of load that was delivered, LEAST_RESPONSE to 1.

    It is the slope of what was measured over what was expected, drawn towards 1 by as much as the noise
    leaves open.
    """
    expected = residuals.less_daily(change[:, None])[:, 0]
    missed = residuals._replace(values=residuals.values - _slope(residuals.values, expected) * expected)
    prior = missed.noise / PRIOR_RESPONSE ** 2
    fraction = (float(residuals.values @ expected) + prior) / (float(expected @ expected) + prior)
    return min(max(fraction, LEAST_RESPONSE), 1.0)


def _slope(values: Floats, expected: Floats) -> float:
    size = float(expected @ expected)
    return float(values @ expected) / size if size > 0 else 0.0


class ThermalHistory(NamedTuple):
    """What is known of a group in steps of a quarter of an hour or so, [n] each.

    Its `load` and the `outdoor_c` (NaN a gap), the `offset_k` that was in effect (+ uses more), the change of
    load that was `asked` otherwise, as by duty cycles, and the `quarter` of the local day.
    """
    load: Floats
    outdoor_c: Floats
    offset_k: Floats
    asked: Floats
    quarter: Whole


class ThermalModel(NamedTuple):
    """What was learned of a group: the line (None: too little is known), the store, whether its band is
    learned, and the fraction of what is asked that it delivers."""
    line: LoadLine | None
    store: Store
    is_learned: bool
    response: float


def learn(
    history: ThermalHistory, hours: float, default: Store, before: ThermalModel | None = None
) -> ThermalModel:
    """Return the model of a group by its history in steps of `hours`.

    What the history does not tell stays as it was `before`, else `default`: in July that of January.
    """
    known_line = None if before is None else before.line
    known_store = default if before is None or not before.is_learned else before.store
    model = ThermalModel(known_line, known_store, before is not None and before.is_learned, 1.0)
    change = np.zeros(len(history.load))
    for _ in range(2):  # the line once more, without what the offsets did
        line = fit_line(
            _hourly(history.load - change, hours), _hourly(history.outdoor_c, hours), known_line)
        base = _base(history, line)
        residuals = Residuals.of(_where_active(history, line), base, history.quarter)
        store = fit_store(residuals, base, history.offset_k, hours, known_store,
                          0.0 if line is None else max(line.heating_per_k, line.cooling_per_k))
        model = ThermalModel(line, store.store, store.is_learned or model.is_learned, 1.0)
        change = store.store.change(history.offset_k, np.nan_to_num(base), hours)
    return model._replace(response=response(residuals, change + history.asked))


def _hourly(values: Floats, hours: float) -> Floats:
    """The means of whole hours, NaN with a gap: compressors run for less."""
    size = max(round(1 / hours), 1)
    return np.asarray(values[:len(values) // size * size].reshape(-1, size).mean(axis=1), dtype=float)


def _base(history: ThermalHistory, line: LoadLine | None) -> Floats:
    """The load without control: by the line, else the mean of the time of the day."""
    if line is not None:
        return line.at(history.outdoor_c)
    known = np.isfinite(history.load)
    count = np.bincount(history.quarter[known], minlength=int(history.quarter.max(initial=0)) + 1)
    total = np.bincount(history.quarter[known], history.load[known], len(count))
    mean: Floats = np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)
    return mean[history.quarter]


def _where_active(history: ThermalHistory, line: LoadLine | None) -> Floats:
    """The load in the steps in which an offset moves something, a gap in the others: an idle heat pump says
    nothing of what its house stores."""
    if line is None:
        return history.load
    most_k = float(np.abs(history.offset_k).max(initial=0.0))
    return np.where(line.active(history.outdoor_c, most_k) >= 1, history.load, np.nan)
