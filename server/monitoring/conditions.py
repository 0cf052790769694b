"""The conditions that are watched: by which alarm each is told, which settings judge it, what finds it.

A condition is looked at every so often. What it finds is raised, and what stands of its kind and is not found
any more is cleared. A few are raised where they are seen, since nobody could find them afterwards; they are
in the table as well, so that it is whole.
"""
from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from server import alarms, clock, diskspace, logs
from server.alarmfindings import ConditionRow, Finding
from server.alarmkinds import KINDS
from server.config import SETTINGS, settings
from server.models.unavailable import DATABASE_ERRORS
from server.monitoring import areas, certificates, fleet
from server.units import Instant

log = logging.getLogger(__name__)
MINUTE_S, HOUR_S = 60, 3600
LEAST_S = 5  # between looks by the system's clock, however fast that of the program goes


@dataclass(frozen=True, kw_only=True)
class Condition:
    """What is watched, by an alarm of the same name.

    `find` yields what is wrong at the moment; null where it is raised when it is seen. With `lapses`, a
    source that is not found is left alone until the alarm lapses, and one that is found in order is cleared.
    `thresholds` are names of settings.
    """
    kind: str
    what: str
    thresholds: tuple[str, ...] = ()
    find: Callable[[], Iterable[Finding]] | None = None
    every_s: int = MINUTE_S
    lapses: bool = False


CONDITIONS = (
    Condition(kind="signal", find=areas.stopped_signals,
              what="an area's signal was promised and does not come, or ends within the hour"),
    Condition(kind="forecast", find=areas.missing_forecasts,
              what="a forecast from outside ends within the hour, or the load of a schedule is unknown"),
    Condition(kind="plan", find=areas.plans_not_met, thresholds=("alarm_plan_w", "alarm_plan_share"),
              every_s=5 * MINUTE_S, what="over the last hour, an area's imbalance was another than planned"),
    Condition(kind="limit", find=areas.exceeded_limits, thresholds=("alarm_limit_share",),
              every_s=5 * MINUTE_S, what="what was measured exceeds a limit of a virtual DER"),
    Condition(kind="silent devices", find=fleet.silent,
              thresholds=("alarm_silence_s", "alarm_silent_share"),
              every_s=5 * MINUTE_S, what="too many devices that were here are not in contact any more"),
    Condition(kind="responses", find=fleet.unanswered, thresholds=("alarm_response_share",),
              every_s=5 * MINUTE_S, what="too few members respond to the events of their virtual DER"),
    Condition(kind="device clock", find=fleet.wrong_clocks, thresholds=("alarm_clock_s",), lapses=True,
              every_s=5 * MINUTE_S, what="the times in a device's Responses are off"),
    Condition(kind="certificate", find=certificates.ending, thresholds=("alarm_certificate_days",),
              every_s=HOUR_S, what="a certificate of the server, or of an authority, ends soon"),
    Condition(kind="device certificate", thresholds=("alarm_certificate_days",),
              what="a device presents a certificate that ends soon"),
    Condition(kind="disk", find=diskspace.short, thresholds=("alarm_disk_bytes",), lapses=True,
              what="the disk of a SQLite database is nearly full; that of PostgreSQL, once it is full"),
    Condition(kind="worker", thresholds=("alarm_worker_s",),
              what="no worker has run for so long, though devices are served"),
    Condition(kind="database", thresholds=("alarm_database_s",),
              what="the database did not answer the worker for so long"),
    Condition(kind="undelivered", thresholds=("alarm_undelivered_s",),
              what="the receiver of a device's notifications does not take them"),
    Condition(kind="webhook", thresholds=("alarm_undelivered_s", "webhook_retry_hours"),
              what="a webhook does not take what it is told"),
    Condition(kind="notices", thresholds=("alarm_undelivered_s",),
              what="mails of alarms, or posts to the webhook, are not taken"),
)


def of_kind(kind: str) -> Condition:
    """Return the condition of a kind of alarm."""
    return next(condition for condition in CONDITIONS if condition.kind == kind)


_next_at: dict[str, Instant] = {}  # by kind


def rows() -> list[ConditionRow]:
    """Return the table of conditions."""
    return [{"kind": condition.kind,
             "severity": KINDS[condition.kind].severity.value,
             "condition": condition.what,
             "thresholds": {name: f"{SETTINGS[name].in_words(getattr(settings, name))}"
                            for name in condition.thresholds},
             "standing": len(alarms.standing(condition.kind))} for condition in CONDITIONS]


def check_due() -> int:
    """Check the conditions that are due; return how many."""
    now, rate = clock.now(), clock.rate()
    least_s = LEAST_S * rate if math.isfinite(rate) else LEAST_S
    due = [condition for condition in CONDITIONS if condition.find is not None
           and not 0 < _next_at.get(condition.kind, 0) - now <= condition.every_s + least_s]
    for condition in due:
        _next_at[condition.kind] = now + int(max(condition.every_s, least_s))
        _try(condition)
    return len(due)


def _try(condition: Condition) -> None:
    """Check a condition; one that fails unexpectedly stops none of the others."""
    try:
        check(condition)
    except DATABASE_ERRORS:
        raise
    except Exception:
        action = f"Looking for {condition.kind}"
        alarms.raise_alarm("work", f"condition {condition.kind}", logs.unexpected(log, action))


def check(condition: Condition) -> None:
    """Raise what is found of a condition, and clear what is over."""
    assert condition.find is not None
    standing, raised = alarms.standing(condition.kind), set()
    for finding in list(condition.find()):
        if finding.detail:
            alarms.raise_alarm(condition.kind, finding.source, finding.detail)
            raised.add(finding.source)
        elif finding.source in standing:
            alarms.clear(condition.kind, finding.source)
    if not condition.lapses:
        for source in standing - raised:
            alarms.clear(condition.kind, source)


def forget() -> None:
    """Have every condition looked at with the next check."""
    _next_at.clear()
