"""Signals: what the grid asks of an area, step by step, as it was said and when.

Powers are in W. `imbalance` is by how much the area will draw too much if nobody moves anything, `schedule`
what it is to draw from outside, `measured` what it drew (with a schedule) or was out of balance by, our doing
included: all with consumption positive, as a net operator reads his meter. `import_limit` and `export_limit`
are magnitudes, `price` is per kWh.

What is said anew lies over what was said before, step by step; a higher priority lies over a lower one
whenever it was said. What is withdrawn is known until then and no longer, whatever its priority, until it is
said anew. Nothing is forgotten, so that a replay (`at`) sees what was known then.
"""
from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

from peewee import ModelSelect

from server import clock
from server.audit import audited
from server.errors import Refused
from server.grid.groups import virtualders
from server.grid.optimisation.arrays import Floats, np
from server.grid.series import intervals
from server.grid.series.intervals import DAY, STEP, WEEK, SeriesPart, iso
from server.models import Balance, Series, VirtualDER


class Kind(NamedTuple):
    """A kind of signal: its unit, the least value, whether an area is balanced by it, so that it has to reach
    as far as plans do, and whether it is whole, so that a gap in it is a fault."""
    unit: str
    least: float = -math.inf
    leads: bool = False
    whole: bool = True


KINDS = {"imbalance": Kind("W", leads=True), "schedule": Kind("W", leads=True), "measured": Kind("W"),
         "price": Kind("per kWh"), "import_limit": Kind("W", 0.0, whole=False),
         "export_limit": Kind("W", 0.0, whole=False)}
MEASURED = "measured"
LATE = 1.5  # of the time in which the next issue was promised
# the end of the year 9999: until when a row without values, a withdrawal, says nothing
FOREVER = 253_402_300_799
MINUTE = min(intervals.FINER)


def _entry(result: dict[str, Any]) -> dict[str, Any]:
    """What the audit trail keeps of a signal."""
    return {key: value for key, value in result.items() if key not in ("dry_run", "warnings")}


@audited("signal put", "{vder} {kind}", answer=_entry)
def put(
    vder: str | int | VirtualDER,
    kind: str,
    values: Iterable[float | None],
    start: int,
    step: int,
    *,
    source: str = "",
    tolerance: float = 0.0,
    priority: int = 0,
    every: int | None = None,
    dry_run: bool = False,
    place: str = "",
) -> dict[str, Any]:
    """Keep a signal: a value for each `step` seconds from `start` on, None where there is none.

    `tolerance` is the W of imbalance that are none of our business, `every` in how many seconds the next
    issue is to be expected (None: when it comes). Refused (400) as a whole where anything in it is not fit to
    act on; gaps are kept, and `warnings` of what is returned tells of them. `place` is where it comes from,
    for that sentence.
    """
    return _put(vder, kind, values, start, step, source, tolerance, priority, every, dry_run, place)


def push(vder: str | int | VirtualDER, kind: str, value: float, start: int | None = None, step: int = STEP, *,
         source: str = "", every: int | None = None) -> dict[str, Any]:
    """Keep one value, of the step that is now if `start` is not given. A measurement is nobody's decision,
    and so it is in no audit trail."""
    start = clock.now() // step * step if start is None and step > 0 else start or 0
    if kind != MEASURED:
        return put(vder, kind, [value], start, step, source=source, every=every)
    return _put(vder, kind, [value], start, step, source, 0.0, 0, every, False, "")


def _put(
    vder: str | int | VirtualDER,
    kind: str,
    values: Iterable[float | None],
    start: int,
    step: int,
    source: str,
    tolerance: float,
    priority: int,
    every: int | None,
    dry_run: bool,
    place: str,
) -> dict[str, Any]:
    found, place = virtualders.find(vder), place or kind
    known = _kind(kind)
    now = clock.now()
    sound = intervals.check_values(values, start, step, now, place, known.least)
    if not 0 <= tolerance < math.inf:
        raise Refused(400, f"{place}: a tolerance of {tolerance:g} W is no magnitude")
    if every is not None and every <= 0:
        raise Refused(400, f"{place}: every {every} s is no time to wait for the next issue")
    row = Series(
        vder=found,
        quantity=kind,
        issued_at=now,
        start=start,
        step_s=step,
        until=start + len(sound) * step,
        values=sound,
        source=source,
        tolerance=tolerance,
        priority=priority,
        issue_interval_s=every,
    )
    if not dry_run:
        row.save(force_insert=True)
    warnings = [f"{kind} of {found.name} says nothing {gap}"
                for gap in intervals.gaps(intervals.array(sound), start, step)]
    if row.until <= now and kind != MEASURED:
        warnings.append(f"{kind} of {found.name} is over since {iso(row.until)}")
    return {**describe(row), "dry_run": dry_run, "warnings": warnings}


