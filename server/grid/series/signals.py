"""Signals: what the grid requires of an area, step by step; put, push, withdraw, show.

For kinds and signs see `signalkinds`, for what prevails when signals overlap `issuedseries`.
"""
from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from server import clock, scopes
from server.audit import audited
from server.errors import Refused
from server.grid.groups import virtualders
from server.grid.optimisation.arrays import np
from server.grid.series import intervals, issuedseries, signalkinds, stalesignals
from server.grid.series.intervals import DAY, STEP, iso
from server.grid.series.issuedseries import FOREVER
from server.grid.series.results import PutSignal, SignalIssue, SignalStatus, SignalWithdrawal, WithdrawnSignal
from server.grid.series.signalkinds import KINDS, MEASURED
from server.models import Series, VirtualDER, changes, db, vder_audience
from server.units import Seconds, Watts

MINUTE = min(intervals.FINER)


def _audited_fields(result: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in result.items() if key not in ("dry_run", "warnings")}


@audited("signal put", "{vder} {kind}", answer=_audited_fields)
def put(
    vder: str | int | VirtualDER,
    kind: str,
    values: Iterable[float | None],
    start: int,
    step: int,
    *,
    source: str = "",
    tolerance_w: Watts = 0.0,
    priority: int = 0,
    issue_interval_s: Seconds | None = None,
    dry_run: bool = False,
    origin: str = "",
) -> PutSignal:
    """Store a signal: a value for each `step` seconds from `start` on, None for a gap.

    An imbalance within `tolerance_w` need not be balanced. The next issue is expected within
    `issue_interval_s` seconds (None: at no particular time). `origin` (by default the kind) begins the
    messages. Refused (400) as a whole where a value is not fit to act on; gaps are stored, and `warnings`
    name them.
    """
    return _put(vder, kind, values, start, step, source, tolerance_w, priority, issue_interval_s, dry_run,
                origin)


def push(
    vder: str | int | VirtualDER,
    kind: str,
    value: float,
    start: int | None = None,
    step: int = STEP,
    *,
    source: str = "",
    issue_interval_s: Seconds | None = None,
) -> PutSignal:
    """Store one value, of the present step where `start` is None.

    A measurement is not a decision of an operator, so it is not in the audit log.
    """
    start = clock.now() // step * step if start is None and step > 0 else start or 0
    if kind != MEASURED:
        return put(vder, kind, [value], start, step, source=source, issue_interval_s=issue_interval_s)
    return _put(vder, kind, [value], start, step, source, 0.0, 0, issue_interval_s, False, "")


def _put(
    vder: str | int | VirtualDER,
    kind: str,
    values: Iterable[float | None],
    start: int,
    step: int,
    source: str,
    tolerance_w: Watts,
    priority: int,
    issue_interval_s: Seconds | None,
    dry_run: bool,
    origin: str,
) -> PutSignal:
    area, origin = virtualders.find(vder), origin or kind
    properties = signalkinds.find(kind)
    now = clock.now()
    checked = intervals.check_values(
        values, start, step, now, origin, properties.minimum, properties.maximum)
    if not 0 <= tolerance_w < math.inf:
        raise Refused(400, f"{origin}: a tolerance of {tolerance_w:g} W: specify 0 or more")
    if issue_interval_s is not None and issue_interval_s <= 0:
        raise Refused(400, f"{origin}: every {issue_interval_s} s: specify a positive interval")
    row = Series(
        vder=area,
        quantity=kind,
        issued_at=now,
        start=start,
        step_s=step,
        until=start + len(checked) * step,
        values=checked,
        source=source,
        tolerance=tolerance_w,
        priority=priority,
        issue_interval_s=issue_interval_s,
    )
    if not dry_run:
        _save(row)
    warnings = [f"{kind} of {area.name} has no values {gap}"
                for gap in intervals.gaps(intervals.array(checked), start, step)]
    if row.until <= now and kind != MEASURED:
        warnings.append(f"{kind} of {area.name} ended at {iso(row.until)}")
    return {**describe(row), "dry_run": dry_run, "warnings": warnings}


