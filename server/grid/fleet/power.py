"""The power that devices inject, from the readings that they post (see `meters`)."""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from peewee import chunked

from server.grid.fleet.meters import PowerMeter
from server.resources import meterreadings, sql

_CHUNK = 400
_METERS = ("SELECT d.lfdi, m.href, m.factor, m.kind, m.injection_w, m.read_at FROM meter m "
           "JOIN device d ON m.device_id = d.id WHERE ")


class Power(NamedTuple):
    """The injection of a device, and the instant (UTC, s) that it is of."""
    injection_w: float
    at: int


class _MeterRow(NamedTuple):
    href: str
    factor: float
    injection_w: float | None
    read_at: int | None


def meters(lfdis: Iterable[str]) -> dict[str, list[PowerMeter]]:
    """Return the meters of each device; devices that mirror no active power are left out."""
    return {lfdi: [PowerMeter(row.href, row.factor) for row in rows] for lfdi, rows in _rows(lfdis).items()}


def _rows(lfdis: Iterable[str]) -> dict[str, list[_MeterRow]]:
    """Return each device's own meters or, where it has none, those of its premises."""
    own: dict[str, list[_MeterRow]] = defaultdict(list)
    premises: dict[str, list[_MeterRow]] = defaultdict(list)
    for chunk in chunked(lfdis, _CHUNK):
        for lfdi, href, factor, kind, injection_w, read_at in sql.rows(
            f"{_METERS}d.lfdi IN ({sql.marks(len(chunk))})", *chunk
        ):
            meters_of = premises if kind == "premises" else own
            meters_of[lfdi].append(_MeterRow(href, factor, injection_w, read_at))
    return premises | own


def latest(lfdis: Iterable[str]) -> dict[str, Power]:
    """Return the newest injection of each device that has one."""
    powers = {}
    for lfdi, rows in _rows(lfdis).items():
        read = [(row.injection_w, row.read_at) for row in rows
                if row.injection_w is not None and row.read_at is not None]
        if read:
            powers[lfdi] = Power(sum(injection_w for injection_w, _ in read), max(at for _, at in read))
    return powers


def mean(lfdis: Iterable[str], start: int, end: int) -> dict[str, float]:
    """Return the mean injection (W) of each device over [start, end), from the readings that began then.

    They are weighted by their duration, instantaneous ones as of 1 s.
    """
    mean_w = {}
    for lfdi, device_meters in meters(lfdis).items():
        means = []
        for meter in device_meters:
            rows = [
                (duration_s or 1, value)
                for _, duration_s, value in meterreadings.between(meter.href, start, end)
                if value is not None
            ]
            if rows:
                total_s = sum(duration_s for duration_s, _ in rows)
                means.append(meter.factor * sum(duration_s * value for duration_s, value in rows) / total_s)
        if means:
            mean_w[lfdi] = sum(means)
    return mean_w


def energy_wh(device: int, start: int, end: int) -> float:
    """Return the energy that a device (by number) injected over [start, end), by its mean; 0 where nothing
    was read."""
    row = sql.row("SELECT lfdi FROM device WHERE id = ?", device)
    if row is None:
        return 0.0
    lfdi, = row
    return mean([lfdi], start, end).get(lfdi, 0.0) * (end - start) / 3600
