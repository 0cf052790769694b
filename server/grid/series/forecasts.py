"""Forecasts: submit those that were made elsewhere, list them, show what is expected.

Power is in W of injection, so a load is negative. What is expected, and from which source, is in
`forecastvalues`.
"""
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from server import clock
from server.audit import audited
from server.errors import Refused
from server.grid.groups import virtualders
from server.grid.optimisation.arrays import np
from server.grid.series import arrivals, forecastvalues, intervals, signals, signs
from server.grid.series.forecastvalues import P90_SIGMAS, QUANTITIES, ForecastSteps
from server.grid.series.intervals import DAY, STEP
from server.grid.series.results import ForecastRow, Forecasts, PutForecast, SeriesForecast, SubmittedForecast
from server.models import Series, VirtualDER, changes, db, vder_audience

MAX_HORIZON = 31 * DAY


def _audited_fields(result: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in result.items() if key not in ("dry_run", "warnings")}


@audited("forecast put", "{vder} {quantity}", answer=_audited_fields)
def put(
    vder: str | int | VirtualDER,
    quantity: str,
    values: Iterable[Any],
    start: int,
    step: int,
    source: str = "",
    quantiles: Mapping[str, Iterable[float | None]] | None = None,
    issued_at: int | None = None,
    *,
    dry_run: bool = False,
    origin: str = "",
) -> PutForecast:
    """Store a forecast that was made elsewhere, in W of injection.

    `quantiles` are series like `values`, by probability ("0.1"). It is used from `issued_at` (default: now)
    on. Of the quantity ev the values are charging sessions, as `arrivals.put` takes them. `origin` (by
    default the quantity) begins the messages. Refused (400) as a whole where a value is not fit to plan with.
    """
    row_of, origin, now = virtualders.find(vder), origin or quantity, clock.now()
    if quantity == arrivals.QUANTITY:
        return arrivals.put(row_of, values, source, issued_at, dry_run=dry_run, origin=origin)
    if quantity not in QUANTITIES:
        raise Refused(400, f"{origin}: forecasts are of {', '.join(QUANTITIES)}, not of {quantity!r}")
    checked = intervals.check_values(values, start, step, now, origin)
    checked_quantiles = {
        key: intervals.check_values(series, start, step, now, f"{origin} {key}")
        for key, series in (quantiles or {}).items()
    }
    _check_quantiles(checked_quantiles, len(checked), origin)
    signs.check_quantiles(checked_quantiles, start, step, origin)
    row = Series(
        vder=row_of,
        quantity=quantity,
        issued_at=_issue_instant(issued_at, now, origin),
        start=start,
        step_s=step,
        until=start + len(checked) * step,
        values=checked,
        quantiles=checked_quantiles,
        source=source,
    )
    if not dry_run:
        with db.atomic():
            row.save(force_insert=True)
            changes.note(changes.FORECAST, "put", quantity, vder_audience(row_of.id), vder=row_of.name,
                         source=source)
    gaps = intervals.gaps(intervals.array(checked), start, step)
    warnings = [f"{quantity} of {row_of.name} has no values {gap}" for gap in gaps]
    warnings += signs.sign_warnings(quantity, intervals.array(checked))
    return {**_describe_series(row), "dry_run": dry_run, "warnings": warnings}


def _check_quantiles(quantiles: Mapping[str, Sequence[float | None]], steps: int, origin: str) -> None:
    for key, series in quantiles.items():
        if not _is_probability(key):
            raise Refused(400, f"{origin}: {key} is not a probability such as 0.9")
        if len(series) != steps:
            raise Refused(400, f"{origin}: {len(series)} values of quantile {key} for {steps} steps")


def _is_probability(key: str) -> bool:
    try:
        return 0 < float(key) < 1
    except ValueError:
        return False


def _issue_instant(issued_at: int | None, now: int, origin: str) -> int:
    if issued_at is not None and issued_at > now:
        raise Refused(
            400, f"{origin}: it cannot have been issued at {intervals.iso(issued_at)}, later than now"
        )
    return now if issued_at is None else issued_at


