"""Readings: rows rather than documents, since there are many and they are read by time.

They are in sets below a MeterReading (`meter` is its href). Single values that a device posts are collected
in one set for each UTC day.
"""
from __future__ import annotations

import json
from typing import Any, NamedTuple

from server import alarms
from server.config import settings
from server.errors import Refused
from server.models import JSON
from server.resources import hexbinary, hooks, numbering, sql
from server.resources.hooks import PostedReading
from server.units import Instant, Seconds

Data = dict[str, Any]
DAY = 86400
CLOCK_TOLERANCE_S = 300  # how far the clock of a device may be ahead of ours
ALL = (1 << 63) - 1  # as a LIMIT
UNTIMELY = 1 << 40  # the bit of Reading.sort of those whose time cannot be: they are in no series
# A value of one tier or block is contained in that of all. A condition on a reading r that counts as power.
# Of the row s of a set: that r is a reading of it. By its start PostgreSQL knows the partition.
OF_SET = "r.set_id = s.id AND r.set_start = s.start"
COUNTED = f"(r.sort & {UNTIMELY | 0xFFFF}) = 0"
_INT48 = range(-(1 << 47), 1 << 47)
_Set = tuple[int, Instant]  # the id and the start of a set
_IN_SET = "set_id = ? AND set_start = ?"
_COLUMNS = ("start", "duration_s", "value", "submitted", "sort")


def count(quantities: list[Data]) -> int:
    """Return how many values MirrorMeterReadings carry. Pure."""
    return sum(("Reading" in quantity) + sum(len(reading_set.get("Reading", []))
                                             for reading_set in quantity.get("MirrorReadingSet", []))
               for quantity in quantities)


def check(reading: Data, path: str) -> None:
    """Refuse (400) a value beyond Int48. `path` is for messages."""
    value = reading.get("value")
    if value is not None and value not in _INT48:
        raise Refused(400, f"{path}/value: {value} does not fit into 48 bits")


def is_untimely(start: Instant, now: Instant) -> bool:
    """Return whether a reading is from a clock that is not set: more than a day ahead, or older than readings
    are kept."""
    return not now - settings.reading_days * DAY <= start <= now + DAY


def _warn(meter: str, start: Instant, now: Instant) -> None:
    """Raise an alarm of a reading that is untimely."""
    row = sql.row("SELECT d.id FROM document m JOIN device d ON d.lfdi = m.audience WHERE m.href = ?", meter)
    if row is not None:
        ahead = f"{start - now} s ahead" if start > now else f"{now - start} s old"
        alarms.raise_alarm("untimely reading", f"device {row[0]}",
                           f"{meter} has a reading of {start}, which is {ahead}. It is kept and not used.")


def record(meter: str, reading: Data, now: Instant) -> bool:
    """Save a single value; return whether it began the set of a new day.

    The same reading once more replaces the first.
    """
    start = reading.get("timePeriod", {}).get("start", now)
    day = start - start % DAY
    row = sql.row("SELECT id FROM reading_set WHERE meter = ? AND start = ? AND mrid = ''", meter, day)
    of_set = row[0] if row else _add_set(meter, "", day, DAY, {}), day
    replaced_until = _write(of_set, reading, start, now)
    _announce(meter, [(reading, start)], replaced_until, now)
    return row is None


def _announce(
    meter: str, readings: list[tuple[Data, Instant]], replaced_until: Instant | None, now: Instant
) -> None:
    """Call the `on_readings` hooks with the values that count, and when those ended that these replace."""
    untimely = [start for _, start in readings if is_untimely(start, now)]
    if untimely:
        _warn(meter, untimely[-1], now)
    hooks.run_on_readings(
        meter,
        [
            PostedReading(reading["value"], start, reading.get("timePeriod", {}).get("duration", 0))
            for reading, start in readings
            if reading.get("value") is not None and not _sort(reading, start, now) & (UNTIMELY | 0xFFFF)
        ],
        replaced_until,
    )


def _sort(reading: Data, start: Instant, now: Instant) -> int:
    """Return the column `sort`: localID, consumptionBlock and touTier, and whether the time cannot be."""
    tier_and_block = int(reading.get("consumptionBlock", 0)) << 8 | int(reading.get("touTier", 0))
    untimely = UNTIMELY if is_untimely(start, now) else 0
    return untimely | hexbinary.bits(reading.get("localID")) << 16 | tier_and_block


