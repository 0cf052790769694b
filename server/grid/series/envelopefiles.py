"""Schedules of limits in CSV files. Pure.

The columns are `start`, at least one of `import_limit`, `export_limit`, `generation_limit` and `load_limit`,
and `connection_point` where the file is of several: the name of a device or virtual DER, or an LFDI. Times
are as in every series (see `csvfiles`); of each connection point they ascend in steps of 5 to 30 minutes, and
no row is missing: an empty cell says that nothing is limited, so that what was left out by mistake is not
taken for that.

Refused (400), with the file, the line and the reason, where anything does not fit.
"""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import tzinfo
from itertools import pairwise
from typing import NamedTuple

from server.errors import Refused
from server.grid.series import dateorders, localtimes
from server.grid.series.envelopesegments import KINDS, Limits, LimitSpan, merged
from server.grid.series.intervals import iso
from server.grid.series.localtimes import LocalTime
from server.resources import csvlines
from server.resources.csvlines import refuse
from server.units import Seconds

POINT = "connection_point"
LEAST_STEP_S, MOST_STEP_S = 300, 1800
_SHOWN = 3  # gaps in one message


class _PointRow(NamedTuple):
    """A row with its time."""
    time: LocalTime
    limits: Limits


class PointSchedule(NamedTuple):
    """The schedule of one connection point: its name ("" where the file does not say), the position of its
    first row, the segments and the length of a step."""
    name: str
    position: str
    segments: list[LimitSpan]
    step_s: Seconds


def read(
    text: str, source: str, zone: tzinfo, factor: float = 1.0, step_s: Seconds | None = None,
    dates: str | None = None
) -> list[PointSchedule]:
    """Return the schedules of a CSV file; `source` is its name, for messages.

    Values times `factor` are W. `step_s` is for a single row, `dates` the order of dates with slashes.
    """
    table = csvlines.table(text, source, ("start",), (POINT, *KINDS))
    if not table.rows:
        refuse(source, "it has no rows")
    if not table.rows[0][1].keys() & set(KINDS):
        refuse(source, f"it limits nothing: a column of {', '.join(KINDS)} is needed")
    order = dateorders.of_file((cells["start"] for _, cells in table.rows), source, dates)
    rows: dict[str, list[_PointRow]] = defaultdict(list)
    instants: dict[str, LocalTime] = {}  # the same times stand in the rows of every connection point
    for position, cells in table.rows:
        limits = _limits(cells, position, table.decimal_comma, factor)
        written = cells["start"]
        try:
            if written not in instants:
                instants[written] = localtimes.parse(written, zone, position, order)
        except localtimes.SkippedTime:
            if any(limit is not None for limit in limits):
                raise  # a row without values for the hour that the clock skips says nothing
            continue
        rows[cells.get(POINT, "")].append(_PointRow(instants[written]._replace(position=position), limits))
    if POINT in table.rows[0][1] and "" in rows:
        refuse(rows[""][0].time.position, f"it names no {POINT}")
    return [_schedule(name, of_point, zone, step_s) for name, of_point in rows.items()]


def _limits(cells: Mapping[str, str], position: str, decimal_comma: bool, factor: float) -> Limits:
    found: list[float | None] = []
    for kind in KINDS:
        value = csvlines.number(cells.get(kind, ""), position, decimal_comma)
        if value is not None and value < 0:
            refuse(position, f"{kind} {value:g}: a limit is a magnitude, 0 or more")
        found.append(None if value is None else value * factor)
    return found[0], found[1], found[2], found[3]


def _schedule(name: str, rows: Sequence[_PointRow], zone: tzinfo, step_s: Seconds | None) -> PointSchedule:
    position = rows[0].time.position
    instants = _ascending(name, rows, zone)
    step = min((after - before for before, after in pairwise(instants)), default=step_s)
    if step is None:
        refuse(position, "a single row does not tell how long it holds: specify a step")
    if not LEAST_STEP_S <= step <= MOST_STEP_S or 3600 % step:
        refuse(position, f"a step of {step} s: 5, 6, 10, 12, 15, 20 and 30 minutes are possible")
    if instants[0] % LEAST_STEP_S:
        refuse(position, f"{iso(instants[0])} is not at a whole five minutes")
    _check_complete(name, rows, instants, step)
    segments = merged(LimitSpan(instant, instant + step, row.limits)
                      for instant, row in zip(instants, rows, strict=True))
    return PointSchedule(name, position, segments, step)


def _ascending(name: str, rows: Sequence[_PointRow], zone: tzinfo) -> list[int]:
    certain = [row.time for row in rows if not row.time.ambiguous]
    for before, time in pairwise(certain):
        if time.instants[0] <= before.instants[0]:
            of_point = f" of {name}" if name else ""
            refuse(time.position, f"{iso(time.instants[0])} does not come after {iso(before.instants[0])}, "
                                  f"which is in the row before{of_point}: steps may not overlap")
    return localtimes.resolve([row.time for row in rows], zone)


def _check_complete(name: str, rows: Sequence[_PointRow], instants: Sequence[int], step: Seconds) -> None:
    missing = [(before, after, row) for (before, after), row in zip(pairwise(instants), rows[1:], strict=True)
               if after - before != step]
    for before, after, row in missing:
        if (after - before) % step:
            refuse(row.time.position, f"{iso(after)} is not a multiple of {step} s after {iso(before)}")
    if missing:
        gaps = ", ".join(f"{iso(before + step)} to {iso(after)}" for before, after, _ in missing[:_SHOWN])
        more = f" and {len(missing) - _SHOWN} more times" if len(missing) > _SHOWN else ""
        of_point = f" of {name}" if name else ""
        raise Refused(400, f"{missing[0][2].time.position}: rows{of_point} are missing before it, from {gaps}"
                           f"{more}; write rows with empty cells where nothing is to be limited")
