"""What may be wrong with areas: signals, forecasts, plans that are not met, limits that are exceeded."""
from __future__ import annotations

from collections.abc import Iterator

from server import clock
from server.alarmfindings import Finding
from server.config import settings
from server.grid.groups.tree import Tree
from server.grid.optimisation.arrays import Floats, np
from server.grid.reports import limitexcess
from server.grid.series import forecastvalues, issuedseries, measurements, nodeflows, nodelimits, stalesignals
from server.grid.series.intervals import STEP, WEEK, Span, iso
from server.models import Balance, Series, VirtualDER

HOUR_S = 3600
PLAN_STEPS = HOUR_S // STEP
LATE_STEPS = 2  # until an interval has been evaluated, twice
LEAST_STEPS = 2  # of the last hour, that have to be known
LIMIT_STEPS = 2  # in which a limit was exceeded, for an alarm to stand


def _areas() -> list[VirtualDER]:
    """Return the areas for which steps are decided."""
    query = VirtualDER.select().join(Balance).where(Balance.automatic | Balance.plan_id.is_null(False))
    return list(query.order_by(VirtualDER.id))


def _source(vder: VirtualDER) -> str:
    return f"area {vder.name}"


def stopped_signals() -> Iterator[Finding]:
    """Yield the areas whose signals do not come, or end within the hour."""
    for area in _areas():
        if sentences := stalesignals.stale_signals(area, horizon_s=HOUR_S, since_first=True):
            yield Finding(_source(area), "; ".join(sentences))


def missing_forecasts() -> Iterator[Finding]:
    """Yield the areas whose forecasts from outside end, or that follow a schedule and know nothing of their
    load."""
    now = clock.now()
    for area in _areas():
        sentences = [sentence for quantity in forecastvalues.QUANTITIES
                     if (sentence := _ended(area, quantity, now))]
        schedule_w = issuedseries.known(area, "schedule", now - now % STEP, PLAN_STEPS)
        if np.isfinite(schedule_w).any():
            load = forecastvalues.forecast(area, "load", now - now % STEP, PLAN_STEPS)
            if load.source == forecastvalues.NOTHING:
                sentences.append(nodelimits.unknown_load(area.name, "schedule"))
        if sentences:
            yield Finding(_source(area), "; ".join(sentences))


def _ended(area: VirtualDER, quantity: str, now: int) -> str:
    """Return that the forecasts of a quantity end within the hour; "" where they do not, or where none has
    come for so long that they are taken as given up."""
    last = issuedseries.in_force(area, quantity, now).order_by(Series.until.desc()).first()
    if last is None or not now - WEEK <= last.until < now + HOUR_S:
        return ""
    verb = "ended" if last.until <= now else "ends"
    return f"the forecast of {quantity} of {area.name} {verb} at {iso(last.until)}, and no newer one has come"


def plans_not_met() -> Iterator[Finding]:
    """Yield the areas whose imbalance of the last hour was another than their plans expected."""
    now = clock.now()
    start = now - now % STEP - (PLAN_STEPS + LATE_STEPS) * STEP
    for area in _areas():
        expected_w, after_w, before_w = (
            measurements.read(area, quantity, start, PLAN_STEPS + LATE_STEPS)
            for quantity in ("expected", "after", "before"))
        known = np.flatnonzero(np.isfinite(expected_w) & np.isfinite(after_w))[-PLAN_STEPS:]
        if len(known) < LEAST_STEPS:
            continue
        if detail := _deviation(expected_w[known], after_w[known], before_w[known]):
            yield Finding(_source(area), detail)


def _deviation(expected_w: Floats, after_w: Floats, before_w: Floats) -> str:
    """Return by how much a plan was not met, in words; "" where it was. Pure."""
    deviation_w = float(np.mean(after_w - expected_w))
    usual_w = float(np.nan_to_num(np.abs(before_w)).mean())
    if abs(deviation_w) <= max(settings.alarm_plan_w, settings.alarm_plan_share * usual_w):
        return ""
    word = "more" if deviation_w > 0 else "less"
    return (f"over the last hour it drew {np.mean(after_w) / 1000:+.1f} kW beside its signal where "
            f"{np.mean(expected_w) / 1000:+.1f} kW was planned: {abs(deviation_w) / 1000:.1f} kW {word}")


def exceeded_limits() -> Iterator[Finding]:
    """Yield the virtual DERs of which more was measured than their limits allow, in the last intervals."""
    now = clock.now()
    start = now - now % STEP - LIMIT_STEPS * STEP
    span = Span(start, LIMIT_STEPS, STEP, now)
    for vder, import_w, export_w in nodelimits.limited(Tree.read().vders.values(), span):
        load_w = nodeflows.drawn_w(vder, start, LIMIT_STEPS)
        words = [f"{excess.power_w / 1000:.1f} kW beyond its {word} limit of {limit_w[excess.first]:.0f} W "
                 f"from {iso(start + excess.first * STEP)} on"
                 for word, limit_w, sign in (("import", import_w, 1), ("export", export_w, -1))
                 for excess in limitexcess.excesses(sign * load_w, limit_w)
                 if excess.power_w > settings.alarm_limit_share * limit_w[excess.first]]
        if words:
            yield Finding(f"virtual DER {vder.name}", "; ".join(words))
