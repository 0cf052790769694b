"""Caps on the power of single members, step by step, as a schedule of their connection point sets them. Pure.

A cap is a magnitude in W, [n, T] by member and step, infinite where there is none; None stands for no caps at
all, which costs nothing.
"""
from __future__ import annotations

from typing import Any, NamedTuple

from server.grid.optimisation.arrays import Floats, Whole, np


class ClusterBounds(NamedTuple):
    """The greatest power of clusters of sessions, and the least and the most energy that they have at the end
    of each step, [k, T] each."""
    high: Floats
    least: Floats
    most: Floats


def chosen(column: Any, members: Any) -> Any:
    """Return a column, caps or another, of some members, by number, slice or mask."""
    return None if column is None else column[members]


def joined(cap: Floats | None, size: int, more: Floats | None, more_size: int) -> Floats | None:
    """Return the caps of two sets of members, of these sizes, one after the other."""
    if cap is None and more is None:
        return None
    steps = max(0 if part is None else part.shape[1] for part in (cap, more))
    return np.concatenate([
        np.full((count, steps), np.inf) if part is None else part
        for part, count in ((cap, size), (more, more_size))])


def in_step(power: Floats, cap: Floats | None) -> Floats:
    """Return what caps leave of powers [n] in the first step."""
    return power if cap is None else np.minimum(power, cap[:, 0])


def by_cluster(power: Floats, cap: Floats | None, label: Whole, size: int, steps: int) -> Floats:
    """Return the sum [k, T] of what caps leave of powers [n], by cluster (`label` [n]) and step."""
    total = np.bincount(label, power, size).astype(float)
    return np.repeat(total[:, None], steps, axis=1) - cuts(power, cap, label, size, steps)


def cuts(power: Floats, cap: Floats | None, label: Whole, size: int, steps: int) -> Floats:
    """Return the sum [k, T] of what caps take of powers [n], by cluster (`label` [n]) and step."""
    cut = np.zeros((size, steps))
    if cap is not None:
        np.add.at(cut, label, np.maximum(power[:, None] - cap[:, :steps], 0.0))
    return cut


def of_sessions(
    bounds: ClusterBounds, power: Floats, cap: Floats | None, label: Whole, arrive: Whole, depart: Whole,
    hours: float
) -> ClusterBounds:
    """Return the bounds of clusters of sessions (`label` [n]) as caps leave them, which hold from the step
    `arrive` until `depart`. What is lacking then, nobody can make up."""
    if cap is None:
        return bounds
    size, steps = bounds.high.shape
    step = np.arange(steps)[None, :]
    there = (step >= arrive[:, None]) & (step < depart[:, None])
    high = bounds.high - cuts(power, np.where(there, cap[:, :steps], np.inf), label, size, steps)
    most = np.minimum(bounds.most, np.cumsum(high, axis=1) * hours)
    return ClusterBounds(high, bounds.least, most)
