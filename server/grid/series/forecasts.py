"""What is to come for a virtual DER: forecasts given from outside, else what its own readings let expect.

Power is in W of injection, so a load is negative. Everything takes `at`: it knows only what had been said and
read by then, so that a replay never sees the future.
"""
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from peewee import fn

from server import clock
from server.audit import audited
from server.errors import Refused
from server.grid.groups import virtualders
from server.grid.optimisation.arrays import Floats, np
from server.grid.series import arrivals, intervals, measurements, signals
from server.grid.series.arrivals import coming
from server.grid.series.forecastmethods import Persistence, spread
from server.grid.series.intervals import DAY, STEP, WEEK
from server.models import Membership, Meter, Series, VirtualDER

__all__ = ["GIVEN", "ForecastSteps", "forecast", "coming", "submitted", "put", "table"]
GIVEN = ("load", "pv", "thermal", "ev")  # what forecasts from outside are of; cars are visits, see arrivals
INSIDE = ("pv", "storage", "ev", "thermal")  # what a premises meter counts beside the load
ALONE = ("thermal", "pv")  # what orders change, and `closing` reckons back
PAST = 4 * WEEK
FARTHEST = 31 * DAY
_DAILY = {"pv": Persistence(DAY // STEP, ratio=True), "thermal": Persistence(DAY // STEP)}
_WEEKLY, _YESTERDAY = Persistence(WEEK // STEP), Persistence(DAY // STEP)
NOTHING = "nothing"
NINETY = 1.2816  # standard deviations from the mean to the quantile of 0.9


class ForecastSteps(NamedTuple):
    """`values` and `sigma`, the standard deviation of their error (NaN where it is not known), a step each;
    `source` is who says so, `warnings` why that is not much."""
    values: Floats
    source: str
    sigma: Floats
    warnings: tuple[str, ...] = ()


def _entry(result: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in result.items() if key not in ("dry_run", "warnings")}


@audited("forecast put", "{vder} {what}", answer=_entry)
def put(
    vder: str | int | VirtualDER,
    what: str,
    values: Iterable[Any],
    start: int,
    step: int,
    source: str = "",
    quantiles: Mapping[str, Iterable[float | None]] | None = None,
    issued: int | None = None,
    *,
    dry_run: bool = False,
    place: str = "",
) -> dict[str, Any]:
    """Keep a forecast that was made elsewhere, in W of injection; `quantiles` by probability ("0.1"). It
    counts from `issued` (default: now) on. Of a "car" the values are visits, as arrivals.put takes them.
    Refused (400) as a whole where anything in it is not fit to plan with."""
    found, place, now = virtualders.find(vder), place or what, clock.now()
    if what == arrivals.WHAT:
        return arrivals.put(found, values, source, issued, dry_run=dry_run, place=place)
    if what not in GIVEN:
        raise Refused(400, f"{place}: forecasts are of {', '.join(GIVEN)}, not of {what!r}")
    sound = intervals.check_values(values, start, step, now, place)
    also = {
        key: intervals.check_values(each, start, step, now, f"{place} {key}")
        for key, each in (quantiles or {}).items()
    }
    for key, each in also.items():
        if not _is_probability(key):
            raise Refused(400, f"{place}: {key} is no probability such as 0.9")
        if len(each) != len(sound):
            raise Refused(400, f"{place}: {len(each)} values of quantile {key} for {len(sound)} steps")
    row = Series(vder=found, quantity=what, issued_at=_issued(issued, now, place), start=start, step_s=step,
                 until=start + len(sound) * step, values=sound, quantiles=also, source=source)
    if not dry_run:
        row.save(force_insert=True)
    return {
        **_brief(row),
        "dry_run": dry_run,
        "warnings": [
            *(
                f"{what} of {found.name} says nothing {gap}"
                for gap in intervals.gaps(intervals.array(sound), start, step)
            ),
            *_signs(what, intervals.array(sound)),
        ],
    }


def _is_probability(key: str) -> bool:
    try:
        return 0 < float(key) < 1
    except ValueError:
        return False


def _issued(issued: int | None, now: int, place: str) -> int:
    if issued is not None and issued > now:
        raise Refused(400, f"{place}: it cannot have been issued at {intervals.iso(issued)}, later than now")
    return now if issued is None else issued


def _signs(what: str, values: Floats) -> list[str]:
    wrong = {"load": values > 0, "thermal": values > 0, "pv": values < 0}[what]
    return (
        [
            f"{what} is {'positive' if what != 'pv' else 'negative'} in {int(wrong.sum())} of {len(values)} "
            "steps; "
            "injection is positive here, consumption negative"
        ]
        if wrong.any()
        else []
    )


def _brief(row: Series) -> dict[str, Any]:
    if row.quantity == arrivals.WHAT:
        return arrivals.describe(row)
    brief = signals.describe(row)
    del brief["tolerance"], brief["priority"], brief["every"]
    return {"vder": brief.pop("vder"), "what": brief.pop("kind"), **brief, "quantiles": list(row.quantiles)}


def forecast(
    vder: str | int | VirtualDER, what: str, start: int, steps: int, at: int | None = None, step: int = STEP
) -> ForecastSteps:
    """What is to be expected of `what` for so many steps from `start` on: as it was given from outside; else
    as the same weekday and time were, put right by the level of late (the sun and heat: as yesterday); else
    the newest value held; else nothing, with a warning. `what` is one of GIVEN or of state.WHATS."""
    found, at = virtualders.find(vder), clock.now() if at is None else at
    values, sigma, source = (
        _submitted(found, what, start, steps, step, at) if what != arrivals.WHAT else _nothing(steps)
    )
    if np.isfinite(values).all():
        return ForecastSteps(values, source, sigma)
    base = start - start % STEP
    own = _own(found, what, base, -(-(start + steps * step - base) // STEP), at)
    own_values, own_sigma = (intervals.resampled(intervals.SeriesPart(base, STEP, each), start, steps, step)
                             for each in (own.values, own.sigma))
    missing = ~np.isfinite(values)
    return ForecastSteps(
        np.where(missing, own_values, values),
        f"{source}, else {own.source}" if source else own.source,
        np.where(missing, own_sigma, sigma),
        own.warnings,
    )


def _nothing(steps: int) -> tuple[Floats, Floats, str]:
    return np.full(steps, np.nan), np.full(steps, np.nan), ""


def _submitted(
    vder: VirtualDER, what: str, start: int, steps: int, step: int, at: int
) -> tuple[Floats, Floats, str]:
    """What was given: values, their sigma by the quantiles 0.1 and 0.9, and who gave them."""
    rows = signals.issues(vder, what, start, start + steps * step, at)
    if not rows:
        return _nothing(steps)
    parts, whose = intervals.overlay([signals.series_of(row) for row in rows], start, steps, step)
    low, high = (intervals.overlay([intervals.SeriesPart(row.start, row.step_s, intervals.array(
        row.quantiles.get(key) or [None] * len(row.values))) for row in rows], start, steps, step)
        for key in ("0.1", "0.9"))
    both = (low[1] == whose) & (high[1] == whose)
    sources = dict.fromkeys(rows[place].source or "given" for place in np.unique(whose[whose >= 0]))
    sigma = intervals.mean(np.where(both, (high[0] - low[0]) / (2 * NINETY), np.nan))
    return intervals.mean(parts), sigma, ", ".join(sources)


def _own(vder: VirtualDER, what: str, start: int, steps: int, at: int) -> ForecastSteps:
    """What our own readings let expect of so many intervals."""
    end = min(at - at % STEP, start)
    past = _past(vder, what, end)
    skipped = (start - end) // STEP
    far = skipped + steps
    if len(past) < DAY // STEP:
        return _held(vder, what, past, steps, at)
    by = _DAILY.get(what) or (_WEEKLY if len(past) >= WEEK // STEP else _YESTERDAY)
    sigma = np.full(far, np.nan)
    if len(past) > by.lag + far:
        sigma = spread(by, past, far)
    return ForecastSteps(
        by.ahead(past, far)[skipped:], "a week ago" if by is _WEEKLY else "a day ago", sigma[skipped:]
    )


def _past(vder: VirtualDER, what: str, end: int) -> Floats:
    """The history until `end`, from the first value on."""
    def of(name: str) -> Floats:
        return measurements.read(vder, name, end - PAST, PAST // STEP)
    past = of(what)
    if what in ALONE:  # as it would have been without our doing, where that is known
        alone = of(f"{what}_uncontrolled")
        past = np.where(np.isfinite(alone), alone, past)
    # where it was not reckoned, it is what the premises draw beside what is measured apart
    if what == "load":
        site = of("premises")
        rest = (
            site - sum(np.nan_to_num(of(name)) for name in INSIDE) if np.isfinite(site).any() else of("other")
        )
        past = np.where(np.isfinite(past), past, rest)
    known = np.flatnonzero(np.isfinite(past))
    return past[known[0]:] if len(known) else past[:0]


def _held(vder: VirtualDER, what: str, past: Floats, steps: int, at: int) -> ForecastSteps:
    unknown = np.full(steps, np.nan)
    known = past[np.isfinite(past)]
    if len(known):
        return ForecastSteps(np.full(steps, known[-1]), "the newest value, held", unknown)
    watts = (Meter.select(fn.SUM(Meter.injection_w)).join(Membership, on=Meter.device == Membership.device)
             .where((Membership.vder == vder) & (Meter.kind == what) & (Meter.read_at <= at)).scalar())
    if watts is not None:
        return ForecastSteps(np.full(steps, float(watts)), "the newest readings, held", unknown)
    return ForecastSteps(
        np.zeros(steps), NOTHING, unknown, (f"nothing is known of {what} of {vder.name}: 0 W is taken",)
    )


def submitted(vder: str | int | VirtualDER | None = None, what: str | None = None) -> list[dict[str, Any]]:
    """The forecasts from outside that are not over, newest first."""
    chosen = Series.select().where(
        Series.quantity.in_(GIVEN if what is None else [what]) & (Series.until > clock.now())
    )
    if vder is not None:
        chosen = chosen.where(Series.vder == virtualders.find(vder))
    return [_brief(row) for row in chosen.order_by(Series.issued_at.desc(), Series.id.desc())]


def table(
    vder: str | int | VirtualDER, horizon: int = DAY, whats: Sequence[str] = GIVEN, at: int | None = None
) -> list[dict[str, Any]]:
    """A row for each interval of the horizon (s): of each of `whats` the median and, where an error is known,
    the quantiles 0.1 and 0.9, in W of injection; None where nothing is known. Refused (400) beyond
    FARTHEST."""
    if not 0 < horizon <= FARTHEST:
        raise Refused(400, f"a horizon of {horizon} s: 1 s to {FARTHEST // DAY} days are possible")
    at = clock.now() if at is None else at
    start, steps = at - at % STEP, -(-horizon // STEP)
    every = {what: forecast(vder, what, start, steps, at) for what in whats}
    return [{"start": start + number * STEP, **{key: value for what, one in every.items()
                                               for key, value in _quantiles(what, one, number).items()}}
            for number in range(steps)]


def show(vder: str | int | VirtualDER, whats: Sequence[str] = GIVEN, horizon: int = DAY, at: int | None = None
         ) -> dict[str, Any]:
    """What is expected over the horizon (s), who says so, and what was given from outside."""
    found, at = virtualders.find(vder), clock.now() if at is None else at
    every = {what: forecast(found, what, at - at % STEP, 1, at) for what in whats}
    return {
        "vder": found.name,
        **{f"{what}_by": one.source for what, one in every.items()},
        "given": [row for row in submitted(found) if row["what"] in whats],
        "ahead": table(found, horizon, whats, at),
        "warnings": [warning for one in every.values() for warning in one.warnings],
    }


def _quantiles(what: str, one: ForecastSteps, number: int) -> dict[str, float | None]:
    if one.source == NOTHING:
        return {f"{what}_p{part}_w": None for part in (10, 50, 90)}
    middle, sigma = float(one.values[number]), float(one.sigma[number])
    low, high = (None, None) if np.isnan(sigma) else (middle - NINETY * sigma, middle + NINETY * sigma)
    return {f"{what}_p10_w": low, f"{what}_p50_w": middle, f"{what}_p90_w": high}
