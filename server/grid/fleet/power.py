"""The power that devices inject, from the readings that they post (see `series/devicepower`).

Modules with numpy are imported where they are called: the device interface loads this module, and seldom
calls it.
"""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isfinite
from typing import NamedTuple

from server import clock
from server.models import CHUNK, chunked
from server.resources import sql
from server.units import Instant, Lfdi, Watts


class Power(NamedTuple):
    """The injection of a device, and the instant (UTC, s) that it is of."""
    injection_w: Watts
    at: Instant


def latest(lfdis: Iterable[Lfdi]) -> dict[Lfdi, Power]:
    """Return the present injection of each device of which it is known."""
    from server.grid.series import devicereadings, presentpower

    powers: dict[Lfdi, Power] = {}
    now = clock.now()
    for lfdi_of in _numbers(lfdis):
        devices = list(lfdi_of)
        rows = [row for row in devicereadings.own_meters(devices) if row.read_at is not None]
        index = {device: number for number, device in enumerate(devices)}
        timeout_s = [presentpower.reading_timeout_s(lfdi_of[row.device]) for row in rows]
        present = presentpower.of_meters(
            rows, [index[row.device] for row in rows], len(devices), timeout_s, now)
        read_at: dict[int, Instant] = {}
        for row in rows:
            read_at[row.device] = max(row.read_at or 0, read_at.get(row.device, 0))
        for device, injection_w in zip(devices, present.injection_w.tolist(), strict=True):
            if isfinite(injection_w):
                powers[lfdi_of[device]] = Power(injection_w, read_at[device])
    return powers


def mean(lfdis: Iterable[Lfdi], start: Instant, end: Instant) -> dict[Lfdi, Watts]:
    """Return the mean injection of each device of which it is known over [start, end), by the time of each
    reading within it."""
    from server.grid.series import devicereadings

    mean_w: dict[Lfdi, Watts] = {}
    if end <= start:
        return mean_w
    for lfdi_of in _numbers(lfdis):
        devices = list(lfdi_of)
        total_w = devicereadings.mean_injection_w(devices, start, end, end - start)[:, 0]
        for device, injection_w in zip(devices, total_w.tolist(), strict=True):
            if isfinite(injection_w):
                mean_w[lfdi_of[device]] = injection_w
    return mean_w


def _numbers(lfdis: Iterable[Lfdi]) -> Iterable[dict[int, Lfdi]]:
    """Yield the LFDIs of devices by their numbers, some at a time."""
    chunk: Sequence[Lfdi]
    for chunk in chunked(lfdis, CHUNK):
        yield dict(sql.among("SELECT id, lfdi FROM device WHERE lfdi IN ({})", chunk))


def energy_wh(device: int, start: Instant, end: Instant) -> float:
    """Return the energy that a device (by number) injected over [start, end), by its mean; 0 where it is
    unknown."""
    row = sql.row("SELECT lfdi FROM device WHERE id = ?", device)
    return 0.0 if row is None else mean(row, start, end).get(row[0], 0.0) * (end - start) / 3600
