"""Faults of signals: issues that do not arrive, values that end too early, gaps."""
from __future__ import annotations

from server import clock
from server.grid.groups import virtualders
from server.grid.series import intervals, issuedseries
from server.grid.series.intervals import DAY, STEP, WEEK, iso
from server.grid.series.issuedseries import FOREVER
from server.grid.series.signalkinds import KINDS, MEASURED
from server.models import Balance, Series, VirtualDER

LATE = 1.5  # of the interval after which the next issue was promised
_STOPPED_STEPS = 2  # after so many without a measurement it has stopped


def stale_signals(
    vder: str | int | VirtualDER,
    at: int | None = None,
    horizon_s: int | None = None,
    start: int | None = None,
    since_first: bool = False,
) -> list[str]:
    """Return what is wrong with the signals of a virtual DER, a sentence each.

    That is: an issue that was promised and did not arrive, a measurement that stopped, values that end before
    the horizon (by default that of its plans, or a day; from `start` on, or from `at`), gaps within it
    (with `since_first`, from the first value on: what has not begun has not stopped). A kind of which the
    last value is older than a week is taken as given up.
    """
    row, at = virtualders.find(vder), clock.now() if at is None else at
    if horizon_s is None:
        balance = Balance.get_or_none(Balance.vder == row)
        horizon_s = balance.step_s * balance.horizon_steps if balance is not None else DAY
    begin = at - at % STEP if start is None else start
    return [sentence for kind in KINDS
            for sentence in faults(row, kind, at, begin, begin + horizon_s, since_first)]


def faults(
    vder: VirtualDER, kind: str, at: int, start: int, end: int, since_first: bool = False
) -> list[str]:
    """Return what is wrong with one kind of signal at `at`, for plans over [start, end)."""
    newest, valid = issuedseries.newest(vder, kind, at), issuedseries.in_force(vder, kind, at)
    latest = valid.order_by(Series.issued_at.desc(), Series.id.desc()).first()
    last = valid.order_by(Series.until.desc()).first()
    if newest is None or latest is None or max(last.until, latest.issued_at) < at - WEEK:
        return []
    if newest.until == FOREVER:
        end = min(end, newest.start)
    sentences = _late(f"{kind} of {vder.name}", latest, at)
    if kind == MEASURED:
        return sentences + _stopped(f"{kind} of {vder.name}", last, at)
    if since_first:
        start = max(start, valid.order_by(Series.start).first().start)
    return sentences + _ending(vder, kind, last.until, at, start, end)


def _late(name: str, latest: Series, at: int) -> list[str]:
    """Return the fault that the next issue was promised and did not arrive."""
    promised_s = latest.issue_interval_s
    if promised_s is None or at <= latest.issued_at + LATE * promised_s:
        return []
    return [
        f"{name} has stopped arriving: the last came at {iso(latest.issued_at)}, "
        f"{_duration(at - latest.issued_at)} ago, and was promised every {_duration(promised_s)}"
    ]


def _stopped(name: str, last: Series, at: int) -> list[str]:
    """Return the fault that a measurement is old."""
    if at <= last.until + _STOPPED_STEPS * last.step_s:
        return []
    return [f"{name} is {_duration(at - last.until)} old: the last value ends at {iso(last.until)}"]


def _ending(vder: VirtualDER, kind: str, until: int, at: int, start: int, end: int) -> list[str]:
    """Return the faults that a signal whose last value ends at `until` does not cover [start, end)."""
    name, properties = f"{kind} of {vder.name}", KINDS[kind]
    if properties.governing and until <= start:
        return [f"{name} ended at {iso(until)}"]
    sentences = []
    if properties.governing and until < end:
        sentences.append(f"{name} ends at {iso(until)}, {_duration(end - until)} before the horizon")
    steps = (min(end, until) - start) // STEP
    if properties.complete and steps > 0:
        values = issuedseries.known(vder, kind, start, steps, at=at)
        sentences += [f"{name} has no values {gap}" for gap in intervals.gaps(values, start, STEP)]
    return sentences


def _duration(seconds: int) -> str:
    parts = ((seconds // DAY, "d"), (seconds % DAY // 3600, "h"), (seconds % 3600 // 60, "min"))
    return " ".join(f"{count} {unit}" for count, unit in parts if count) or f"{seconds} s"