def _add_set(meter: str, mrid: str, start: Instant, duration_s: Seconds, submitted: Data) -> int:
    """Add a set and return the id of its row."""
    return int(
        sql.row(
            "INSERT INTO reading_set (meter, number, mrid, start, duration_s, submitted) "
            "VALUES (?, ?, ?, ?, ?, ?) RETURNING id",
            meter,
            numbering.next_number(f"{meter}/rs"),
            mrid,
            start,
            duration_s,
            JSON().db_value(submitted),
        )[0]
    )


def record_set(
    meter: str, reading_set: Data, path: str, now: Instant, interval_s: Seconds = 0
) -> bool:
    """Save a MirrorReadingSet with its readings, in place of the one with the same mRID; return whether it is
    new.

    Readings without a period of their own follow each other from the start of the set, each as long as the
    interval of their type. Where that is not known (0), or they do not fit into the set, they divide its
    period evenly. `path` is for messages.
    """
    period, readings = reading_set["timePeriod"], reading_set.get("Reading", [])
    submitted = {key: value for key, value in reading_set.items()
                 if key not in ("Reading", "mRID", "timePeriod", "href")}
    row = sql.row("SELECT id, start FROM reading_set WHERE meter = ? AND mrid = ?",
                  meter, reading_set["mRID"])
    replaced_until = None
    if row is None:
        set_id = _add_set(meter, reading_set["mRID"], period["start"], period["duration"], submitted)
    else:
        set_id = row[0]
        sql.execute("UPDATE reading_set SET start = ?, duration_s = ?, submitted = ? WHERE id = ?",
                    period["start"], period["duration"], JSON().db_value(submitted), set_id)
        replaced_until, = sql.row(f"SELECT max(start + duration_s) FROM reading WHERE {_IN_SET}", *row)
        sql.execute(f"DELETE FROM reading WHERE {_IN_SET}", *row)
    readings_timed = []
    total_s = interval_s * len(readings)
    if not 0 < total_s <= period["duration"]:
        total_s = period["duration"]
    for index, reading in enumerate(readings):
        check(reading, f"{path}/Reading")
        if "timePeriod" not in reading:
            start, end = (period["start"] + number * total_s // len(readings)
                          for number in (index, index + 1))
            reading = {**reading, "timePeriod": {"start": start, "duration": end - start}}
        readings_timed.append((reading, reading["timePeriod"]["start"]))
    _fill((set_id, period["start"]), readings_timed, now)
    _announce(meter, readings_timed, replaced_until, now)
    return row is None


def _fill(of_set: _Set, readings: list[tuple[Data, Instant]], now: Instant) -> None:
    """Write the readings of a set that has none; of those that are the same the last counts."""
    rows = {(start, others := _others(reading)): (
        start, reading["timePeriod"]["duration"], reading.get("value"), others, _sort(reading, start, now))
        for reading, start in readings}
    sql.insert("reading", ("set_id", "set_start", "number", *_COLUMNS),
               [(*of_set, number, *row) for number, row in enumerate(rows.values(), 1)])


def _others(reading: Data) -> str | None:
    """Return the column `submitted`: the elements that have no column of their own."""
    return JSON().db_value(
        {key: value for key, value in reading.items() if key not in ("value", "timePeriod", "href")})


def _write(of_set: _Set, reading: Data, start: Instant, now: Instant) -> Instant | None:
    """Write a reading, in place of the same one; return when that one ended, None where there was none with
    another value or duration."""
    submitted = _others(reading)
    duration_s, sort = reading.get("timePeriod", {}).get("duration", 0), _sort(reading, start, now)
    row = sql.row(f"SELECT number, value, duration_s FROM reading WHERE {_IN_SET} AND start = ? "
                  "AND submitted = ?", *of_set, start, submitted)
    if row is not None:
        sql.execute(f"UPDATE reading SET value = ?, duration_s = ?, sort = ? WHERE {_IN_SET} AND number = ?",
                    reading.get("value"), duration_s, sort, *of_set, row[0])
        return None if row[1:] == (reading.get("value"), duration_s) else start + int(row[2])
    sql.execute(
        f"INSERT INTO reading (set_id, set_start, number, {', '.join(_COLUMNS)}) SELECT ?, ?, "
        f"coalesce(max(number), 0) + 1, ?, ?, ?, ?, ? FROM reading WHERE {_IN_SET}",
        *of_set,
        start,
        duration_s,
        reading.get("value"),
        submitted,
        sort,
        *of_set,
    )
    return None


