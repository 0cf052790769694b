"""Readings: rows, not documents, since there are so many and each is asked for by its time.

They lie in sets under a MeterReading (`meter` is its href). Single values that a device posts are gathered
into one set per UTC day.
"""
from __future__ import annotations

import json
from typing import Any

from server.errors import Refused
from server.models import JSON, ReadingSet, db
from server.resources import hooks, sql, store

Data = dict[str, Any]
DAY = 86400
_INT48 = range(-(1 << 47), 1 << 47)


def check(reading: Data, place: str, now: int, tolerance: int = 300) -> None:
    """Refuse (400) a value beyond Int48 and a time before 1970 or in the future (devices' clocks may be off
    by `tolerance` seconds)."""
    value, period = reading.get("value"), reading.get("timePeriod")
    if value is not None and value not in _INT48:
        raise Refused(400, f"{place}/value: {value} does not fit into 48 bits")
    if period and not 0 <= period["start"] <= now + tolerance:
        era = "in the future" if period["start"] > now else "before 1970"
        raise Refused(400, f"{place}/timePeriod/start: {period['start']} lies {era} (it is {now})")


def record(meter: str, reading: Data, now: int) -> bool:
    """Keep a single value; whether that opened a new day's set. The same reading once more replaces
    itself."""
    start = reading.get("timePeriod", {}).get("start", now)
    day = start - start % DAY
    row = sql.row("SELECT id FROM reading_set WHERE meter = ? AND start = ? AND mrid = ''", meter, day)
    _write(row[0] if row else _open(meter, "", day, DAY, {}), reading, start)
    _announce(meter, [(reading, start)])
    return row is None


def _announce(meter: str, read: list[tuple[Data, int]]) -> None:
    hooks.run_on_readings(meter, [(reading["value"], start + reading.get("timePeriod", {}).get("duration", 0))
                            for reading, start in read if reading.get("value") is not None])


def _open(meter: str, mrid: str, start: int, duration: int, stated: Data) -> int:
    return sql.row(
        "INSERT INTO reading_set (meter, number, mrid, start, duration_s, submitted) VALUES (?, ?, ?, ?, ?, "
        "?) "
        "RETURNING id",
        meter,
        store.next_number(f"{meter}/rs"),
        mrid,
        start,
        duration,
        JSON().db_value(stated),
    )[0]


def record_set(meter: str, said: Data, place: str, now: int) -> bool:
    """Keep a MirrorReadingSet with its readings, in place of the one with the same mRID; whether it is a new
    one.

    Readings without a period of their own share the set's evenly.
    """
    period, readings = said["timePeriod"], said.get("Reading", [])
    check({"timePeriod": period}, place, now)
    stated = {
        key: value for key, value in said.items() if key not in ("Reading", "mRID", "timePeriod", "href")
    }
    row = sql.row("SELECT id FROM reading_set WHERE meter = ? AND mrid = ?", meter, said["mRID"])
    if row is None:
        number = _open(meter, said["mRID"], period["start"], period["duration"], stated)
    else:
        number = row[0]
        sql.execute("UPDATE reading_set SET start = ?, duration_s = ?, submitted = ? WHERE id = ?",
                    period["start"], period["duration"], JSON().db_value(stated), number)
        sql.execute("DELETE FROM reading WHERE set_id = ?", number)
    read = []
    for index, reading in enumerate(readings):
        check(reading, f"{place}/Reading", now)
        share = period["start"] + index * period["duration"] // len(readings)
        read.append((reading, reading.get("timePeriod", {}).get("start", share)))
    for reading, start in read:
        _write(number, reading, start)
    _announce(meter, read)
    return row is None


def _write(set_id: int, reading: Data, start: int) -> None:
    rest = {key: value for key, value in reading.items() if key not in ("value", "timePeriod", "href")}
    stated = JSON().db_value(rest)
    duration = reading.get("timePeriod", {}).get("duration", 0)
    row = sql.row(
        "SELECT number FROM reading WHERE set_id = ? AND start = ? AND submitted = ?", set_id, start, stated
    )
    if row is not None:
        sql.execute("UPDATE reading SET value = ?, duration_s = ? WHERE set_id = ? AND number = ?",
                    reading.get("value"), duration, set_id, row[0])
        return
    block, tier = reading.get("consumptionBlock", 0), reading.get("touTier", 0)
    sort = int(reading.get("localID", "0"), 16) << 16 | block << 8 | tier
    sql.execute(
        "INSERT INTO reading (set_id, number, start, duration_s, value, submitted, sort) SELECT ?, "
        "coalesce(max(number), 0) + 1, ?, ?, ?, ?, ? FROM reading WHERE set_id = ?",
        set_id,
        start,
        duration,
        reading.get("value"),
        stated,
        sort,
        set_id,
    )


def between(meter: str, start: int, end: int) -> list[tuple[int, int, int | None]]:
    """(start, duration, value) of a MeterReading's readings that begin in [start, end), oldest first."""
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


def latest(meter: str) -> tuple[int, int, int | None, str] | None:
    """(start, duration, value, rest as JSON) of the newest reading of a MeterReading."""
    return sql.row(
        "SELECT r.start, r.duration_s, r.value, r.submitted FROM reading r JOIN reading_set s ON r.set_id = "
        "s.id "
        "WHERE s.meter = ? ORDER BY s.start DESC, r.start DESC, r.number DESC LIMIT 1",
        meter,
    )


def data(href: str, start: int, duration: int, value: int | None, stated: str) -> Data:
    """A row as the Reading it came from."""
    reading = {"href": href, "timePeriod": {"duration": duration, "start": start}, **json.loads(stated)}
    return reading if value is None else {**reading, "value": value}


def forget_before(instant: int) -> int:
    """Remove the sets that ended before an instant; how many."""
    with db.atomic():
        return ReadingSet.delete().where(ReadingSet.start + ReadingSet.duration_s < instant).execute()


def remove_below(href: str) -> None:
    """Remove everything read under a UsagePoint or MeterReading."""
    sql.execute("DELETE FROM reading_set WHERE meter = ? OR meter LIKE ?", href, f"{href}/%")
