"""The rows of Meter, and the SQL that turns readings into power, for every query of readings.

Every query that sums readings takes POWER for a reading's W of injection and COUNTS as its condition, whose
parameters are `bounds()`. Registers are read apart, since what they say needs two readings (`registers`).
"""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from server.config import settings
from server.grid.series.meteruse import Measure
from server.grid.series.registers import MAX_GAP_S, register_intervals
from server.resources import meterreadings, sql
from server.units import Seconds, Watts

MAX_PERIOD_S = 86_400  # a longer mean says nothing of its parts; some devices send periods of a century
# Of energy without a duration nothing follows: it is NULL, which meets no condition.
POWER = (
    "(m.factor * r.value * (CASE WHEN m.measure = 'energy' THEN "
    "(CASE WHEN r.duration_s > 0 THEN 3600.0 / r.duration_s END) ELSE 1.0 END))"
)
# Values that no such device can have do not count.
COUNTS = (
    f"r.value IS NOT NULL AND coalesce(m.measure, '') <> 'register' AND {meterreadings.COUNTED} "
    f"AND r.duration_s <= {MAX_PERIOD_S} AND abs({POWER}) <= coalesce(m.rated_w * ?, ?)"
)


class MeterRow(NamedTuple):
    """A row of Meter, by its columns."""
    href: str
    device: int
    kind: str
    factor: float
    measure: str | None
    slot: str | None
    alternative: int | None
    part: int | None
    needed: bool | None
    first_read_at: int | None
    read_at: int | None
    rated_w: float | None
    injection_w: float | None
    period_s: int | None
    peak_load_w: float

    @property
    def limit_w(self) -> Watts:
        """The greatest magnitude of power that is plausible."""
        return limit_w(self.rated_w)

    def is_plausible(self, value: int | None, duration_s: Seconds) -> bool:
        """Return whether one value can be; of a register only how it advances can be judged."""
        if duration_s > MAX_PERIOD_S:
            return False
        if value is None or self.measure == Measure.REGISTER:
            return True
        power = value * self.factor
        if self.measure == Measure.ENERGY:
            power *= 3600 / duration_s if duration_s else 0
        return abs(power) <= self.limit_w


COLUMNS = ", ".join(f"m.{name}" if name != "device" else "m.device_id" for name in MeterRow._fields)


def bounds() -> tuple[float, float]:
    """Return the parameters of COUNTS."""
    return settings.plausible_reading_factor, settings.plausible_power_w


def limit_w(rated_w: Watts | None) -> Watts:
    """Return the greatest magnitude of power that is plausible for a device of this rating."""
    factor, most_w = bounds()
    return most_w if rated_w is None else rated_w * factor


def read(condition: str, *parameters: Any) -> list[MeterRow]:
    """Return the meters that meet a condition on Meter (m); `JOIN x ... WHERE ...` is one too."""
    return [MeterRow(*row) for row in sql.rows(f"SELECT {COLUMNS} FROM meter m {condition}", *parameters)]


def of_devices(devices: Iterable[int], condition: str = "") -> Iterator[MeterRow]:
    """Yield the meters of these devices (numbers, any number of them) that meet a condition, if there is
    one."""
    statement = f"SELECT {COLUMNS} FROM meter m WHERE m.device_id IN ({{}}) {condition}"
    return (MeterRow(*row) for row in sql.among(statement, devices))


class PowerReading(NamedTuple):
    """The mean injection that a reading says, over [start, start + duration_s)."""
    href: str
    start: int
    duration_s: int
    injection_w: float


def registers(rows: Iterable[MeterRow], start: int, end: int) -> list[PowerReading]:
    """Return what the registers among these meters say of [start, end): plausible mean power, oldest first.

    Readings up to a day before and after are needed, since each interval has one at each end.
    """
    by_href = {row.href: row for row in rows if row.measure == Measure.REGISTER}
    readings: dict[str, list[tuple[int, int]]] = defaultdict(list)
    earliest, latest = start - MAX_GAP_S, end + MAX_GAP_S
    for href, instant, value in sql.among(
        "SELECT s.meter, r.start + r.duration_s, r.value FROM reading_set s "
        f"JOIN reading r ON {meterreadings.OF_SET} "
        "WHERE s.meter IN ({}) AND s.start >= ? AND s.start < ? AND r.set_start >= ? AND r.set_start < ? "
        f"AND r.value IS NOT NULL AND {meterreadings.COUNTED} AND r.duration_s <= {MAX_PERIOD_S}",
        by_href, *(earliest - MAX_GAP_S, latest) * 2,
    ):
        readings[href].append((instant, value))
    powers = []
    for href, values in readings.items():
        for begin, duration_s, difference in register_intervals(values):
            injection_w = by_href[href].factor * difference * 3600 / duration_s
            if begin < end and begin + duration_s > start and abs(injection_w) <= by_href[href].limit_w:
                powers.append(PowerReading(href, begin, duration_s, injection_w))
    return powers
