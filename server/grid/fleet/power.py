"""What devices inject, from the readings they post (see `meters`)."""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from peewee import chunked

from server.grid.fleet.meters import Meter
from server.resources import meterreadings, sql

_CHUNK = 400
_OF = ("SELECT d.lfdi, m.href, m.factor, m.kind, m.injection_w, m.read_at FROM meter m "
       "JOIN device d ON m.device_id = d.id WHERE ")


class Power(NamedTuple):
    """W of injection, and the time it is of."""
    watts: float
    at: int


def meters(lfdis: Iterable[str]) -> dict[str, list[Meter]]:
    """Where each device's injection is read; devices that mirror no active power are left out."""
    return {lfdi: [Meter(href, factor) for href, factor, _, _ in rows] for lfdi, rows in _rows(lfdis).items()}


def _rows(lfdis: Iterable[str]) -> dict[str, list[tuple[str, float, float | None, int | None]]]:
    """Of each device (href, factor, watts, at) of its own meters, or, where it has none, of those of its
    premises."""
    found: dict[str, dict[bool, list[tuple[str, float, float | None, int | None]]]] = defaultdict(
        lambda: {True: [], False: []}
    )
    for some in chunked(lfdis, _CHUNK):
        for lfdi, href, factor, what, watts, at in sql.rows(
            f"{_OF}d.lfdi IN ({sql.marks(len(some))})", *some
        ):
            found[lfdi][what == "premises"].append((href, factor, watts, at))
    return {lfdi: rows[False] or rows[True] for lfdi, rows in found.items()}


def latest(lfdis: Iterable[str]) -> dict[str, Power]:
    """The newest injection of each device that has one."""
    return {
        lfdi: Power(sum(watts for watts, _ in read), max(at for _, at in read))
        for lfdi, rows in _rows(lfdis).items()
        if (read := [(watts, at) for _, _, watts, at in rows if watts is not None and at is not None])
    }


def mean(lfdis: Iterable[str], start: int, end: int) -> dict[str, float]:
    """The mean injection of each device over [start, end), from the readings that began then; an instant
    counts as long as every other."""
    found = {}
    for lfdi, read in meters(lfdis).items():
        means = []
        for meter in read:
            rows = [
                (duration or 1, value)
                for _, duration, value in meterreadings.between(meter.href, start, end)
                if value is not None
            ]
            if rows:
                means.append(meter.factor * sum(duration * value for duration, value in rows)
                             / sum(duration for duration, _ in rows))
        if means:
            found[lfdi] = sum(means)
    return found


def energy(device: int, start: int, end: int) -> float:
    """Wh that a device (its number) injected over [start, end), by its mean; 0 where nothing was read."""
    return (
        sum(
            mean([lfdi], start, end).get(lfdi, 0.0)
            for (lfdi,) in sql.rows("SELECT lfdi FROM device WHERE id = ?", device)
        )
        * (end - start)
        / 3600
    )
