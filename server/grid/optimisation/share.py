"""A target divided among members: water-filling, and its rounding to the wire. Pure.

Every policy is a line for each member, power = offset + level · slope within [low, high], and one level
common to all. The sum grows with the level, bent where a member meets a bound: sorting these 2n points finds
the level in O(n log n), exactly. What is equal about the shares is what the level stands for: the fraction of
a rating, of headroom, of a state of charge.

The sequences run over the members in one order; any sequence of numbers will do. Where there are many, arrays
do the same (`waterfill`).
"""
from collections.abc import Sequence
from math import ceil, floor, fsum
from typing import NamedTuple

from server.resources.quantities import FULL

Numbers = Sequence[float]
MANY = 1000


class Shares(NamedTuple):
    """`powers` of the members, the common `level`, and `missed`: the part of the target that the bounds
    forbid."""
    powers: list[float]
    level: float
    missed: float


def fill(target: float, offsets: Numbers, slopes: Numbers, lows: Numbers, highs: Numbers) -> Shares:
    """Shares that sum to the target, or to the nearest sum within the bounds. Slopes are not negative, lows
    not above highs; a member whose slope is 0 gets its offset."""
    if not len(offsets) == len(slopes) == len(lows) == len(highs):
        raise ValueError("offsets, slopes, lows and highs differ in length")
    if len(offsets) >= MANY:
        return _fill_many(target, offsets, slopes, lows, highs)
    bends: list[tuple[float, float]] = []
    bottom, top = [], []
    for offset, slope, low, high in zip(offsets, slopes, lows, highs, strict=True):
        if slope < 0 or low > high:
            raise ValueError(f"no member can have slope {slope} and bounds {low} to {high}")
        if slope > 0:
            bends += ((low - offset) / slope, slope), ((high - offset) / slope, -slope)
            bottom.append(low)
            top.append(high)
        else:
            bottom.append(min(max(offset, low), high))
            top.append(bottom[-1])
    reachable = min(max(target, fsum(bottom)), fsum(top))
    level = _level(reachable - fsum(bottom), bends)
    powers = [min(max(offset + level * slope, low), high)
              for offset, slope, low, high in zip(offsets, slopes, lows, highs, strict=True)]
    return Shares(powers, level, target - reachable)


def _fill_many(target: float, *line: Numbers) -> Shares:
    from server.grid.optimisation import waterfill
    from server.grid.optimisation.arrays import np
    filled = waterfill.fill(target, waterfill.MemberLines(*(np.asarray(part, dtype=float) for part in line)))
    return Shares(filled.powers.tolist(), filled.level, float(filled.missed))


def _level(rise: float, bends: list[tuple[float, float]]) -> float:
    """The least level at which the sum has risen so much above its minimum."""
    bends.sort()
    slope, at = 0.0, bends[0][0] if bends else 0.0
    for bend, change in bends:
        gain = slope * (bend - at)
        if gain >= rise and slope > 0:
            return at + rise / slope
        rise -= gain
        at = bend
        slope += change
    return at


def by_rating(target: float, charge: Numbers, discharge: Numbers, lows: Numbers, highs: Numbers) -> Shares:
    """The same fraction of its rating for everyone, as opModFixedW has it: of the discharge rating where the
    level is positive, of the charge rating (a magnitude) where it is negative."""
    zero = [0.0] * len(lows)
    idle = fsum(min(max(0.0, low), high) for low, high in zip(lows, highs, strict=True))
    return fill(target, zero, discharge if target >= idle else charge, lows, highs)


def by_headroom(target: float, present: Numbers, lows: Numbers, highs: Numbers) -> Shares:
    """The same fraction of its headroom for everyone, from the present powers towards the bound: level 1 is
    the high bounds, -1 the low ones."""
    start = [min(max(power, low), high) for power, low, high in zip(present, lows, highs, strict=True)]
    if target >= fsum(start):
        return fill(
            target, start, [high - power for power, high in zip(start, highs, strict=True)], lows, highs
        )
    return fill(target, start, [power - low for power, low in zip(start, lows, strict=True)], lows, highs)


def by_turn(target: float, present: Numbers, lows: Numbers, highs: Numbers, left: Numbers) -> Shares:
    """As by headroom, but each in proportion to what it has `left` (0 to 1) of what it owes, too; who has
    nothing left stays as it is."""
    start = [min(max(power, low), high) for power, low, high in zip(present, lows, highs, strict=True)]
    bounds = highs if target >= fsum(start) else lows
    slopes = [abs(bound - power) * part for bound, power, part in zip(bounds, start, left, strict=True)]
    return fill(target, start, slopes, lows, highs)


def by_tier(target: float, present: Numbers, lows: Numbers, highs: Numbers, tiers: Sequence[int]) -> Shares:
    """Tier by tier, the lowest number first, by headroom within each: the next is asked only when the one
    before has given all that it can."""
    powers = [min(max(power, low), high) for power, low, high in zip(present, lows, highs, strict=True)]
    level = 0.0
    for tier in sorted(set(tiers)):
        rest = target - fsum(powers)
        if abs(rest) < 1e-9:
            break
        places = [place for place, one in enumerate(tiers) if one == tier]
        own, low, high = ([values[place] for place in places] for values in (powers, lows, highs))
        filled = by_headroom(fsum(own) + rest, own, low, high)
        level = filled.level
        for place, power in zip(places, filled.powers, strict=True):
            powers[place] = power
    return Shares(powers, level, target - fsum(powers))


def by_charge(target: float, energy: Numbers, least: Numbers, most: Numbers, hours: float,
              lows: Numbers, highs: Numbers) -> Shares:
    """The same state of charge for everyone after so many hours: level 0 is full, 1 is down to the reserve.
    Energies in Wh; losses are left out, since they are alike for all."""
    return fill(target, [(now - full) / hours for now, full in zip(energy, most, strict=True)],
                [(full - empty) / hours for empty, full in zip(least, most, strict=True)], lows, highs)


def percent(level: float) -> int:
    """A level of `by_rating` in hundredths of a percent, held to ±100 %."""
    return min(max(round(level * FULL), -FULL), FULL)


def broadcast(level: int, charge: Numbers, discharge: Numbers, lows: Numbers, highs: Numbers) -> list[float]:
    """What members will do when all are told the same percent (hundredths) of their rating."""
    return [min(max(level / FULL * (up if level >= 0 else down), low), high)
            for up, down, low, high in zip(discharge, charge, lows, highs, strict=True)]


def to_steps(powers: Numbers, steps: Numbers, lows: Numbers, highs: Numbers) -> list[int]:
    """Powers as whole numbers of each member's step, within the bounds and so that the sum stays nearest.

    Each is rounded down or up; who goes up is decided by the sum, the greatest remainder first. So the
    group's error is at most half a step, not half a step for each. A member with no step between its bounds
    gets the nearest.

    """
    counts: list[int] = []
    wishes: list[tuple[float, int]] = []
    for place, (power, unit, low, high) in enumerate(zip(powers, steps, lows, highs, strict=True)):
        least, most = ceil(low / unit), floor(high / unit)
        below = floor(power / unit)
        if most < least:
            counts.append(round(power / unit))
        elif least <= below < most:
            counts.append(below)
            wishes.append((below - power / unit, place))
        else:
            counts.append(min(max(below, least), most))
    short = fsum(powers) - fsum(count * unit for count, unit in zip(counts, steps, strict=True))
    for _, place in sorted(wishes):
        if short >= steps[place] / 2:
            counts[place] += 1
            short -= steps[place]
    return counts
