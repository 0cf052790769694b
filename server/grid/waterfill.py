"""Water-filling over arrays: `share.fill` for whole fleets, 100,000 members in some milliseconds. Pure.

Each member is a line, power = offset + level · slope within [low, high]; all have one level, and it is found by sorting
the 2n points where a line meets a bound. Signs are the caller's: what goes in with + for consumption comes out so.
"""
from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from server.grid.arrays import Floats, Whole, np


class Line(NamedTuple):
    """The members' lines, arrays of one length. Slopes are not negative, lows not above highs."""
    offsets: Floats
    slopes: Floats
    lows: Floats
    highs: Floats


class Filled(NamedTuple):
    """`powers` of the members, their common `level`, and `missed`: the part of the target that the bounds forbid."""
    powers: Floats
    level: float
    missed: float


def fill(target: float, line: Line) -> Filled:
    """Powers that sum to the target, or to the nearest sum within the bounds. A member whose slope is 0 gets its
    offset, held within its bounds."""
    offsets, slopes, lows, highs = line
    if not offsets.shape == slopes.shape == lows.shape == highs.shape:
        raise ValueError("offsets, slopes, lows and highs differ in length")
    if (slopes < 0).any() or (lows > highs).any():
        raise ValueError("a member has a negative slope, or a low bound above its high one")
    moving = slopes > 0
    still = np.clip(offsets, lows, highs)
    if not moving.any():
        return Filled(still, 0.0, target - still.sum())
    fixed = still[~moving].sum()
    least, most = fixed + lows[moving].sum(), fixed + highs[moving].sum()
    reachable = min(max(target, least), most)
    level = _level(reachable - least, Line(*(part[moving] for part in line)))
    powers = np.where(moving, np.clip(offsets + level * slopes, lows, highs), still)
    return Filled(powers, level, target - reachable)


def _level(rise: float, line: Line) -> float:
    """The least level at which the sum has risen so much above its minimum."""
    offsets, slopes, lows, highs = line
    bends = np.concatenate(((lows - offsets) / slopes, (highs - offsets) / slopes))
    order = np.argsort(bends)
    bends = bends[order]
    steep = np.cumsum(np.concatenate((slopes, -slopes))[order])[:-1]
    risen = np.concatenate(((0.0,), np.cumsum(steep * np.diff(bends))))
    place = min(max(int(np.searchsorted(risen, rise)), 1), len(bends) - 1)
    if steep[place - 1] <= 0 or risen[place] <= risen[place - 1]:
        return float(bends[place])
    share = (rise - risen[place - 1]) / (risen[place] - risen[place - 1])
    return float(bends[place - 1] + min(max(share, 0.0), 1.0) * (bends[place] - bends[place - 1]))


def by_tier(target: float, line: Line, idle: Floats, tiers: Whole) -> Filled:
    """Tier by tier, the lowest number first: the next is moved off its idle power only when the one before has given
    all. `level` is that of the last tier that was moved."""
    powers = np.clip(idle, line.lows, line.highs)
    level = 0.0
    for tier in _distinct(tiers):
        missing = target - powers.sum()
        if abs(missing) < 1e-9 * max(1.0, abs(target)):
            break
        asked = tiers == tier
        some = Line(*(part[asked] for part in line))
        start = powers[asked]
        # No member of the tier is driven away from the target so that another can go further towards it.
        some = some._replace(lows=start) if missing > 0 else some._replace(highs=start)
        filled = fill(start.sum() + missing, some)
        powers[asked], level = filled.powers, filled.level
    return Filled(powers, level, target - powers.sum())


def by_group(targets: Iterable[float], line: Line, groups: Whole) -> Filled:
    """Each group by itself: group g's members sum to the g-th target. `level` is the mean of the groups' levels."""
    powers = np.clip(line.offsets, line.lows, line.highs)
    order = np.argsort(groups, kind="stable")
    wanted = np.asarray(list(targets), dtype=float)
    edges = np.searchsorted(groups[order], np.arange(len(wanted) + 1))
    levels, missed = [], 0.0
    for target, start, end in zip(wanted, edges[:-1], edges[1:], strict=True):
        inside = order[start:end]
        filled = fill(float(target), Line(*(part[inside] for part in line)))
        powers[inside] = filled.powers
        levels.append(filled.level)
        missed += filled.missed
    return Filled(powers, float(np.mean(levels)) if levels else 0.0, missed)


def _distinct(tiers: Whole) -> list[int]:
    return [int(tier) for tier in np.unique(tiers)]
