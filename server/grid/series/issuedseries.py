"""What was known of a signal or forecast at an instant, from the series that were issued.

A newer issue prevails over older ones, step by step; a higher priority prevails over a lower one whenever it
was issued. What is withdrawn is known until then and no longer, whatever its priority, until it is issued
again. Rows never change, so a replay (`at`) sees what was known then.
"""
from __future__ import annotations

import math

from peewee import ModelSelect

from server import clock
from server.grid.groups import virtualders
from server.grid.optimisation.arrays import Floats, np
from server.grid.series import intervals, signalkinds
from server.grid.series.intervals import STEP, SeriesPart
from server.models import Series, VirtualDER

# The end of the year 9999. A row without values that lasts until then is a withdrawal.
FOREVER = 253_402_300_799


def newest(vder: VirtualDER, quantity: str, at: int) -> Series | None:
    """Return the newest issue at an instant, which may be a withdrawal; None where there is none."""
    row: Series | None = (
        Series.select()
        .where((Series.vder == vder) & (Series.quantity == quantity) & (Series.issued_at <= at))
        .order_by(Series.issued_at.desc(), Series.id.desc())
        .first()
    )
    return row


def in_force(vder: VirtualDER, quantity: str, at: int) -> ModelSelect[Series]:
    """Return, as a query, the issues until an instant, without those before a withdrawal that has begun."""
    issued = Series.select().where(
        (Series.vder == vder) & (Series.quantity == quantity) & (Series.issued_at <= at)
    )
    withdrawal = (
        issued.where((Series.until == FOREVER) & (Series.start <= at)).order_by(Series.id.desc()).first()
    )
    return issued.where((Series.until < FOREVER) & (Series.id > (withdrawal.id if withdrawal else 0)))


def issues(vder: VirtualDER, quantity: str, start: int, end: int, at: int | None = None) -> list[Series]:
    """Return the issues until `at` (default: now) that have values in [start, end), the strongest last.

    Each ends where it was withdrawn.
    """
    at = clock.now() if at is None else at
    rows = list(
        Series.select()
        .where(
            (Series.vder == vder)
            & (Series.quantity == quantity)
            & (Series.until > start)
            & (Series.start < end)
            & (Series.issued_at <= at)
        )
        .order_by(Series.priority, Series.issued_at, Series.id)
    )
    withdrawals = [row for row in rows if row.until == FOREVER]
    for row in rows:
        later = (withdrawal.start for withdrawal in withdrawals if withdrawal.id > row.id)
        _cut(row, min(later, default=row.until))
    return [row for row in rows if row.values]


def _cut(row: Series, end: int) -> None:
    """Shorten a row in memory to end at this instant, if it is longer; its step may become finer."""
    if end < row.until:
        unit = math.gcd(row.step_s, end - row.start)
        fine = [value for value in row.values for _ in range(row.step_s // unit)]
        row.values, row.step_s, row.until = fine[:max(end - row.start, 0) // unit], unit, end


def part_of(row: Series) -> SeriesPart:
    """Return the values of a row."""
    return SeriesPart(row.start, row.step_s, intervals.array(row.values))


def known(
    vder: str | int | VirtualDER, kind: str, start: int, steps: int, step: int = STEP, at: int | None = None
) -> Floats:
    """Return the values [steps] of a signal that were known at `at` (default: now); NaN where none was."""
    signalkinds.find(kind)
    rows = issues(virtualders.find(vder), kind, start, start + steps * step, at)
    return intervals.mean(intervals.overlay([part_of(row) for row in rows], start, steps, step)[0])


def tolerance(
    vder: str | int | VirtualDER, kind: str, start: int, steps: int, step: int = STEP, at: int | None = None
) -> Floats:
    """Return the tolerance [steps] of what `known` returns, in W: the least where it changes within a step, 0
    in gaps."""
    rows = issues(virtualders.find(vder), kind, start, start + steps * step, at)
    origins = intervals.overlay([part_of(row) for row in rows], start, steps, step)[1]
    tolerances: Floats = np.array([row.tolerance for row in rows] + [0.0])[origins].min(axis=1)
    return tolerances
