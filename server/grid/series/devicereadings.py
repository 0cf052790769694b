"""Readings of single devices in steps, as mean power."""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from server.grid.optimisation.arrays import Bools, Floats, Whole, np
from server.grid.series import devicepower, intervals, meterrows, quarterhours
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


class EventReadings(NamedTuple):
    """What devices [d] injected in each step [t] of an event (see `intervals.edges`), NaN where unknown.

    `coverage` is the fraction of its time of which anything was read. `left_out` is how many readings of each
    device straddle an edge of the event and do not count. Where a device has no other, they count by the part
    of their time that lies within: it is `split`.
    """
    injection_w: Floats
    coverage: Floats
    left_out: Whole
    split: Bools


def of_event(devices: Sequence[int], start: int, end: int) -> EventReadings:
    """Return what devices (by number) injected in an event over [start, end).

    A reading that straddles an edge is a mean over both sides of it: it says neither what the device did in
    the event nor what it did outside.
    """
    edges = np.array(intervals.edges(start, end))
    first, steps = start - start % STEP, max(len(edges) - 1, 0)
    readings = EventReadings(np.full((len(devices), steps), np.nan), np.zeros(len(devices)),
                             np.zeros(len(devices), dtype=np.intp), np.zeros(len(devices), dtype=bool))
    for begin in range(0, len(devices) if steps else 0, CHUNK):
        chunk = devices[begin:begin + CHUNK]
        index = {device: number for number, device in enumerate(chunk)}
        meters = own_meters(chunk)
        owner_of = {row.href: index[row.device] for row in meters}
        rows = devicepower.arrays(meters, np.array([index[row.device] for row in meters], dtype=np.intp))
        powers = _powers(meters, start, end)
        whole = [power for power in powers if start <= power.start and _end(power) <= end]
        whole_w, clipped_w = (
            devicepower.of_steps(rows, _energy(meters, part, first, steps, STEP), first, STEP, len(chunk))
            for part in (whole, _clipped(powers, start, end)))
        straddling = {(owner_of[power.href], power.start) for power in set(powers) - set(whole)}
        here = slice(begin, begin + len(chunk))
        split = np.logical_and(np.isfinite(clipped_w).any(axis=1), ~np.isfinite(whole_w).any(axis=1))
        readings.injection_w[here] = np.where(split[:, None], clipped_w, whole_w)
        readings.coverage[here] = np.isfinite(clipped_w) @ np.diff(edges) / (end - start)
        readings.left_out[here] = np.where(split, 0, np.bincount(
            np.array([owner for owner, _ in straddling], dtype=np.intp), minlength=len(chunk)))
        readings.split[here] = split
    return readings


def _end(power: PowerReading) -> int:
    return power.start + max(power.duration_s, 1)


def _clipped(powers: Iterable[PowerReading], start: int, end: int) -> list[PowerReading]:
    """Return the parts of readings within [start, end)."""
    return [power._replace(start=max(power.start, start),
                           duration_s=min(_end(power), end) - max(power.start, start))
            for power in powers if power.start < end and _end(power) > start]


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
    return _energy(meters, _powers(meters, start, start + steps * step), start, steps, step)


def _powers(meters: Sequence[MeterRow], start: int, end: int) -> list[PowerReading]:
    """Return what meters read in [start, end), by readings or quarter-hours."""
    since = min(max(start, readingdays.summed_until()), end)
    if since == start:
        return _readings(meters, start, end)
    powers = quarterhours.read(meters, start, since)
    for power in _readings(meters, since, end):
        begin = max(power.start, since)
        powers.append(power._replace(start=begin, duration_s=power.start + power.duration_s - begin))
    return powers


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
