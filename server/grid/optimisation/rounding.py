"""Powers rounded to what a control can carry: one percent for all, or whole steps for each member. Pure.

A percent is of the rating that fits its direction: + of `up`, - of `down`, which are magnitudes. Signs of
powers are the caller's.
"""
from __future__ import annotations

from server.grid.optimisation.arrays import Floats, Whole, np
from server.resources.quantities import FULL


def percent(level: float) -> int:
    """A fraction of a rating in hundredths of a percent, held to ±100 %."""
    return min(max(round(level * FULL), -FULL), FULL)


def broadcast(level: int, up: Floats, down: Floats, lows: Floats, highs: Floats) -> Floats:
    """The powers of members that all receive the same percent (hundredths) of their rating."""
    return np.clip(level / FULL * (up if level >= 0 else down), lows, highs)


def to_steps(powers: Floats, steps: Floats, lows: Floats, highs: Floats) -> Whole:
    """Powers as whole numbers of each member's step, within the bounds and so that the sum stays nearest.

    Each is rounded down or up; the sum decides which are rounded up, the greatest remainder first. So the
    group's error is at most half a step, not half a step for each. A member with no step between its bounds
    gets the nearest.
    """
    least, most = np.ceil(lows / steps), np.floor(highs / steps)
    below = np.floor(powers / steps)
    counts = np.where(most < least, np.round(powers / steps), np.minimum(np.maximum(below, least), most))
    free = np.flatnonzero((least <= below) & (below < most))
    missing = float(powers.sum() - (counts * steps).sum())
    for number in free[np.argsort((below - powers / steps)[free], kind="stable")].tolist():
        if missing >= steps[number] / 2:
            counts[number] += 1
            missing -= float(steps[number])
    return counts.astype(np.intp)
