"""Water-filling: powers of members that sum to a target, with one level common to all. Pure.

Each member is a line, power = offset + level · slope within [low, high]. The sum grows with the level, bent
where a member meets a bound: sorting these 2n points finds the level in O(n log n), exactly. Powers are in W
in the sign of the caller: what goes in positive for consumption comes out so.
"""
from __future__ import annotations

from typing import NamedTuple

from server.grid.optimisation.arrays import Floats, np

SMALLEST_SLOPE = 1e-200  # a slope up to this counts as 0: the level at which a bound is met would overflow


class MemberLines(NamedTuple):
    """The members' lines, arrays of one length. Slopes are not negative, lows not above highs."""
    offsets: Floats
    slopes: Floats
    lows: Floats
    highs: Floats


class FillResult(NamedTuple):
    """`powers` of the members, their common `level`, and `unmet_w`: the part of the target that the bounds
    forbid."""
    powers: Floats
    level: float
    unmet_w: float


def fill(target: float, line: MemberLines) -> FillResult:
    """Powers that sum to the target, or to the nearest sum within the bounds. A member whose slope is 0 gets
    its offset, held within its bounds."""
    offsets, slopes, lows, highs = line
    if not offsets.shape == slopes.shape == lows.shape == highs.shape:
        raise ValueError("offsets, slopes, lows and highs differ in length")
    if (slopes < 0).any() or (lows > highs).any():
        raise ValueError("a member has a negative slope, or a low bound above its high one")
    moving = slopes > SMALLEST_SLOPE
    still = np.clip(offsets, lows, highs)
    if not moving.any():
        return FillResult(still, 0.0, target - still.sum())
    fixed = still[~moving].sum()
    least, most = fixed + lows[moving].sum(), fixed + highs[moving].sum()
    reachable = min(max(target, least), most)
    level = _level(reachable - least, MemberLines(*(part[moving] for part in line)))
    powers = np.where(moving, np.clip(offsets + level * slopes, lows, highs), still)
    return FillResult(powers, level, target - reachable)


def _level(rise: float, line: MemberLines) -> float:
    """The least level at which the sum has risen so much above its minimum."""
    offsets, slopes, lows, highs = line
    bends = np.concatenate(((lows - offsets) / slopes, (highs - offsets) / slopes))
    order = np.argsort(bends)
    bends = bends[order]
    steep = np.cumsum(np.concatenate((slopes, -slopes))[order])[:-1]
    risen = np.concatenate(((0.0,), np.cumsum(steep * np.diff(bends))))
    bend = min(max(int(np.searchsorted(risen, rise)), 1), len(bends) - 1)
    if steep[bend - 1] <= 0 or risen[bend] <= risen[bend - 1]:
        return float(bends[bend])
    share = (rise - risen[bend - 1]) / (risen[bend] - risen[bend - 1])
    return float(bends[bend - 1] + min(max(share, 0.0), 1.0) * (bends[bend] - bends[bend - 1]))