class TimedValue(NamedTuple):
    """A value and its time; `untimely` where that cannot be."""
    start: Instant
    duration_s: Seconds
    value: int | None
    untimely: bool


def timed(meter: str, start: Instant, end: Instant, limit: int | None = None) -> list[TimedValue]:
    """Return the newest `limit` (None: all) readings that begin in [start, end), oldest first."""
    of_time = "s.meter = ? AND s.start < ? AND s.start + s.duration_s >= ?", (meter, end, start)
    earliest, = sql.row(f"SELECT min(s.start) FROM reading_set s WHERE {of_time[0]}", *of_time[1])
    rows = sql.rows(
        f"SELECT r.start, r.duration_s, r.value, r.sort FROM reading_set s JOIN reading r ON {OF_SET} "
        f"WHERE {of_time[0]} AND r.set_start >= ? AND r.set_start < ? AND r.start >= ? AND r.start < ? "
        "ORDER BY r.start DESC, r.number DESC LIMIT ?",
        *of_time[1], earliest, end, start, end, ALL if limit is None else limit)
    return [TimedValue(begin, duration_s, value, bool(sort & UNTIMELY))
            for begin, duration_s, value, sort in reversed(rows)]


def between(meter: str, start: Instant, end: Instant) -> list[tuple[Instant, Seconds, int | None]]:
    """Return (start, duration, value) of the readings that begin in [start, end), oldest first."""
    return [row[:3] for row in timed(meter, start, end)]


def latest(meter: str) -> tuple[Instant, Seconds, int | None, str] | None:
    """Return (start, duration, value, other elements as JSON) of the newest reading; None without any.

    It is in the sets that begin last, unless all readings of those are untimely, or in one that began before
    and lasts longer, as the set of a day does.
    """
    newest = "SELECT max(start) FROM reading_set WHERE meter = ?"
    begin, = sql.row(newest, meter)
    while begin is not None:
        row = _newest(meter, begin, begin)
        if row is not None:
            longer, = sql.row("SELECT min(start) FROM reading_set WHERE meter = ? AND start < ? "
                              "AND start + duration_s > ?", meter, begin, row[0])
            later = None if longer is None else _newest(meter, longer, begin - 1)
            return row if later is None or later[0] <= row[0] else later
        begin, = sql.row(f"{newest} AND start < ?", meter, begin)
    return None


def _newest(meter: str, first: Instant, last: Instant) -> tuple[Instant, Seconds, int | None, str] | None:
    """Return the newest reading, as `latest` does, of the sets that begin from `first` to `last`."""
    row: tuple[Instant, Seconds, int | None, str] | None = sql.row(
        "SELECT r.start, r.duration_s, r.value, r.submitted FROM reading_set s JOIN reading r "
        f"ON {OF_SET} WHERE s.meter = ? AND s.start >= ? AND s.start <= ? AND r.set_start >= ? "
        f"AND r.set_start <= ? AND (r.sort & {UNTIMELY}) = 0 ORDER BY r.start DESC, r.number DESC LIMIT 1",
        meter, first, last, first, last)
    return row


def data(href: str, start: Instant, duration_s: Seconds, value: int | None, submitted: str) -> Data:
    """Return the Reading of a row; `submitted` has its other elements as JSON."""
    reading = {"href": href, "timePeriod": {"duration": duration_s, "start": start}, **json.loads(submitted)}
    return reading if value is None else {**reading, "value": value}


def remove_below(href: str) -> None:
    """Remove the readings of a MeterReading, or of all below a UsagePoint, and the sums of earlier ones."""
    for table in ("reading_set", "quarter_hours"):
        sql.execute(f"DELETE FROM {table} WHERE meter = ?", href)
        sql.execute(f"DELETE FROM {table} WHERE {sql.below('meter')}", *sql.bounds(href))
