"""Energy that may be given, sold where it earns the most. Pure.

Power is in W, energy in Wh; `gain` [T] is what a kWh earns in a step above what it costs.
"""
from __future__ import annotations

from server.grid.optimisation.arrays import Floats, np


def sell(gain: Floats, power: Floats, energy: Floats, hours: float) -> Floats:
    """Return what each offer [n] gives in each step [n, T]: the steps that earn the most first, those that
    earn the same in equal parts, and none that earns nothing.

    `power` [n, T] is the most that each gives in a step, `energy` [n] in all.
    """
    given = np.zeros(power.shape)
    left = np.maximum(energy, 0.0) / hours
    for worth in np.unique(gain[gain > 0])[::-1]:
        most = np.where(gain == worth, power, 0.0)
        total = most.sum(axis=1)
        part = np.divide(np.minimum(total, left), total, out=np.zeros(len(total)), where=total > 0)
        given += most * part[:, None]
        left = np.maximum(left - total * part, 0.0)
    return given
