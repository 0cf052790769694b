"""Registers of energy: counters that only advance, roll over at their size, and are reset at times. Pure."""
from __future__ import annotations

from collections.abc import Sequence

MAX_GAP_S = 86_400  # a register that was not read for a day says nothing of the time between
_ROLLOVER = 0.9  # from this fraction of a register's size on, a step back is taken for a rollover
_SIZES = (*(10 ** digits for digits in range(3, 16)), *(1 << bits for bits in (16, 24, 31, 32, 40, 47)))


def register_intervals(readings: Sequence[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """Return (start, duration, difference) between consecutive readings (instant, value) of a register.

    A register that jumps back near a usual size has rolled over. Else it was reset, and what it counted
    between is unknown, as it is where it was not read for long.
    """
    ordered = sorted(dict(readings).items())
    intervals = []
    for (begin, before), (end, after) in zip(ordered, ordered[1:], strict=False):
        difference = advance(before, after)
        if difference is not None and end - begin <= MAX_GAP_S:
            intervals.append((begin, end - begin, difference))
    return intervals


def advance(before: int, after: int) -> int | None:
    """Return by how much a register advanced between two readings; None where it was reset."""
    if after >= before:
        return after - before
    sizes = [size for size in _SIZES if _ROLLOVER * size <= before < size and after < size]
    return min(sizes) - before + after if sizes else None
