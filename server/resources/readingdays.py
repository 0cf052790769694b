"""The days of readings. On PostgreSQL each has a partition of the table, which is dropped as a whole.

A reading belongs to the day (UTC) on which its set begins. Partitions are made some days ahead. What there is
none for, as of a clock that is not set, is in the partition of the rest, so no reading is ever refused; a
restored backup is there as well, until `arrange` has given its days partitions.
"""
from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from typing import NamedTuple

from server.config import settings
from server.models import is_postgres
from server.resources import sql
from server.resources.transactions import Busy, transaction
from server.units import Href, Instant

DAY = 86_400  # s
AHEAD = 3  # days for which there are partitions, from today on
WAIT_MS = 2000  # for those who read, or write: they wait as well
SUMMED = "readings are summed up"  # the KeyValue of Summed
_REST = "reading_rest"
_PARTITIONS = ("SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
               "WHERE i.inhparent = 'reading'::regclass AND c.relname <> ?")
_HAS_SETS = "SELECT 1 FROM reading_set WHERE start >= ? AND start < ? LIMIT 1"
_IS_WANTED = "SELECT 1 FROM reading_set WHERE start >= ? AND start < ? AND start + duration_s >= ? LIMIT 1"


class Summed(NamedTuple):
    """Up to where readings are summed up: all days before `day` (its start), and of that the meters up to
    `href`."""
    day: Instant
    href: Href


def summed() -> Summed | None:
    """Return up to where readings are summed up, None where that has not begun."""
    row = sql.row("SELECT value FROM key_value WHERE name = ?", SUMMED)
    if row is None:
        return None
    day, _, href = row[0].partition(" ")
    return Summed(int(day), href)


def summed_until() -> Instant:
    """Return the end of the last day that is summed up, 0 where there is none."""
    position = summed()
    return position.day if position is not None else 0


def kept_since(now: Instant) -> Instant:
    """Return before when readings may be removed: what they say is in sums, and that of the next day does not
    need them."""
    least: Instant = now - settings.reading_days * DAY
    return min(least, summed_until() - DAY)


def partitions() -> list[Instant]:
    """Return the days (their beginnings) that have a partition, the oldest first; none on SQLite."""
    if not is_postgres():
        return []
    names = (name for name, in sql.rows(_PARTITIONS, _REST))
    return sorted(int(datetime.strptime(f"{name} +0000", "reading_%Y%m%d %z").timestamp()) for name in names)


def arrange(now: Instant) -> int:
    """Make the partitions that are missing: those of AHEAD days, and of earlier days that have sets; return
    how many. One that somebody is in the way of is left for the next time."""
    if not is_postgres():
        return 0
    today, there = now - now % DAY, set(partitions())
    oldest = max(kept_since(now), now - settings.quarter_hour_days * DAY) - DAY
    missing = [day for day in range(today + (AHEAD - 1) * DAY, oldest, -DAY) if day not in there
               and (day >= today or sql.row(_HAS_SETS, day, day + DAY) is not None)]
    return sum(_attempt(_make, day) for day in missing)


def drop(before: Instant) -> int:
    """Drop the days all of whose sets were over before an instant; return how many."""
    over = [day for day in partitions()
            if day + DAY <= before and sql.row(_IS_WANTED, day, day + DAY, before) is None]
    return sum(_attempt(_drop, day) for day in over)


def _attempt(change: Callable[[Instant], None], day: Instant) -> int:
    try:
        with transaction(wait_ms=WAIT_MS):
            change(day)
    except Busy:
        return 0
    return 1


def _name(day: Instant) -> str:
    return f"reading_{datetime.fromtimestamp(day, timezone.utc):%Y%m%d}"


def _make(day: Instant) -> None:
    """Make the partition of a day, with what is in that of the rest."""
    if day in partitions():
        return  # another worker was faster
    sql.execute(f"CREATE TABLE {_name(day)} (LIKE reading INCLUDING INDEXES)")
    sql.execute(f"WITH moved AS (DELETE FROM {_REST} WHERE set_start >= {day} AND set_start < {day + DAY} "
                f"RETURNING *) INSERT INTO {_name(day)} SELECT * FROM moved")
    sql.execute(f"ALTER TABLE reading ATTACH PARTITION {_name(day)} FOR VALUES FROM ({day}) TO ({day + DAY})")


def _drop(day: Instant) -> None:
    sql.execute(f"DROP TABLE IF EXISTS {_name(day)}")
