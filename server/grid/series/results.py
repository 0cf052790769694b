"""What the operator functions of this package return; the values are plain dicts."""
from __future__ import annotations

from typing import NotRequired, TypedDict

from server.units import Instant, Seconds, WattHours, Watts


class SeriesSummary(TypedDict):
    """The extent of a series.

    `values` is how many values it has, `gaps` how many of them are missing; `least`, `mean` and `most` are
    over the others, in the unit of the series.
    """
    start: Instant
    end: Instant
    step_s: Seconds
    values: int
    gaps: int
    least: float
    mean: float
    most: float


class SignalIssue(SeriesSummary):
    """A signal as it was issued; `issue_interval_s` is after how long the next issue was promised."""
    vder: str
    kind: str
    tolerance_w: Watts
    priority: int
    source: str
    issue_interval_s: Seconds | None
    issued_at: Instant


class PutSignal(SignalIssue):
    """A signal that was put; `warnings` tell of its gaps."""
    dry_run: bool
    warnings: list[str]


class SignalWithdrawal(TypedDict):
    """That a kind of signal is withdrawn from an instant on."""
    vder: str
    kind: str
    withdrawn_from: Instant
    source: str
    issued_at: Instant


class WithdrawnSignal(SignalWithdrawal):
    """A signal that was withdrawn."""
    dry_run: bool


class SignalStatus(TypedDict):
    """The newest issue of a signal, or its withdrawal; its `current` value, and what is wrong with it."""
    vder: str
    kind: str
    source: str
    issued_at: Instant
    current: float | None
    problem: str
    withdrawn_from: NotRequired[Instant]
    start: NotRequired[Instant]
    end: NotRequired[Instant]
    step_s: NotRequired[Seconds]
    values: NotRequired[int]
    gaps: NotRequired[int]
    least: NotRequired[float]
    mean: NotRequired[float]
    most: NotRequired[float]
    tolerance_w: NotRequired[Watts]
    priority: NotRequired[int]
    issue_interval_s: NotRequired[Seconds | None]


class SessionForecast(TypedDict):
    """Charging sessions that are expected; `energy_wh` is the sum."""
    vder: str
    quantity: str
    start: Instant
    end: Instant
    sessions: int
    energy_wh: WattHours
    source: str
    issued_at: Instant


class SeriesForecast(SeriesSummary):
    """A forecast from outside, in W of injection; `quantiles` are the probabilities that it has beside it."""
    vder: str
    quantity: str
    source: str
    issued_at: Instant
    quantiles: list[str]


class PutSessions(SessionForecast):
    """Charging sessions that were put."""
    dry_run: bool
    warnings: list[str]


class PutSeries(SeriesForecast):
    """A forecast that was put; `warnings` tell of gaps and of a sign that looks wrong."""
    dry_run: bool
    warnings: list[str]


SubmittedForecast = SeriesForecast | SessionForecast
PutForecast = PutSeries | PutSessions


class ForecastRow(TypedDict):
    """The quantiles 0.1, 0.5 and 0.9 of each quantity that was asked for, in an interval: W of injection.

    None where nothing is known, or no error.
    """
    start: Instant
    load_p10_w: NotRequired[Watts | None]
    load_p50_w: NotRequired[Watts | None]
    load_p90_w: NotRequired[Watts | None]
    pv_p10_w: NotRequired[Watts | None]
    pv_p50_w: NotRequired[Watts | None]
    pv_p90_w: NotRequired[Watts | None]
    thermal_p10_w: NotRequired[Watts | None]
    thermal_p50_w: NotRequired[Watts | None]
    thermal_p90_w: NotRequired[Watts | None]
    ev_p10_w: NotRequired[Watts | None]
    ev_p50_w: NotRequired[Watts | None]
    ev_p90_w: NotRequired[Watts | None]


class Forecasts(TypedDict):
    """What is expected, and the source of each quantity that was asked for."""
    vder: str
    load_source: NotRequired[str]
    pv_source: NotRequired[str]
    thermal_source: NotRequired[str]
    ev_source: NotRequired[str]
    submitted: list[SubmittedForecast]
    intervals: list[ForecastRow]
    warnings: list[str]


class MeasurementRow(TypedDict):
    """An interval: the mean injection by quantity, such as `premises`."""
    start: Instant
    injection_w: dict[str, Watts]


class ImportedMeasurements(TypedDict):
    """Measurements that were imported, and into how many intervals."""
    vder: str
    quantity: str
    start: Instant
    end: Instant
    intervals: int
    dry_run: bool
    warnings: list[str]
