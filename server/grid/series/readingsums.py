"""Days of readings are summed up by quarter-hours before they are removed, some meters at a time.

That begins once a day is over for longer than readings are kept. A KeyValue says how far it has come
(`readingdays.SUMMED`): power of the days before is read from the sums, of the others from readings.
"""
from __future__ import annotations

from server.config import settings
from server.grid.series import devicereadings, meterrows, quarterhours
from server.grid.series.intervals import DAY, STEP
from server.models import db
from server.resources import readingdays, sql
from server.resources.readingdays import SUMMED
from server.units import Instant

SLICE = 200  # meters, of one day
_OLDEST = "SELECT min(start) FROM reading_set WHERE start >= ?"
_BEGIN = "INSERT INTO key_value (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING"
_GO_ON = "UPDATE key_value SET value = ? WHERE name = ? AND value = ?"


def sum_up(now: Instant) -> bool:
    """Sum up some meters of the oldest day that is due; return whether there may be more.

    Workers that do the same at a time write the same.
    """
    due = now - settings.reading_days * DAY
    position = readingdays.summed()
    if position is None:
        oldest, = sql.row(_OLDEST, now - settings.quarter_hour_days * DAY)
        first = due if oldest is None else min(oldest, due)
        sql.execute(_BEGIN, SUMMED, f"{first - first % DAY} ")
        return True
    if position.day + DAY > due:
        return False
    meters = meterrows.read("WHERE m.href > ? ORDER BY m.href LIMIT ?", position.href, SLICE)
    day, href = (position.day, meters[-1].href) if len(meters) == SLICE else (position.day + DAY, "")
    with db.atomic():
        energy = devicereadings.of_readings(meters, position.day, quarterhours.STEPS, STEP)
        quarterhours.write(meters, position.day, energy)
        sql.execute(_GO_ON, f"{day} {href}", SUMMED, f"{position.day} {position.href}")
    return True