@audited("signal withdraw", "{vder} {kind}", answer=_audited_fields)
def withdraw(
    vder: str | int | VirtualDER,
    kind: str,
    start: int | None = None,
    *,
    source: str = "",
    dry_run: bool = False,
) -> WithdrawnSignal:
    """Withdraw a kind of signal from `start` (default: now) on, until it is put again.

    The instant is rounded up to a whole minute. Refused (400) where it lies in the past, (409) where there is
    nothing to withdraw.
    """
    area, now = virtualders.find(vder), clock.now()
    signalkinds.find(kind)
    if start is not None and start < now - now % MINUTE:
        raise Refused(
            400,
            f"{kind} of {area.name} cannot be withdrawn from {iso(start)} on, which is past",
        )
    begin = -(-max(now, start or now) // MINUTE) * MINUTE
    newest = issuedseries.newest(area, kind, now)
    if newest is None or newest.until == FOREVER and newest.start <= begin:
        raise Refused(409, f"there is no {kind} of {area.name} to withdraw"
                           + (f": it is withdrawn from {iso(newest.start)} on" if newest else ""))
    row = Series(
        vder=area,
        quantity=kind,
        issued_at=now,
        start=begin,
        step_s=MINUTE,
        until=FOREVER,
        values=[],
        source=source,
    )
    if not dry_run:
        _save(row)
    return {**_withdrawal(row), "dry_run": dry_run}


def _save(row: Series) -> None:
    with db.atomic():
        row.save(force_insert=True)
        if row.quantity != MEASURED:  # which is a reading
            changes.note(changes.SIGNAL, "withdrawn" if row.until == FOREVER else "put", row.quantity,
                         vder_audience(row.vder_id), vder=row.vder.name, source=row.source)


def describe(row: Series) -> SignalIssue:
    """Return a signal in brief, with the least, mean and greatest of its values."""
    values = intervals.array(row.values)
    return {
        "vder": row.vder.name,
        "kind": row.quantity,
        "start": row.start,
        "end": row.until,
        "step_s": row.step_s,
        "values": len(row.values),
        "gaps": row.values.count(None),
        "least": float(np.nanmin(values)),
        "mean": float(np.nanmean(values)),
        "most": float(np.nanmax(values)),
        "tolerance_w": row.tolerance,
        "priority": row.priority,
        "source": row.source,
        "issue_interval_s": row.issue_interval_s,
        "issued_at": row.issued_at,
    }


def _withdrawal(row: Series) -> SignalWithdrawal:
    return {
        "vder": row.vder.name,
        "kind": row.quantity,
        "withdrawn_from": row.start,
        "source": row.source,
        "issued_at": row.issued_at,
    }


def show(vder: str | int | VirtualDER | None = None, kind: str | None = None) -> list[SignalStatus]:
    """Return the newest issue of each signal of a virtual DER (None: of all), with its present value and what
    is wrong with it."""
    if kind is not None:
        signalkinds.find(kind)
    if vder is not None:
        areas = [virtualders.find(vder)]
    else:
        with_series = VirtualDER.id.in_(Series.select(Series.vder).distinct())
        areas = list(scopes.vders(VirtualDER.select().where(with_series)).order_by(VirtualDER.name))
    kinds, now = [kind] if kind is not None else KINDS, clock.now()
    return [_status(newest, now) for area in areas for name in kinds
            if (newest := issuedseries.newest(area, name, now)) is not None]


def _status(newest: Series, now: int) -> SignalStatus:
    step_start = now - now % STEP
    value = float(issuedseries.known(newest.vder, newest.quantity, step_start, 1)[0])
    current = None if math.isnan(value) else value
    faults = stalesignals.faults(newest.vder, newest.quantity, now, step_start, step_start + DAY)
    problem = "; ".join(faults)
    if newest.until == FOREVER:
        return {**_withdrawal(newest), "current": current, "problem": problem}
    return {**describe(newest), "current": current, "problem": problem}
