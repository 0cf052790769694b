"""What meters read long ago: mean power by quarter-hours, in place of readings, which are many more.

A row has what one MeterReading says of a day (UTC). It is for good: readings that come later do not count,
nor do other factors or ratings of the meter.
"""
from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from server.grid.optimisation.arrays import np
from server.grid.series.devicepower import MeterEnergy
from server.grid.series.intervals import DAY, STEP
from server.grid.series.meterrows import MeterRow, PowerReading
from server.models import JSON
from server.resources import sql
from server.units import Href, Instant

STEPS = DAY // STEP
_COLUMNS = ("meter", "day", "injection_w", "seconds")
_READ = f"SELECT {', '.join(_COLUMNS)} FROM quarter_hours WHERE meter IN ({{}}) AND day > ? AND day < ?"
_REPLACE = ("ON CONFLICT (meter, day) DO UPDATE SET injection_w = excluded.injection_w, "
            "seconds = excluded.seconds")


def write(meters: Sequence[MeterRow], day: Instant, energy: MeterEnergy) -> None:
    """Write what meters read in the quarter-hours of a day, [m, STEPS], to 0.1 W, where it is something."""
    rows = []
    for meter, energy_ws, seconds in zip(meters, energy.energy_ws, energy.seconds, strict=True):
        if seconds.any():
            means = np.divide(energy_ws, seconds, out=np.zeros(STEPS), where=seconds > 0)
            injection_w = [round(mean, 1) if read else None
                           for mean, read in zip(means.tolist(), seconds.tolist(), strict=True)]
            parts = [min(round(read), STEP) for read in seconds.tolist()]
            whole = all(part in (0, STEP) for part in parts)
            rows.append((meter.href, day, JSON().db_value(injection_w),
                         None if whole else JSON().db_value(parts)))
    sql.insert("quarter_hours", _COLUMNS, rows, _REPLACE)


def read(meters: Iterable[MeterRow], start: Instant, end: Instant) -> list[PowerReading]:
    """Return what meters read in the quarter-hours of [start, end), the first of which may begin before."""
    powers = []
    for href, day, injection_w, seconds in sql.among(
            _READ, (row.href for row in meters), start - DAY, end):
        powers += _of_day(href, day, json.loads(injection_w), json.loads(seconds) if seconds else None)
    return [power for power in powers if power.start < end and power.start + power.duration_s > start]


def _of_day(
    href: Href, day: Instant, injection_w: Sequence[float | None], seconds: Sequence[int] | None
) -> list[PowerReading]:
    return [PowerReading(href, day + STEP * number, seconds[number] if seconds else STEP, power_w)
            for number, power_w in enumerate(injection_w) if power_w is not None]
