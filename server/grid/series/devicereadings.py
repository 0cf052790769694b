"""Readings of single devices in steps, as mean power."""
from __future__ import annotations

from collections.abc import Sequence

from server.grid.optimisation.arrays import Floats, Whole, np
from server.grid.series import devicepower, meterrows, quarterhours
from server.grid.series.devicepower import MeterEnergy
from server.grid.series.intervals import DAY, STEP
from server.grid.series.meterrows import MeterRow, PowerReading
from server.models import CHUNK
from server.resources import meterreadings, readingdays, sql

_READINGS = (
    f"SELECT m.href, r.start, r.duration_s, {meterrows.POWER} FROM meter m "
    f"JOIN reading_set s ON s.meter = m.href JOIN reading r ON {meterreadings.OF_SET} "
    f"WHERE m.href IN ({{}}) AND s.start >= ? AND s.start < ? AND r.set_start >= ? AND r.set_start < ? "
    f"AND {meterrows.COUNTS} "
    "AND r.start < ? AND (r.start + r.duration_s > ? OR r.duration_s = 0 AND r.start >= ?)"
)


def mean_injection_w(devices: Sequence[int], start: int, end: int, step: int = STEP) -> Floats:
    """Return [devices, steps]: the mean injection of each device (by number) in each step of [start, end).

    It is the sum of its meters (see `devicepower`); NaN where it is unknown. Where a device measures its
    premises and what is within them, the latter counts.
    """
    steps = (end - start) // step
    injection_w = np.full((len(devices), steps), np.nan)
    for first in range(0, len(devices), CHUNK):
        chunk = devices[first:first + CHUNK]
        index = {device: number for number, device in enumerate(chunk)}
        meters = own_meters(chunk)
        owner = np.array([index[row.device] for row in meters], dtype=np.intp)
        injection_w[first:first + len(chunk)] = devicepower.of_steps(
            devicepower.arrays(meters, owner), read(meters, start, steps, step), start, step, len(chunk))
    return injection_w


def own_meters(devices: Sequence[int]) -> list[MeterRow]:
    """Return the meters of devices (by number) themselves or, where one has none, those of its premises."""
    own: dict[int, list[MeterRow]] = {}
    premises: dict[int, list[MeterRow]] = {}
    for row in meterrows.of_devices(devices, "ORDER BY m.href"):
        (premises if row.kind == "premises" else own).setdefault(row.device, []).append(row)
    return [row for rows in (premises | own).values() for row in rows]


def read(meters: Sequence[MeterRow], start: int, steps: int, step: int) -> MeterEnergy:
    """Return what each of these meters read in each step of `step` seconds from `start` (UTC, s) on: by their
    readings or, where those are summed up, by quarter-hours."""
    end = start + steps * step
    since = min(max(start, readingdays.summed_until()), end)
    if since == start:
        return of_readings(meters, start, steps, step)
    powers = quarterhours.read(meters, start, since)
    for power in _readings(meters, since, end):
        begin = max(power.start, since)
        powers.append(power._replace(start=begin, duration_s=power.start + power.duration_s - begin))
    return _energy(meters, powers, start, steps, step)


def of_readings(meters: Sequence[MeterRow], start: int, steps: int, step: int) -> MeterEnergy:
    """Return what each of these meters read in each step, by their readings alone."""
    return _energy(meters, _readings(meters, start, start + steps * step), start, steps, step)


def _readings(meters: Sequence[MeterRow], start: int, end: int) -> list[PowerReading]:
    """Return what meters read in [start, end), if only in a part of a reading."""
    first_day = start - start % DAY - DAY  # single readings are gathered in sets of a day
    powers = meterrows.registers(meters, start, end)
    hrefs = (row.href for row in meters)
    powers += [PowerReading(*row) for row in sql.among(
        _READINGS, hrefs, *(first_day, end) * 2, *meterrows.bounds(), end, start, start)]
    return powers


def _energy(
    meters: Sequence[MeterRow], powers: Sequence[PowerReading], start: int, steps: int, step: int
) -> MeterEnergy:
    index = {row.href: number for number, row in enumerate(meters)}
    number = np.array([index[power.href] for power in powers], dtype=np.intp)
    begin = np.array([power.start for power in powers], dtype=float) - start
    duration_s = np.maximum(np.array([power.duration_s for power in powers], dtype=float), 1)
    injection_w = np.array([power.injection_w for power in powers], dtype=float)
    return overlaps((number, len(meters)), begin, duration_s, injection_w, (steps, step))


def overlaps(
    meter: tuple[Whole, int], begin: Floats, duration_s: Floats, power_w: Floats, grid: tuple[int, int]
) -> MeterEnergy:
    """Return what readings contribute to each step, by how much of their time lies in it. Pure.

    `meter` is the index of each reading's meter, and how many meters there are; `grid` is how many steps of
    how many seconds. `begin` is in seconds after the first step's start.
    """
    (index, meters), (steps, step) = meter, grid
    first = np.clip(begin // step, 0, steps - 1).astype(int)
    last = np.clip((begin + duration_s - 1e-9) // step, 0, steps - 1).astype(int)
    energy_ws, seconds = np.zeros(meters * steps), np.zeros(meters * steps)
    for ahead in range(int((last - first).max(initial=0)) + 1):
        position = first + ahead
        inside = position <= last
        overlap_s = (
            np.minimum(begin + duration_s, (position + 1) * step) - np.maximum(begin, position * step)
        )[inside]
        cell = index[inside] * steps + position[inside]
        energy_ws += np.bincount(cell, overlap_s * power_w[inside], meters * steps)
        seconds += np.bincount(cell, overlap_s, meters * steps)
    return MeterEnergy(energy_ws.reshape(meters, steps), seconds.reshape(meters, steps))
