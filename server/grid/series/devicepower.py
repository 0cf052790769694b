"""The power of a device from the readings of its meters, as one consistent set of them. Pure.

A meter here is a MeterReading (see `meteruse`). At an instant, or in a step of time, the power of a device is
the sum over its usage points, of each by the first of its alternatives of which every part is known. What is
not known is unknown: a part, a usage point, and so the device.

Rows and columns: m meters, d owners (a device, or what it measures), t steps. NaN is unknown.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from server.grid.optimisation.arrays import Bools, Floats, Whole, np
from server.grid.series.meterrows import MeterRow

GIVEN_UP_S = 86_400  # a usage point that was not read for a day is no longer waited for
_ALTERNATIVES, _PARTS = 32, 8192  # more than there are (see meteruse)


@dataclass(frozen=True, kw_only=True)
class MeterRows:
    """The meters [m] of owners, in any order.

    `owner` is the index of whom a meter belongs to, `slot` a number for each usage point (that of its
    successor, where a mirror was made anew), `alternative`, `part` and `needed` are as in
    `meteruse.MeterUse`. `first_read_at` and `read_at` are the ends of its first and newest readings (UTC, s),
    NaN where there is none.
    """
    owner: Whole
    slot: Whole
    alternative: Whole
    part: Whole
    needed: Bools
    first_read_at: Floats
    read_at: Floats


def arrays(rows: Sequence[MeterRow], owner: Whole) -> MeterRows:
    """Return meters as arrays; `owner` [m] is the index of whom each belongs to."""
    numbers: dict[tuple[int, str], int] = {}
    slots = [numbers.setdefault((index, row.slot or row.href), len(numbers))
             for index, row in zip(owner.tolist(), rows, strict=True)]
    return MeterRows(
        owner=owner,
        slot=np.array(slots, dtype=np.intp),
        alternative=np.array([row.alternative or 0 for row in rows], dtype=np.intp),
        part=np.array([row.part or 0 for row in rows], dtype=np.intp),
        needed=np.array([bool(row.needed) for row in rows], dtype=bool),
        first_read_at=np.array([row.first_read_at for row in rows], dtype=float),
        read_at=np.array([row.read_at for row in rows], dtype=float),
    )


class MeterEnergy(NamedTuple):
    """What meters read in each step, [m, t] each: W x s of injection, and the seconds of which it is."""
    energy_ws: Floats
    seconds: Floats


def of_instant(meters: MeterRows, injection_w: Floats, known: Bools, at: int, owners: int) -> Floats:
    """Return [d]: the power of each owner at an instant (UTC, s), from the newest value of each meter [m].

    `known` is which values are of about this instant.
    """
    newest = _newest_of_part(meters)
    usable = known & newest & np.isfinite(injection_w)
    energy = MeterEnergy(np.where(usable, injection_w, 0.0)[:, None], usable[:, None].astype(float))
    return of_steps(meters, energy, at, 0, owners)[:, 0]


def _newest_of_part(meters: MeterRows) -> Bools:
    """Return [m]: which meters were read last of those that are the same part."""
    key = _part_numbers(meters)
    read_at = np.nan_to_num(meters.read_at, nan=-np.inf)
    latest = np.full(key.max(initial=-1) + 1, -np.inf)
    np.maximum.at(latest, key, read_at)
    return read_at == latest[key]  # type: ignore[no-any-return]


def of_steps(meters: MeterRows, energy: MeterEnergy, start: int, step: int, owners: int) -> Floats:
    """Return [d, t]: the mean power of each owner in steps of `step` seconds from `start` (UTC, s) on."""
    steps = energy.seconds.shape[1]
    begins = start + step * np.arange(steps)
    ends = begins + step
    part = _part_numbers(meters)
    part_meter = _first_of(part)  # a meter of each part
    alternative = _ranks(meters.slot[part_meter] * _ALTERNATIVES + meters.alternative[part_meter])
    alternative_meter = part_meter[_first_of(alternative)]
    slot, first_of_slot = np.unique(meters.slot, return_index=True)
    part_w = _mean(_sums(part, energy.energy_ws), _sums(part, energy.seconds))
    needed = _sums(part, meters.needed[:, None].astype(float)) > 0
    expected = needed | (_lowest(part, meters.first_read_at)[:, None] <= ends)
    alternative_w = _complete(alternative, part_w, expected)
    slot_of_alternative = np.searchsorted(slot, meters.slot[alternative_meter])
    slot_w = np.full((len(slot), steps), np.nan)
    for index in np.argsort(-meters.alternative[alternative_meter], kind="stable").tolist():
        row = slot_of_alternative[index]
        slot_w[row] = np.where(np.isfinite(alternative_w[index]), alternative_w[index], slot_w[row])
    slots = np.searchsorted(slot, meters.slot)
    first, last = _lowest(slots, meters.first_read_at), -_lowest(slots, -meters.read_at)
    awaited = (first[:, None] < ends) & (begins <= last[:, None] + GIVEN_UP_S)
    return _complete(meters.owner[first_of_slot], slot_w, awaited, owners)


def _part_numbers(meters: MeterRows) -> Whole:
    """Return [m]: a number for each different part, in the order of slots and alternatives."""
    return _ranks((meters.slot * _ALTERNATIVES + meters.alternative) * _PARTS + meters.part)


def _ranks(keys: Whole) -> Whole:
    return np.unique(keys, return_inverse=True)[1].reshape(-1)


def _first_of(numbers: Whole) -> Whole:
    """Return the index of the first occurrence of each number."""
    return np.unique(numbers, return_index=True)[1]


def _sums(index: Whole, values: Floats, size: int | None = None) -> Floats:
    """Return the sums of the rows of `values` by their index."""
    sums = np.zeros((int(index.max(initial=-1)) + 1 if size is None else size, values.shape[1]))
    np.add.at(sums, index, values)
    return sums


def _lowest(index: Whole, values: Floats) -> Floats:
    """Return the least of the values by their index, infinite where all are NaN."""
    least = np.full(int(index.max(initial=-1)) + 1, np.inf)
    np.minimum.at(least, index, np.where(np.isnan(values), np.inf, values))
    return least


def _mean(sums: Floats, weights: Floats) -> Floats:
    means: Floats = np.divide(sums, weights, out=np.full(sums.shape, np.nan), where=weights > 0)
    return means


def _complete(index: Whole, values: Floats, expected: Bools, size: int | None = None) -> Floats:
    """Return the sums of the rows of `values` by their index; NaN where one that is expected is unknown, or
    none is known."""
    known = np.isfinite(values)
    sums = _sums(index, np.where(known, values, 0.0), size)
    missing = _sums(index, (expected & ~known).astype(float), size)
    count = _sums(index, known.astype(float), size)
    return np.where((missing == 0) & (count > 0), sums, np.nan)
