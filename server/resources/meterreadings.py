"""Readings: rows rather than documents, since there are many and they are read by time.

They are in sets below a MeterReading (`meter` is its href). Single values that a device posts are collected
in one set for each UTC day.
"""
from __future__ import annotations

import json
from typing import Any

from server.errors import Refused
from server.models import JSON, ReadingSet, db
from server.resources import hexbinary, hooks, numbering, sql
from server.resources.hooks import PostedReading
from server.units import Instant, Seconds

Data = dict[str, Any]
DAY = 86400
CLOCK_TOLERANCE_S = 300  # how far the clock of a device may be ahead of ours
_INT48 = range(-(1 << 47), 1 << 47)


def count(quantities: list[Data]) -> int:
    """Return how many values MirrorMeterReadings carry. Pure."""
    return sum(("Reading" in quantity) + sum(len(reading_set.get("Reading", []))
                                             for reading_set in quantity.get("MirrorReadingSet", []))
               for quantity in quantities)


def check(reading: Data, path: str, now: Instant) -> None:
    """Refuse (400) a value beyond Int48, and a time before 1970 or in the future. `path` is for messages."""
    value, period = reading.get("value"), reading.get("timePeriod")
    if value is not None and value not in _INT48:
        raise Refused(400, f"{path}/value: {value} does not fit into 48 bits")
    if period and not 0 <= period["start"] <= now + CLOCK_TOLERANCE_S:
        era = "in the future" if period["start"] > now else "before 1970"
        raise Refused(400, f"{path}/timePeriod/start: {period['start']} lies {era} (it is {now})")


def record(meter: str, reading: Data, now: Instant) -> bool:
    """Save a single value; return whether it began the set of a new day.

    The same reading once more replaces the first.
    """
    start = reading.get("timePeriod", {}).get("start", now)
    day = start - start % DAY
    row = sql.row("SELECT id FROM reading_set WHERE meter = ? AND start = ? AND mrid = ''", meter, day)
    _write(row[0] if row else _add_set(meter, "", day, DAY, {}), reading, start)
    _announce(meter, [(reading, start)])
    return row is None


def _announce(meter: str, readings: list[tuple[Data, Instant]]) -> None:
    """Call the `on_readings` hooks with the values that are not of one tier or block alone."""
    hooks.run_on_readings(
        meter,
        [
            PostedReading(reading["value"], start, reading.get("timePeriod", {}).get("duration", 0))
            for reading, start in readings
            if reading.get("value") is not None and not _tier_and_block(reading)
        ],
    )


def _tier_and_block(reading: Data) -> int:
    """Return consumptionBlock and touTier as 8 bits each; 0 for a value of all of them."""
    return int(reading.get("consumptionBlock", 0)) << 8 | int(reading.get("touTier", 0))


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


def record_set(meter: str, reading_set: Data, path: str, now: Instant) -> bool:
    """Save a MirrorReadingSet with its readings, in place of the one with the same mRID; return whether it is
    new.

    Readings without a period of their own divide that of the set evenly. `path` is for messages.
    """
    period, readings = reading_set["timePeriod"], reading_set.get("Reading", [])
    check({"timePeriod": period}, path, now)
    submitted = {key: value for key, value in reading_set.items()
                 if key not in ("Reading", "mRID", "timePeriod", "href")}
    row = sql.row("SELECT id FROM reading_set WHERE meter = ? AND mrid = ?", meter, reading_set["mRID"])
    if row is None:
        set_id = _add_set(meter, reading_set["mRID"], period["start"], period["duration"], submitted)
    else:
        set_id = row[0]
        sql.execute("UPDATE reading_set SET start = ?, duration_s = ?, submitted = ? WHERE id = ?",
                    period["start"], period["duration"], JSON().db_value(submitted), set_id)
        sql.execute("DELETE FROM reading WHERE set_id = ?", set_id)
    timed = []
    for index, reading in enumerate(readings):
        check(reading, f"{path}/Reading", now)
        if "timePeriod" not in reading:
            start, end = (period["start"] + number * period["duration"] // len(readings)
                          for number in (index, index + 1))
            reading = {**reading, "timePeriod": {"start": start, "duration": end - start}}
        timed.append((reading, reading["timePeriod"]["start"]))
    for reading, start in timed:
        _write(set_id, reading, start)
    _announce(meter, timed)
    return row is None


def _write(set_id: int, reading: Data, start: Instant) -> None:
    submitted = JSON().db_value(
        {key: value for key, value in reading.items() if key not in ("value", "timePeriod", "href")})
    duration_s = reading.get("timePeriod", {}).get("duration", 0)
    row = sql.row("SELECT number FROM reading WHERE set_id = ? AND start = ? AND submitted = ?",
                  set_id, start, submitted)
    if row is not None:
        sql.execute("UPDATE reading SET value = ?, duration_s = ? WHERE set_id = ? AND number = ?",
                    reading.get("value"), duration_s, set_id, row[0])
        return
    sort = hexbinary.bits(reading.get("localID")) << 16 | _tier_and_block(reading)
    sql.execute(
        "INSERT INTO reading (set_id, number, start, duration_s, value, submitted, sort) SELECT ?, "
        "coalesce(max(number), 0) + 1, ?, ?, ?, ?, ? FROM reading WHERE set_id = ?",
        set_id,
        start,
        duration_s,
        reading.get("value"),
        submitted,
        sort,
        set_id,
    )


def between(meter: str, start: Instant, end: Instant) -> list[tuple[Instant, Seconds, int | None]]:
    """Return (start, duration, value) of the readings that begin in [start, end), oldest first."""
    return sql.rows(
        "SELECT r.start, r.duration_s, r.value FROM reading r JOIN reading_set s ON r.set_id = s.id "
        "WHERE s.meter = ? AND r.start >= ? AND r.start < ? AND s.start < ? AND s.start + s.duration_s >= ? "
        "ORDER BY r.start, r.number",
        meter,
        start,
        end,
        end,
        start,
    )


def latest(meter: str) -> tuple[Instant, Seconds, int | None, str] | None:
    """Return (start, duration, value, other elements as JSON) of the newest reading; None without any."""
    row: tuple[Instant, Seconds, int | None, str] | None = sql.row(
        "SELECT r.start, r.duration_s, r.value, r.submitted FROM reading r JOIN reading_set s "
        "ON r.set_id = s.id WHERE s.meter = ? ORDER BY s.start DESC, r.start DESC, r.number DESC LIMIT 1",
        meter,
    )
    return row


def data(href: str, start: Instant, duration_s: Seconds, value: int | None, submitted: str) -> Data:
    """Return the Reading of a row; `submitted` has its other elements as JSON."""
    reading = {"href": href, "timePeriod": {"duration": duration_s, "start": start}, **json.loads(submitted)}
    return reading if value is None else {**reading, "value": value}


def remove_before(instant: Instant) -> int:
    """Remove the sets that ended before an instant; return how many."""
    with db.atomic():
        return int(ReadingSet.delete().where(ReadingSet.start + ReadingSet.duration_s < instant).execute())


def remove_below(href: str) -> None:
    """Remove the readings of a MeterReading, or of all below a UsagePoint."""
    sql.execute("DELETE FROM reading_set WHERE meter = ? OR meter LIKE ?", href, f"{href}/%")
