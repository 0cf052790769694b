"""Readings of single devices in steps, as mean power."""
from __future__ import annotations

from collections.abc import Iterable, Sequence

from peewee import chunked

from server.grid.optimisation.arrays import Floats, np
from server.grid.series.intervals import DAY, STEP
from server.resources import sql

_CHUNK = 400
_READINGS = (
    "SELECT s.meter, r.start, r.duration_s, r.value FROM reading_set s JOIN reading r ON r.set_id = s.id "
    "WHERE s.meter IN ({}) AND s.start >= ? AND s.start < ? AND r.value IS NOT NULL "
    "AND r.start < ? AND (r.start + r.duration_s > ? OR r.duration_s = 0 AND r.start >= ?)"
)


def mean_injection_w(devices: Sequence[int], start: int, end: int, step: int = STEP) -> Floats:
    """Return [devices, steps]: the mean injection of each device (by number) in each step of [start, end).

    It is the sum of its meters; NaN where nothing was read. Where a device measures its premises and what is
    within them, the latter counts.
    """
    steps = (end - start) // step
    index = {device: number for number, device in enumerate(devices)}
    injection_w = np.full((len(devices), steps), np.nan)
    for chunk in chunked(devices, _CHUNK):
        meters = _meters(chunk)
        for href, values in _means(list(meters), start, steps, step).items():
            device, factor = meters[href]
            row = injection_w[index[device]]
            injection_w[index[device]] = np.where(
                np.isfinite(values), np.nan_to_num(row) + factor * values, row
            )
    return injection_w


def _meters(devices: Sequence[int]) -> dict[str, tuple[int, float]]:
    """Return the device and the factor to W of injection of each meter (href) that counts."""
    by_device: dict[int, list[tuple[str, str, float]]] = {}
    for device, href, kind, factor in sql.rows(
        f"SELECT device_id, href, kind, factor FROM meter WHERE device_id IN ({sql.marks(len(devices))})",
        *devices,
    ):
        by_device.setdefault(device, []).append((href, kind, factor))
    meters = {}
    for device, rows in by_device.items():
        own = [row for row in rows if row[1] != "premises"]
        for href, _, factor in own or rows:
            meters[href] = device, factor
    return meters


def _means(meters: list[str], start: int, steps: int, step: int) -> dict[str, Floats]:
    """Return the mean of each meter's values in each step, by href."""
    if not meters:
        return {}
    end = start + steps * step
    first_day = start - start % DAY - DAY  # single readings are gathered in sets of a day
    readings: dict[str, list[tuple[int, int, int]]] = {}
    for href, begin, duration_s, value in sql.rows(
        _READINGS.format(sql.marks(len(meters))), *meters, first_day, end, end, start, start
    ):
        readings.setdefault(href, []).append((begin, duration_s, value))
    return {href: _step_means(rows, start, steps, step) for href, rows in readings.items()}


def _step_means(readings: Iterable[tuple[int, int, int]], start: int, steps: int, step: int) -> Floats:
    begin, duration_s, value = np.array(list(readings), dtype=float).T
    return weighted_means(begin - start, np.maximum(duration_s, 1), value, steps, step)


def weighted_means(begin: Floats, duration_s: Floats, value: Floats, steps: int, step: int) -> Floats:
    """Return [steps]: the mean of values by how much of the time of each lies in the step. Pure.

    `begin` is in seconds after the first step's start.
    """
    first = np.clip(begin // step, 0, steps - 1).astype(int)
    last = np.clip((begin + duration_s - 1e-9) // step, 0, steps - 1).astype(int)
    sums, seconds = np.zeros(steps), np.zeros(steps)
    for ahead in range(int((last - first).max(initial=0)) + 1):
        position = first + ahead
        inside = position <= last
        overlap_s = (
            np.minimum(begin + duration_s, (position + 1) * step) - np.maximum(begin, position * step)
        )[inside]
        sums += np.bincount(position[inside], overlap_s * value[inside], steps)
        seconds += np.bincount(position[inside], overlap_s, steps)
    means: Floats = np.divide(sums, seconds, out=np.full(steps, np.nan), where=seconds > 0)
    return means
