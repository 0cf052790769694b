"""What is expected of a virtual DER: as submitted from outside, else from its own measurements.

Power is in W of injection, so a load is negative. Everything takes `at`, and uses only what was submitted and
read until then, so that a replay does not see the future.
"""
from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from server import clock
from server.config import settings
from server.grid.groups import virtualders
from server.grid.groups.tree import Tree
from server.grid.optimisation.arrays import Floats, Whole, np
from server.grid.series import (arrivals, daytypes, intervals, issuedseries, measurements, presentpower,
                                temperatures, thermalmodels)
from server.grid.series.forecastmethods import Persistence, forecast_sigma
from server.grid.series.intervals import DAY, STEP, WEEK, SeriesPart, Span
from server.models import Series, VirtualDER

QUANTITIES = ("load", "pv", "thermal", "ev")  # of forecasts from outside; ev is sessions, see arrivals
METERED_KINDS = ("pv", "storage", "ev", "thermal")  # within what a premises meter counts, besides the load
CONTROLLED = ("thermal", "pv")  # changed by orders; the evaluation records them as if uncontrolled
NOTHING = "nothing"
P90_SIGMAS = 1.2816  # standard deviations from the mean to the quantile of 0.9
_HISTORY_S = 4 * WEEK
_DAILY = {"pv": Persistence(DAY // STEP, ratio=True), "thermal": Persistence(DAY // STEP)}
_WEEKLY, _YESTERDAY = Persistence(WEEK // STEP), Persistence(DAY // STEP)


class ForecastSteps(NamedTuple):
    """`values` and `sigma`, the standard deviation of their error (NaN where not known), for each step.

    `source` is who or what they come from, `warnings` why they are poor.
    """
    values: Floats
    source: str
    sigma: Floats
    warnings: tuple[str, ...] = ()


def forecast(
    vder: str | int | VirtualDER,
    quantity: str,
    start: int,
    steps: int,
    at: int | None = None,
    step: int = STEP,
) -> ForecastSteps:
    """Return the forecast of a quantity for `steps` steps from `start` on.

    It is the one submitted from outside; else the same weekday and time a week ago with the recent level,
    where public holidays are as Sundays (pv and thermal: of yesterday; thermal by the weather, where it is
    known how the loads follow it); else the newest value, held; else 0 W
    with a warning. `quantity` is one of QUANTITIES or of devicetypes.KINDS.
    """
    row, at = virtualders.find(vder), clock.now() if at is None else at
    if quantity == arrivals.QUANTITY:
        values, sigma, source = _unknown(steps)
    else:
        values, sigma, source = _submitted(row, quantity, start, steps, step, at)
    if np.isfinite(values).all():
        return ForecastSteps(values, source, sigma)
    base = start - start % STEP
    own = _from_history(row, quantity, base, -(-(start + steps * step - base) // STEP), at)
    own_values, own_sigma = (intervals.resampled(SeriesPart(base, STEP, column), start, steps, step)
                             for column in (own.values, own.sigma))
    missing = ~np.isfinite(values)
    return ForecastSteps(
        np.where(missing, own_values, values),
        f"{source}, else {own.source}" if source else own.source,
        np.where(missing, own_sigma, sigma),
        own.warnings,
    )


def corrected(vder: VirtualDER, quantity: str, span: Span) -> ForecastSteps:
    """Return the forecast as `forecast`, where what was submitted is corrected by its error in the last
    intervals, as what our own measurements let expect is in any case.

    Only more than was forecast counts: less may have been measured because not everything has a meter. An
    issue is corrected by its own error alone: a newer one may have known what was measured.
    """
    start, steps, step, at = span.start, span.steps, span.step, span.at
    found = forecast(vder, quantity, start, steps, at, step)
    method, end = _DAILY.get(quantity, _WEEKLY), at - at % STEP
    begin = end - method.window * STEP
    parts = [issuedseries.part_of(issue)
             for issue in issuedseries.issues(vder, quantity, begin, start + steps * step, at)]
    if not parts:
        return found
    expected, expected_of = intervals.overlay(parts, begin, method.window, STEP)
    origins = intervals.overlay(parts, start, steps, step)[1][:, 0]
    past = history(vder, quantity, end, method.window)
    measured_w = np.concatenate((np.full(method.window - len(past), np.nan), past))
    ahead = np.maximum((start - end + np.arange(steps) * step) / STEP + 1, 0)
    values = found.values.copy()
    for issue in set(origins.tolist()) - {-1}:
        is_own = origins == issue
        recent_w = np.where((expected_of == issue).all(axis=1), intervals.mean(expected), np.nan)
        known = np.isfinite(measured_w) & np.isfinite(recent_w)
        if abs(measured_w[known].sum()) > abs(recent_w[known].sum()):
            greatest_w = float(np.nanmax(np.abs(parts[issue].values)))
            values[is_own] = method.corrected(values[is_own], measured_w, recent_w, ahead[is_own], greatest_w)
    return found._replace(values=values)


def _unknown(steps: int) -> tuple[Floats, Floats, str]:
    return np.full(steps, np.nan), np.full(steps, np.nan), ""


def _submitted(
    vder: VirtualDER, quantity: str, start: int, steps: int, step: int, at: int
) -> tuple[Floats, Floats, str]:
    """Return what was submitted: values, their sigma by the quantiles 0.1 and 0.9, and the sources."""
    rows = issuedseries.issues(vder, quantity, start, start + steps * step, at)
    if not rows:
        return _unknown(steps)
    values, origins = intervals.overlay([issuedseries.part_of(row) for row in rows], start, steps, step)
    low, high = (intervals.overlay([_quantile(row, key) for row in rows], start, steps, step)
                 for key in ("0.1", "0.9"))
    both = (low[1] == origins) & (high[1] == origins)
    sources = dict.fromkeys(rows[index].source or "submitted" for index in np.unique(origins[origins >= 0]))
    sigma = intervals.mean(np.where(both, (high[0] - low[0]) / (2 * P90_SIGMAS), np.nan))
    return intervals.mean(values), sigma, ", ".join(sources)


def _quantile(row: Series, key: str) -> SeriesPart:
    """Return the quantile of a row at this probability, gaps where it has none."""
    return SeriesPart(row.start, row.step_s,
                      intervals.array(row.quantiles.get(key) or [None] * len(row.values)))


def _from_history(vder: VirtualDER, quantity: str, start: int, steps: int, at: int) -> ForecastSteps:
    """Return what our own measurements let expect of `steps` intervals."""
    end = min(at - at % STEP, start)
    past = history(vder, quantity, end)
    skipped = (start - end) // STEP
    ahead = skipped + steps
    if len(past) < DAY // STEP:
        return _held(vder, quantity, past, steps, at)
    weather_w = None
    if quantity == "thermal":
        weather_w = _weather_w(vder, end - len(past) * STEP, len(past) + ahead, at)
    if weather_w is not None:
        past = past - weather_w[:len(past)]
    method = _DAILY.get(quantity) or (_WEEKLY if len(past) >= WEEK // STEP else _YESTERDAY)
    sigma = np.full(ahead, np.nan)
    lags = _lags(end - len(past) * STEP, len(past) + ahead) if method is _WEEKLY else None
    if len(past) > method.lag + ahead:
        sigma = forecast_sigma(method, past, ahead, lags=lags)
    source = "a week ago" if method is _WEEKLY else "a day ago"
    values = method.ahead(past, ahead, lags)
    if weather_w is not None:
        values, source = np.minimum(values + weather_w[-ahead:], 0.0), f"{source}, by the weather"
    return ForecastSteps(values[skipped:], source, sigma[skipped:])


def _weather_w(vder: VirtualDER, start: int, steps: int, at: int) -> Floats | None:
    """Return what the thermal loads of a virtual DER and of those below it inject by the outdoor temperature,
    as was learned of their groups; None where that, the next or the last day's temperature is not known.

    Steps of `steps` that are a gap are NaN.
    """
    learned = [model for model in thermalmodels.read(Tree.read(include=[vder]).subtree(vder.id)).values()
               if model.model.line is not None]
    if not learned:
        return None
    outdoor_c = temperatures.expected_c(vder, Span(start, steps, STEP, at))
    known = np.isfinite(outdoor_c)
    now = (at - start) // STEP
    if not known[now:].all() or not known[max(now - DAY // STEP, 0):now].any():
        return None
    load_w = sum(model.rated_w * model.model.line.at(outdoor_c) for model in learned if model.model.line)
    return -np.asarray(load_w, dtype=float)


def _lags(start: int, steps: int) -> Whole | None:
    """Return for each step from `start` on how many steps before there is the one that it is likely to be as,
    by the types of the local days; None where that is a week for all."""
    zone = ZoneInfo(settings.timezone)
    days = [datetime.fromtimestamp(start + number * STEP, zone).date() for number in range(steps)]
    back = {day: daytypes.days_back(day) for day in set(days)}
    if set(back.values()) == {WEEK // DAY}:
        return None
    return np.array([back[day] * (DAY // STEP) for day in days], dtype=np.intp)


def history(vder: VirtualDER, quantity: str, end: int, steps: int = _HISTORY_S // STEP) -> Floats:
    """Return the measurements of a quantity in the last `steps` intervals until `end`, from the first value
    on.

    Of what orders change it is as if uncontrolled, where that is known. A load that was not measured is what
    the premises meter counts besides the quantities that are measured on their own.
    """
    def measured(name: str) -> Floats:
        return measurements.read(vder, name, end - steps * STEP, steps)
    past = measured(quantity)
    if quantity in CONTROLLED:
        uncontrolled = measured(f"{quantity}_uncontrolled")
        past = np.where(np.isfinite(uncontrolled), uncontrolled, past)
    if quantity == "load":
        premises = measured("premises")
        if np.isfinite(premises).any():
            derived = premises - sum(np.nan_to_num(measured(name)) for name in METERED_KINDS)
        else:
            derived = measured("other")
        past = np.where(np.isfinite(past), past, derived)
    known = np.flatnonzero(np.isfinite(past))
    return past[known[0]:] if len(known) else past[:0]


def _held(vder: VirtualDER, quantity: str, past: Floats, steps: int, at: int) -> ForecastSteps:
    """Return the newest value, held for all steps; 0 W with a warning where there is none."""
    unknown = np.full(steps, np.nan)
    known = past[np.isfinite(past)]
    if len(known):
        return ForecastSteps(np.full(steps, known[-1]), "the newest value, held", unknown)
    injection_w = presentpower.of_members(vder, quantity, at)
    if injection_w is not None:
        return ForecastSteps(np.full(steps, injection_w), "the newest readings, held", unknown)
    warning = f"there is no forecast of {quantity} of {vder.name}: 0 W is used"
    return ForecastSteps(np.zeros(steps), NOTHING, unknown, (warning,))