@audited("signal withdraw", "{vder} {kind}", answer=_entry)
def withdraw(
    vder: str | int | VirtualDER,
    kind: str,
    start: int | None = None,
    *,
    source: str = "",
    dry_run: bool = False,
) -> dict[str, Any]:
    """Have nothing known of a kind of signal from `start` (default: now; the next whole minute) on, until it
    is put anew. Refused (400) where that lies in the past, (409) where there is nothing to withdraw."""
    found, now = virtualders.find(vder), clock.now()
    _kind(kind)
    if start is not None and start < now - now % MINUTE:
        raise Refused(
            400,
            f"{kind} of {found.name} cannot be withdrawn from {iso(start)} on: what was said of the past "
            "stays",
        )
    begin = -(-max(now, start or now) // MINUTE) * MINUTE
    newest = _newest(found, kind, now)
    if newest is None or newest.until == FOREVER and newest.start <= begin:
        raise Refused(409, f"there is no {kind} of {found.name} to withdraw"
                           + (f": it is withdrawn from {iso(newest.start)} on" if newest else ""))
    row = Series(
        vder=found,
        quantity=kind,
        issued_at=now,
        start=begin,
        step_s=MINUTE,
        until=FOREVER,
        values=[],
        source=source,
    )
    if not dry_run:
        row.save(force_insert=True)
    return {**describe(row), "dry_run": dry_run}


def _newest(vder: VirtualDER, kind: str, at: int) -> Series | None:
    return (
        Series.select()
        .where((Series.vder == vder) & (Series.quantity == kind) & (Series.issued_at <= at))
        .order_by(Series.issued_at.desc(), Series.id.desc())
        .first()
    )


def _kind(kind: str) -> Kind:
    if kind not in KINDS:
        raise Refused(400, f"there is no kind of signal {kind!r}; there are {', '.join(KINDS)}")
    return KINDS[kind]


def describe(row: Series) -> dict[str, Any]:
    """A signal or forecast in brief, with the least, mean and greatest of its values; or that it is
    withdrawn."""
    if row.until == FOREVER:
        return {
            "vder": row.vder.name,
            "kind": row.quantity,
            "withdrawn_from": row.start,
            "source": row.source,
            "issued_at": row.issued_at,
        }
    values = intervals.array(row.values)
    return {
        "vder": row.vder.name,
        "kind": row.quantity,
        "start": row.start,
        "end": row.until,
        "step": row.step_s,
        "values": len(row.values),
        "gaps": row.values.count(None),
        "least": float(np.nanmin(values)),
        "mean": float(np.nanmean(values)),
        "most": float(np.nanmax(values)),
        "tolerance": row.tolerance,
        "priority": row.priority,
        "source": row.source,
        "every": row.issue_interval_s,
        "issued_at": row.issued_at,
    }


def issues(vder: VirtualDER, what: str, start: int, end: int, at: int | None = None) -> list[Series]:
    """What had been said until `at` (default: now) of [start, end), the strongest last, each as far as it was
    not withdrawn."""
    at = clock.now() if at is None else at
    rows = list(
        Series.select()
        .where(
            (Series.vder == vder)
            & (Series.quantity == what)
            & (Series.until > start)
            & (Series.start < end)
            & (Series.issued_at <= at)
        )
        .order_by(Series.priority, Series.issued_at, Series.id)
    )
    withdrawals = [row for row in rows if row.until == FOREVER]
    for row in rows:
        _cut(row, min((each.start for each in withdrawals if each.id > row.id), default=row.until))
    return [row for row in rows if row.values]


def _cut(row: Series, end: int) -> None:
    """Let a row end at this instant, if it goes on for longer."""
    if end < row.until:
        unit = math.gcd(row.step_s, end - row.start)
        fine = [value for value in row.values for _ in range(row.step_s // unit)]
        row.values, row.step_s, row.until = fine[:max(end - row.start, 0) // unit], unit, end


def series_of(row: Series) -> SeriesPart:
    """The values of a row."""
    return SeriesPart(row.start, row.step_s, intervals.array(row.values))


def known(
    vder: str | int | VirtualDER, kind: str, start: int, steps: int, step: int = STEP, at: int | None = None
) -> Floats:
    """[steps]: what was known at `at` (default: now) of so many steps from `start` on; NaN where nothing
    was."""
    _kind(kind)
    rows = issues(virtualders.find(vder), kind, start, start + steps * step, at)
    return intervals.mean(intervals.overlay([series_of(row) for row in rows], start, steps, step)[0])


def tolerance(
    vder: str | int | VirtualDER, kind: str, start: int, steps: int, step: int = STEP, at: int | None = None
) -> Floats:
    """[steps]: the tolerance of what `known` returns, in W, the least where it changes within a step; 0 in
    gaps."""
    rows = issues(virtualders.find(vder), kind, start, start + steps * step, at)
    whose = intervals.overlay([series_of(row) for row in rows], start, steps, step)[1]
    return np.array([row.tolerance for row in rows] + [0.0])[whose].min(axis=1)


def stale_signals(
    vder: str | int | VirtualDER, at: int | None = None, horizon: int | None = None, start: int | None = None
) -> list[str]:
    """What is wrong with the signals of a virtual DER, a sentence each: an issue that was promised and did
    not come, a measurement that stopped, values that end before the horizon (s; as its plans have it, or a
    day; from `start` on, or from `at`), gaps within it. A kind of which the last value is a week old is taken
    to be given up."""
    found, at = virtualders.find(vder), clock.now() if at is None else at
    if horizon is None:
        balance = Balance.get_or_none(Balance.vder == found)
        horizon = balance.step_s * balance.horizon_steps if balance is not None else DAY
    begin = at - at % STEP if start is None else start
    return [sentence for kind in KINDS for sentence in _stale(found, kind, at, begin, begin + horizon)]


def _stale(vder: VirtualDER, kind: str, at: int, start: int, end: int) -> list[str]:
    name, known_kind = f"{kind} of {vder.name}", KINDS[kind]
    latest, standing = _newest(vder, kind, at), _in_force(vder, kind, at)
    newest = standing.order_by(Series.issued_at.desc(), Series.id.desc()).first()
    last = standing.order_by(Series.until.desc()).first()
    if latest is None or newest is None or max(last.until, newest.issued_at) < at - WEEK:
        return []
    if latest.until == FOREVER:
        end = min(end, latest.start)
    found = []
    if newest.issue_interval_s is not None and at > newest.issued_at + LATE * newest.issue_interval_s:
        found.append(
            f"{name} has stopped arriving: the last came at {iso(newest.issued_at)}, "
            f"{_ago(at - newest.issued_at)} "
            f"ago, and was promised every {_ago(newest.issue_interval_s)}"
        )
    if kind == MEASURED:
        if at > last.until + 2 * last.step_s:
            found.append(
                f"{name} is {_ago(at - last.until)} old: the last is of the time until {iso(last.until)}"
            )
        return found
    if known_kind.leads and last.until <= start:
        return [*found, f"{name} is over since {iso(last.until)}"]
    if known_kind.leads and last.until < end:
        found.append(f"{name} ends at {iso(last.until)}, {_ago(end - last.until)} before the horizon")
    steps = (min(end, last.until) - start) // STEP
    if known_kind.whole and steps > 0:
        found += [f"{name} says nothing {gap}" for gap in intervals.gaps(
            known(vder, kind, start, steps, at=at), start, STEP)]
    return found


def _in_force(vder: VirtualDER, kind: str, at: int) -> ModelSelect[Series]:
    """What was said until `at`, but for what lies before a withdrawal that has begun."""
    said_until = Series.select().where(
        (Series.vder == vder) & (Series.quantity == kind) & (Series.issued_at <= at)
    )
    withdrawn = (
        said_until.where((Series.until == FOREVER) & (Series.start <= at)).order_by(Series.id.desc()).first()
    )
    return said_until.where((Series.until < FOREVER) & (Series.id > (withdrawn.id if withdrawn else 0)))


def _ago(seconds: int) -> str:
    parts = ((seconds // DAY, "d"), (seconds % DAY // 3600, "h"), (seconds % 3600 // 60, "min"))
    return " ".join(f"{count} {unit}" for count, unit in parts if count) or f"{seconds} s"


def show(vder: str | int | VirtualDER | None = None, kind: str | None = None) -> list[dict[str, Any]]:
    """The newest issue of each signal of a virtual DER (or of all), what it says of now, and what is wrong
    with it."""
    if kind is not None:
        _kind(kind)
    chosen = [virtualders.find(vder)] if vder is not None else list(VirtualDER.select().where(
        VirtualDER.id.in_(Series.select(Series.vder).distinct())).order_by(VirtualDER.name))
    now, rows = clock.now(), []
    for each in chosen:
        for name in [kind] if kind is not None else KINDS:
            newest = _newest(each, name, now)
            if newest is not None:
                value = float(known(each, name, now - now % STEP, 1)[0])
                rows.append(
                    {
                        **describe(newest),
                        "now": None if math.isnan(value) else value,
                        "trouble": "; ".join(
                            _stale(each, name, now, now - now % STEP, now - now % STEP + DAY)
                        ),
                    }
                )
    return rows
