"""What arrives for the meters of devices: the newest power of each row Meter, and its greatest load.

A value that no device of that rating can have is kept as a reading and used by nothing; an alarm says so.
"""
from __future__ import annotations

import json
from collections.abc import Iterable
from typing import NamedTuple

from server import alarms, clock
from server.grid.series import meterrows, meteruse, registers
from server.grid.series.meterrows import MeterRow
from server.grid.series.meteruse import Measure
from server.resources import hooks, meterreadings, readingdays, sql
from server.resources.hooks import PostedReading
from server.units import Href, Instant, Seconds, Watts

_ALARM_AGE_S = 86_400  # an older reading is not worth an alarm
_NEWEST_SETS = 3
_READINGS = (
    f"SELECT r.value, r.start, r.duration_s FROM reading_set s JOIN reading r ON {meterreadings.OF_SET} "
    f"WHERE s.meter = ? AND r.value IS NOT NULL AND {meterreadings.COUNTED} "
    f"AND r.duration_s <= {meterrows.MAX_PERIOD_S}"
)
_SINCE = f"{_READINGS} AND s.start >= ? AND r.set_start >= ?"
_START_OF_NEWEST = (
    "SELECT min(start) FROM (SELECT start FROM reading_set WHERE meter = ? ORDER BY start DESC LIMIT ?) last"
)
_PREVIOUS = f"{_SINCE} AND r.start + r.duration_s < ? ORDER BY r.start DESC LIMIT 1"
_RECORD = (
    "UPDATE meter SET "
    "injection_w = CASE WHEN read_at IS NULL OR read_at <= ? THEN ? ELSE injection_w END, "
    "period_s = CASE WHEN read_at IS NULL OR read_at <= ? THEN ? ELSE period_s END, "
    "read_at = CASE WHEN read_at IS NULL OR read_at <= ? THEN ? ELSE read_at END, "
    "first_read_at = CASE WHEN first_read_at IS NULL OR first_read_at > ? THEN ? ELSE first_read_at END, "
    "peak_load_w = CASE WHEN ? > peak_load_w THEN ? ELSE peak_load_w END WHERE href = ?"
)


class _Power(NamedTuple):
    """The mean injection over `period_s` until `at`; None where something was read that does not say it."""
    at: Instant
    period_s: Seconds
    injection_w: Watts | None


@hooks.on_readings
def record_readings(
    meter: Href, readings: list[PostedReading], replaced_until: Instant | None
) -> None:
    """Record the newest of these values of a MeterReading, and the greatest load.

    Where they are in place of others, the last of which ended at `replaced_until`, the newest so far may be
    one that is gone.
    """
    row = _find(meter) if readings or replaced_until is not None else None
    if row is None:
        return
    if row.slot is not None and not meter.startswith(f"{row.slot}/"):
        _revive(meter)
    usable = [reading for reading in readings if reading.duration_s <= meterrows.MAX_PERIOD_S]
    _warn_of_periods(row, [reading for reading in readings if reading not in usable])
    implausible = _record(row, usable) if usable else []
    was_newest = replaced_until is not None and row.read_at is not None and replaced_until >= row.read_at
    if was_newest or any(power.at == row.read_at for power in implausible):
        verify(meter)


def record_all(meter: Href) -> None:
    """Record every reading of a MeterReading whose row is new."""
    row = _find(meter)
    readings = [PostedReading(*columns) for columns in sql.rows(_READINGS, meter)]
    if row is not None and readings:
        _record(row, readings)


def verify(meter: Href) -> bool:
    """Make the newest power of a row Meter agree with its readings; return whether it changed."""
    row = _find(meter)
    since, = sql.row(_START_OF_NEWEST, meter, _NEWEST_SETS)
    readings = [PostedReading(*columns) for columns in sql.rows(_SINCE, meter, since, since)]
    if row is None:
        return False
    if not readings and row.read_at is not None and row.read_at < readingdays.summed_until():
        return False  # its readings are gone by now
    powers, _ = _powers(row, readings)
    newest = max((power.at for power in powers), default=None)
    injection_w, = sql.row("SELECT injection_w FROM meter WHERE href = ?", meter)
    if row.read_at == newest and (newest is None or injection_w in
                                  [power.injection_w for power in powers if power.at == newest]):
        return False
    sql.execute("UPDATE meter SET injection_w = NULL, read_at = NULL WHERE href = ?", meter)
    if readings:
        _record(row, readings)
    return True


