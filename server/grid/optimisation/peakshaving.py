"""Energy that may be given within windows, spent where the most is left over. Pure.

Power is in W, energy in Wh; `excess` [T] is consumption beyond what an area is to draw.
"""
from __future__ import annotations

from server.grid.optimisation.arrays import Bools, Floats, np

_HALVINGS = 50


def shave(excess: Floats, power: Floats, energy: Floats, within: Bools, hours: float) -> Floats:
    """Return what each offer [n] gives in each step [n, T], so that the highest steps become as low as can
    be.

    `power` [n, T] is the most that each gives in a step, `energy` [n] in all, `within` [n, T] its window. The
    offers come in the order of their ends; none gives more than is left over.
    """
    given = np.zeros(power.shape)
    left = np.maximum(excess, 0.0)
    last = np.where(within.any(axis=1), power.shape[1] - np.argmax(within[:, ::-1], axis=1), 0)
    for number in np.argsort(last, kind="stable").tolist():
        most = np.where(within[number], np.minimum(power[number], left), 0.0)
        given[number] = _above_level(left, most, float(energy[number]) / hours)
        left = left - given[number]
    return given


def _above_level(left: Floats, most: Floats, total: float) -> Floats:
    """The power of each step above a common level, up to `most`, which comes to `total` or to all."""
    if most.sum() <= total:
        return most
    low, high = 0.0, float(left.max(initial=0.0))
    for _ in range(_HALVINGS):
        level = (low + high) / 2
        low, high = (level, high) if np.clip(left - level, 0, most).sum() > total else (low, level)
    return np.asarray(np.clip(left - high, 0, most), dtype=float)
