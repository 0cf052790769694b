"""Policies of sharing: how a target is divided among members by water-filling (`waterfill`). Pure.

Sign: consumption is positive (load), in W, for targets, bounds and powers; callers that count injection
convert (`dispatch.allocation`). Ratings are magnitudes. Energies are in Wh, times in hours. The common level
is what is made equal: the fraction of a rating or of headroom, the state of charge, the hours of laxity, the
fraction of the comfort band.
"""
from __future__ import annotations

from server.grid.optimisation.arrays import Floats, Whole, np
from server.grid.optimisation.waterfill import FillResult, MemberLines, fill

NEGLIGIBLE_W = 1e-9  # a target unmet_w by less is met


def by_headroom(target: float, present: Floats, lows: Floats, highs: Floats) -> FillResult:
    """The same fraction of its headroom for every member, from its present power towards a bound: level 1 is
    the high bounds, -1 the low ones."""
    return by_remaining_quota(target, present, lows, highs, np.ones_like(lows))


def by_remaining_quota(
    target: float, present: Floats, lows: Floats, highs: Floats, remaining: Floats
) -> FillResult:
    """As `by_headroom`, but in proportion to the `remaining` part (0 to 1) of each member's quota of events,
    too; a member with nothing remaining stays as it is."""
    start = np.clip(present, lows, highs)
    bounds = highs if target >= start.sum() else lows
    return fill(target, MemberLines(start, np.abs(bounds - start) * remaining, lows, highs))


def by_tier(target: float, present: Floats, lows: Floats, highs: Floats, tiers: Whole) -> FillResult:
    """Tier by tier, the lowest number first, by headroom within each: the next tier is used only when the one
    before is exhausted. `level` is that of the last tier used."""
    powers = np.clip(present, lows, highs)
    level = 0.0
    for tier in np.unique(tiers):
        missing_w = target - powers.sum()
        if abs(missing_w) < NEGLIGIBLE_W:
            break
        members = tiers == tier
        own = powers[members]
        filled = by_headroom(own.sum() + missing_w, own, lows[members], highs[members])
        powers[members], level = filled.powers, filled.level
    return FillResult(powers, level, float(target - powers.sum()))


def by_rating(target: float, charge: Floats, discharge: Floats, lows: Floats, highs: Floats) -> FillResult:
    """The same fraction of its rating for every member, as a broadcast opModFixedW has it: of the charge
    rating where the level is positive, of the discharge rating (a magnitude too) where it is negative."""
    zero = np.zeros_like(lows)
    idle = np.clip(zero, lows, highs).sum()
    return fill(target, MemberLines(zero, charge if target >= idle else discharge, lows, highs))


def by_charge(target: float, energy: Floats, least: Floats, most: Floats, efficiency: Floats, hours: float,
              lows: Floats, highs: Floats) -> FillResult:
    """The same state of charge for every member after so many hours: level 0 is down to the reserve, 1 is
    full.

    What is taken in loses once, what is given back once (`efficiency` is of one way). So a line bends at zero
    power; it is two lines, what it charges and what it discharges, and the power their sum.
    """
    short, span = (least - energy) / hours, (most - least) / hours
    charging = MemberLines(short / efficiency, span / efficiency, np.maximum(lows, 0), np.maximum(highs, 0))
    giving = MemberLines(short * efficiency, span * efficiency, np.minimum(lows, 0), np.minimum(highs, 0))
    both = fill(target, MemberLines(*(np.concatenate(parts) for parts in zip(charging, giving, strict=True))))
    return FillResult(both.powers[:len(lows)] + both.powers[len(lows):], both.level, both.unmet_w)


def session_bounds(need: Floats, left: Floats, power: Floats, hours: float) -> tuple[Floats, Floats]:
    """The least and the most a session may draw in a step of so many `hours`, with `left` hours until it
    leaves counted from the step's beginning. The least is what could not be caught up with later, at full
    power."""
    most = np.where(left > 0, np.minimum(power, need / hours), 0.0)
    later = np.maximum(left - hours, 0.0)
    return np.clip((need - power * later) / hours, 0.0, most), most


def by_laxity(target: float, need: Floats, left: Floats, power: Floats, hours: float,
              bounds: tuple[Floats, Floats] | None = None) -> FillResult:
    """The same laxity for every session after the step: hours to spare if it charged at full power from then
    on. The level is that laxity. A session that could not otherwise be full in time runs whatever the
    target, unless there are other `bounds` of the powers."""
    lows, highs = session_bounds(need, left, power, hours) if bounds is None else bounds
    return fill(target, MemberLines((need - power * (left - hours)) / hours, power / hours, lows, highs))


def comfort_bounds(state: Floats, band: Floats, keep: Floats, fall_w: Floats, rise_w: Floats,
                   hours: float) -> tuple[Floats, Floats]:
    """The least and the most that a thermal load may draw beside its base in the step, so that it stays
    within its comfort band: `state` is the Wh stored beyond what comfort asks for, of which the part `keep`
    is left after the step. It can draw `fall_w` less and `rise_w` more than its base. A load outside its band
    may come back by itself."""
    drift = keep * state
    lows = np.maximum(-fall_w, (np.minimum(-band, drift) - drift) / hours)
    highs = np.minimum(rise_w, (np.maximum(band, drift) - drift) / hours)
    return np.minimum(lows, 0.0), np.maximum(highs, 0.0)


def by_comfort(target: float, state: Floats, band: Floats, keep: Floats, fall_w: Floats, rise_w: Floats,
               hours: float) -> FillResult:
    """The same fraction of its comfort band for every thermal load after the step, as one temperature offset
    for all has it; the level is that fraction. Powers, and the target, are what is drawn beside the base."""
    lows, highs = comfort_bounds(state, band, keep, fall_w, rise_w, hours)
    return fill(target, MemberLines(-keep * state / hours, band / hours, lows, highs))