def _find(meter: Href) -> MeterRow | None:
    rows = meterrows.read("WHERE m.href = ?", meter)
    return rows[0] if rows else None


def _revive(meter: Href) -> None:
    """Let a usage point count by itself again, since something arrives besides what seemed to succeed it."""
    point = meter.partition("/mr/")[0]
    sql.execute(f"UPDATE meter SET slot = ? WHERE {sql.below('href')}", point, *sql.bounds(f"{point}/mr"))


def _record(row: MeterRow, readings: list[PostedReading]) -> list[_Power]:
    """Record what readings say of power; return what they say that is not plausible."""
    powers, implausible = _powers(row, readings)
    _warn(row, implausible)
    if not powers:
        return implausible
    newest = max(powers, key=lambda power: power.at)
    first = min(power.at for power in powers)
    peak_load_w = max((-power.injection_w for power in powers if power.injection_w is not None), default=0.0)
    sql.execute(
        _RECORD, newest.at, newest.injection_w, newest.at, newest.period_s, newest.at, newest.at, first,
        first, peak_load_w, peak_load_w, row.href,
    )
    return implausible


def _powers(row: MeterRow, readings: list[PostedReading]) -> tuple[list[_Power], list[_Power]]:
    """Return what readings say of power, and what they say that is not plausible."""
    measure = row.measure or Measure.POWER
    if measure == Measure.ENERGY and any(not reading.duration_s for reading in readings):
        measure = _settle_measure(row.href)
    if measure == Measure.REGISTER:
        powers = _of_register(row, readings)
    elif measure == Measure.ENERGY:
        powers = [
            _Power(reading.start + reading.duration_s, reading.duration_s,
                   row.factor * reading.value * 3600 / reading.duration_s)
            for reading in readings if reading.duration_s
        ]
    else:
        powers = [_Power(reading.start + reading.duration_s, reading.duration_s, row.factor * reading.value)
                  for reading in readings]
    plausible: list[_Power] = []
    implausible: list[_Power] = []
    for power in powers:
        believed = power.injection_w is None or abs(power.injection_w) <= row.limit_w
        (plausible if believed else implausible).append(power)
    return plausible, implausible


def _settle_measure(meter: Href) -> str:
    """Return the measure of a meter of energy, which now has a reading without a duration.

    It is a register where its ReadingType leaves that open.
    """
    submitted = sql.row("SELECT submitted FROM document WHERE href = ?", f"{meter}/rt")
    if submitted is None or not meteruse.is_open(json.loads(submitted[0])):
        return Measure.ENERGY
    sql.execute("UPDATE meter SET measure = ? WHERE href = ?", Measure.REGISTER, meter)
    return Measure.REGISTER


def _of_register(row: MeterRow, readings: list[PostedReading]) -> list[_Power]:
    """Return what these readings of a register say with the one before them."""
    instants = {reading.start + reading.duration_s: reading.value for reading in readings}
    first = min(instants)
    since = first - 2 * registers.MAX_GAP_S
    earlier = sql.rows(_PREVIOUS, row.href, since, since, first)
    before = [(start + duration_s, value) for value, start, duration_s in earlier]
    intervals = {
        start + duration_s: (duration_s, row.factor * difference * 3600 / duration_s)
        for start, duration_s, difference in registers.register_intervals([*before, *instants.items()])
    }
    return [_Power(at, *intervals.get(at, (0, None))) for at in instants]


def _warn_of_periods(row: MeterRow, readings: list[PostedReading]) -> None:
    """Raise an alarm of readings of so long a time that they say nothing of it."""
    if readings:
        alarms.raise_alarm(
            "implausible reading", f"device {row.device}",
            f"{row.href} has a reading of a period of {readings[0].duration_s} s. Up to "
            f"{meterrows.MAX_PERIOD_S} s are plausible. The reading is kept and not used.",
        )


def _warn(row: MeterRow, implausible: Iterable[_Power]) -> None:
    """Raise an alarm of values that are not plausible, unless they are old."""
    newest = max((power for power in implausible if power.injection_w is not None),
                 key=lambda power: power.at, default=None)
    if newest is not None and clock.now() - newest.at < _ALARM_AGE_S:
        limit = "no rating is known" if row.rated_w is None else f"its rating is {row.rated_w:.0f} W"
        alarms.raise_alarm(
            "implausible reading", f"device {row.device}",
            f"{row.href} has a reading of {newest.injection_w:.0f} W. Up to {row.limit_w:.0f} W are "
            f"plausible ({limit}). The reading is kept and not used.",
        )