def _describe(row: Series) -> SubmittedForecast:
    return arrivals.describe(row) if row.quantity == arrivals.QUANTITY else _describe_series(row)


def _describe_series(row: Series) -> SeriesForecast:
    issue = signals.describe(row)
    return {
        "vder": issue["vder"],
        "quantity": issue["kind"],
        "start": issue["start"],
        "end": issue["end"],
        "step_s": issue["step_s"],
        "values": issue["values"],
        "gaps": issue["gaps"],
        "least": issue["least"],
        "mean": issue["mean"],
        "most": issue["most"],
        "source": issue["source"],
        "issued_at": issue["issued_at"],
        "quantiles": list(row.quantiles),
    }


def submitted(
    vder: str | int | VirtualDER | None = None, quantity: str | None = None
) -> list[SubmittedForecast]:
    """Return the forecasts from outside that are not over, newest first."""
    rows = Series.select().where(
        Series.quantity.in_(QUANTITIES if quantity is None else [quantity]) & (Series.until > clock.now())
    )
    if vder is not None:
        rows = rows.where(Series.vder == virtualders.find(vder))
    return [_describe(row) for row in rows.order_by(Series.issued_at.desc(), Series.id.desc())]


def table(
    vder: str | int | VirtualDER,
    horizon_s: int = DAY,
    quantities: Sequence[str] = QUANTITIES,
    at: int | None = None,
) -> list[ForecastRow]:
    """Return a row for each interval of the horizon, in W of injection.

    Of each quantity it has the median and, where an error is known, the quantiles 0.1 and 0.9; None where
    nothing is known. Refused (400) beyond MAX_HORIZON.
    """
    if not 0 < horizon_s <= MAX_HORIZON:
        raise Refused(400, f"a horizon of {horizon_s} s: specify 1 s to {MAX_HORIZON // DAY} days")
    at = clock.now() if at is None else at
    start, steps = at - at % STEP, -(-horizon_s // STEP)
    forecasts = {
        quantity: forecastvalues.forecast(vder, quantity, start, steps, at) for quantity in quantities
    }
    rows = []
    for number in range(steps):
        row: dict[str, Any] = {"start": start + number * STEP}
        for quantity, forecast in forecasts.items():
            row |= _quantiles(quantity, forecast, number)
        rows.append(cast(ForecastRow, row))
    return rows


def _quantiles(quantity: str, forecast: ForecastSteps, number: int) -> dict[str, float | None]:
    if forecast.source == forecastvalues.NOTHING:
        return {f"{quantity}_p{percent}_w": None for percent in (10, 50, 90)}
    median, sigma = float(forecast.values[number]), float(forecast.sigma[number])
    low, high = (None, None) if np.isnan(sigma) else (
        median - P90_SIGMAS * sigma, median + P90_SIGMAS * sigma)
    return {f"{quantity}_p10_w": low, f"{quantity}_p50_w": median, f"{quantity}_p90_w": high}


def show(
    vder: str | int | VirtualDER,
    quantities: Sequence[str] = QUANTITIES,
    horizon_s: int = DAY,
    at: int | None = None,
) -> Forecasts:
    """Return what is expected over the horizon, the source of each quantity, and what was submitted."""
    row, at = virtualders.find(vder), clock.now() if at is None else at
    forecasts = {
        quantity: forecastvalues.forecast(row, quantity, at - at % STEP, 1, at) for quantity in quantities
    }
    sources = {f"{quantity}_source": forecast.source for quantity, forecast in forecasts.items()}
    result = {
        "vder": row.name,
        **sources,
        "submitted": [series for series in submitted(row) if series["quantity"] in quantities],
        "intervals": table(row, horizon_s, quantities, at),
        "warnings": [warning for forecast in forecasts.values() for warning in forecast.warnings],
    }
    return cast(Forecasts, result)
