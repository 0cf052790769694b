"""What came of an event: what would have been, what was delivered of what was expected, and what came back.
Pure.

Consumption is positive, in W; energies in Wh; a delivery is a change of consumption, so less consumption (or
more injection) is negative, as it was expected. A home's baseline is uncertain by a third: settle on the sum
of a group.
"""
from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from server.grid.optimisation.arrays import Bools, Floats, np

BASELINE_DAYS = 10
MIN_LEARNED_DAYS = 3  # of default behaviour
WINDOW_HOURS, GAP_HOURS = 4, 1
COMPARED_HOURS = WINDOW_HOURS + GAP_HOURS  # before an event, with which its day is compared
ADJUSTMENT_CAP = 0.4
MULTIPLICATIVE, ADDITIVE = "multiplicative adjustment", "additive adjustment"
ZERO_FRACTION = 0.01  # of the greatest load: less injection than that is the meter's error
FAR_DEVIATIONS = 3.0  # standard deviations of like days, beyond which a day is unlike all of them
MIN_COMPARED_STEPS = 2
MIN_ASKED_WH = 0.25  # of an event: less says nothing about performance
RESPONSE_FRACTION, MISSES_IN_A_ROW = 0.2, 2


class Adjustment(NamedTuple):
    """How a day differs from its like days, by the `steps` before the event that could be compared.

    It is a `factor` of the load, or a shift of it by `shift_w`. `rule` is its name in the market, empty where
    there is none.
    """
    rule: str = ""
    factor: float = 1.0
    shift_w: float = 0.0
    steps: int = 0


class Baseline(NamedTuple):
    """`values` [event's steps] is what would have been drawn; `days` how many were averaged, `adjustment` how
    the day differed from them."""
    values: Floats
    adjustment: Adjustment
    days: int
    method: str


def ten_of_ten(days: Floats, today: Floats, begin: int, end: int, per_hour: int, ours: Bools | None = None,
               ours_today: Bools | None = None) -> Baseline:
    """The mean of the last ten days like this one on which we asked for nothing then, put right by the same
    day (see `_same_day`).

    `days` [d, steps] are like days, the newest last, `today` [steps] the day; the event is [begin, end) in
    steps of a day, NaN a gap. `ours` and `ours_today` say when orders of ours were at work, pre-heating and
    rebound with them: such steps neither make a baseline nor put it right. ValueError where no day is left.
    """
    ours = np.zeros(days.shape, dtype=bool) if ours is None else ours
    ours_today = np.zeros(today.shape, dtype=bool) if ours_today is None else ours_today
    fit = np.isfinite(days[:, begin:end]).all(axis=1) & ~ours[:, begin:end].any(axis=1)
    if not fit.any():
        raise ValueError(f"none of {len(days)} days is without gap and without an event of ours in that time")
    chosen = np.flatnonzero(fit)[-BASELINE_DAYS:]
    like = np.where(ours[chosen], np.nan, days[chosen])
    known = np.isfinite(like)
    usual = np.divide(np.where(known, like, 0).sum(axis=0), known.sum(axis=0),
                      out=np.full(len(today), np.nan), where=known.any(axis=0))
    adjustment = _same_day(like, usual, np.where(ours_today, np.nan, today), slice(begin, end), per_hour)
    values = usual[begin:end] * adjustment.factor + adjustment.shift_w
    return Baseline(values, adjustment, len(chosen), f"10 of 10{adjustment.rule and ', '}{adjustment.rule}")


def _same_day(like: Floats, usual: Floats, today: Floats, event: slice, per_hour: int) -> Adjustment:
    """How today differs from the mean of like days [d, steps], in the four hours that end an hour before.

    A load that may pass zero (behind a meter with generation or storage) is shifted; a factor would do
    nothing, or turn a rise into a fall. One that cannot is scaled, by at most ADJUSTMENT_CAP. None where
    there is too little to compare.
    """
    last = max(event.start - GAP_HOURS * per_hour, 0)
    window = slice(max(last - WINDOW_HOURS * per_hour, 0), last)
    both = np.isfinite(usual[window]) & np.isfinite(today[window])
    steps = int(both.sum())
    usual_w, today_w = usual[window][both], today[window][both]
    if steps < MIN_COMPARED_STEPS:
        return Adjustment()
    if may_pass_zero(like, today):
        shift_w = float((today_w - usual_w).mean())
        carried = _carried(shift_w, like[:, window][:, both] - usual_w, like[:, event] - usual[event])
        return Adjustment(ADDITIVE, shift_w=shift_w * carried, steps=steps)
    if usual_w.sum() <= 0:
        return Adjustment()
    factor = float(today_w.sum() / usual_w.sum())
    return Adjustment(
        MULTIPLICATIVE, min(max(factor, 1 - ADJUSTMENT_CAP), 1 + ADJUSTMENT_CAP), steps=steps)


def may_pass_zero(*loads_w: Floats) -> bool:
    """Whether one of these loads injects at a time, beyond what a meter is wrong by."""
    known = np.concatenate([load_w[np.isfinite(load_w)] for load_w in loads_w])
    return bool(len(known)) and float(known.min()) < -ZERO_FRACTION * float(np.abs(known).max())


def _carried(shift_w: float, before_w: Floats, then_w: Floats) -> float:
    """The fraction of a shift before an event that lasts into it, by how like days [d, steps] differed from
    their mean before and then: clouds at noon say little of the evening.

    It is the slope of a line through the days, from 0 to 1. Where today differs by far more than they do
    among themselves, they say nothing, and all of it lasts.
    """
    known = np.isfinite(before_w).any(axis=1) & np.isfinite(then_w).any(axis=1)
    before, then = (np.nanmean(values_w[known], axis=1) for values_w in (before_w, then_w))
    variance = float(before @ before)
    beyond = max(shift_w ** 2 - FAR_DEVIATIONS ** 2 * variance / max(len(before), 1), 0.0)
    if variance + beyond <= 0:
        return 1.0
    return min(max((float(before @ then) + beyond) / (variance + beyond), 0.0), 1.0)


def default_behaviour(days: Floats, ours: Bools) -> Floats:
    """The mean, of each step of a day, over the last ten of these days [d, steps] (the newest last) on which
    we asked for nothing then (`ours`, [d, steps]); NaN where there are fewer than MIN_LEARNED_DAYS."""
    known = np.isfinite(days) & ~ours
    newer = np.cumsum(known[::-1], axis=0)[::-1]
    chosen = known & (newer <= BASELINE_DAYS)
    count = chosen.sum(axis=0)
    unknown = np.full(days.shape[1], np.nan)
    means: Floats = np.divide(
        np.where(chosen, days, 0).sum(axis=0), count, out=unknown, where=count >= MIN_LEARNED_DAYS)
    return means


class DirectionEnergy(NamedTuple):
    """The energies of one direction, in Wh: what was `asked`, what was `delivered` along that (below 0 where
    it was the opposite), and what of that is `credited`: in no step more than was asked."""
    asked: float
    delivered: float
    credited: float

    @property
    def figure(self) -> float | None:
        """What is credited of what was asked, as a fraction; None where next to nothing was asked."""
        return self.credited / self.asked if self.asked > MIN_ASKED_WH else None


class Performance(NamedTuple):
    """The energies over an event: `up` where more injection (or less load) was asked, `down` where less."""
    up: DirectionEnergy
    down: DirectionEnergy

    @property
    def figure(self) -> float | None:
        """What is credited of all that was asked, whichever way: 1 is all, below 0 the opposite; None where
        next to nothing was asked."""
        return _together(self.up, self.down).figure


def performance(asked_w: Floats, delivered_w: Floats, hours: Floats | float) -> Performance:
    """The performance of one member [t] or, with a row for each member, of a group [n, t].

    Both are changes of injection against the baseline, in W, NaN where not known; `hours` is the length of
    the steps, [t] or of all. In each step, what was asked for in one direction is summed over members, and so
    is what those delivered: nobody makes up for a change in the other direction, or of another step. What is
    not known counts neither as asked nor as delivered.
    """
    asked_w, delivered_w = np.atleast_2d(asked_w), np.atleast_2d(delivered_w)
    known = np.isfinite(asked_w) & np.isfinite(delivered_w)
    asked_w, delivered_w = (np.where(known, change_w, 0) for change_w in (asked_w, delivered_w))
    return Performance(*(_direction(sign * asked_w, sign * delivered_w, hours) for sign in (1, -1)))


def _direction(asked_w: Floats, delivered_w: Floats, hours: Floats | float) -> DirectionEnergy:
    chosen = asked_w > 0
    asked_wh, delivered_wh = (np.where(chosen, change_w, 0).sum(axis=0) * hours
                              for change_w in (asked_w, delivered_w))
    return DirectionEnergy(*(float(energy_wh.sum()) for energy_wh in (
        asked_wh, delivered_wh, np.minimum(delivered_wh, asked_wh))))


def total(performances: Iterable[Performance]) -> Performance:
    """The sum of several events."""
    events = list(performances)
    return Performance(*(_together(*direction) for direction in zip(*events, strict=True))) if events else (
        Performance(_together(), _together()))


def _together(*energies: DirectionEnergy) -> DirectionEnergy:
    return DirectionEnergy(*(math.fsum(parts) for parts in zip(*energies, strict=True))) if energies else (
        DirectionEnergy(0.0, 0.0, 0.0))


class Rebound(NamedTuple):
    """What was drawn after an event beside the baseline, against the direction of the event: energy in Wh,
    its fraction of what had been delivered, the greatest power in W, and the hours until it was over."""
    energy: float
    part: float | None
    peak: float
    hours: float


def rebound(
    delivered: float, baseline: Floats, metered: Floats, hours: Floats | float, quiet: float = 0.1
) -> Rebound:
    """After an event that delivered so many Wh: what came back of it, until it has been less than the part
    `quiet` of its peak for two steps together. `hours` is the length of the steps, [t] or of all."""
    if not len(baseline):
        return Rebound(0.0, None, 0.0, 0.0)
    back = np.where(np.isfinite(metered - baseline), metered - baseline, 0.0) * -np.sign(delivered)
    peak = float(back.max(initial=0.0))
    over = back <= quiet * peak
    calm = np.flatnonzero(over[:-1] & over[1:])
    calm = calm[calm >= int(back.argmax())]
    last = int(calm[0]) if len(calm) else len(back)
    lengths = np.broadcast_to(np.asarray(hours, dtype=float), back.shape)[:last] * (peak > 0)
    energy = float(back[:last] @ lengths)
    return Rebound(energy, energy / abs(delivered) if delivered else None, peak, float(lengths.sum()))


def non_responding(delivered: Floats, expected: Floats) -> Bools:
    """The members that do not respond, as a mask [n], from metered and expected W [n, steps].

    Such a member delivers less than a fifth of what is expected twice in a row. Steps without expectation or
    reading do not count.
    """
    silent = np.zeros(len(expected), dtype=bool)
    row = np.zeros(len(expected), dtype=int)
    for expected_w, delivered_w in zip(expected.T, delivered.T, strict=True):
        measured = np.isfinite(delivered_w) & (np.abs(expected_w) > 0)
        in_direction_w = np.where(measured, delivered_w, 0) * np.sign(expected_w)
        failed = measured & (in_direction_w < RESPONSE_FRACTION * np.abs(expected_w))
        row = np.where(measured, np.where(failed, row + 1, 0), row)
        silent |= row >= MISSES_IN_A_ROW
    return silent


def response_rate(before: float, figure: float | None, weight: float = 0.2) -> float:
    """The rate of response of a member after one more event, 0 to 1; older events count ever less. An opt-out
    has no figure and does not count."""
    return before if figure is None else (1 - weight) * before + weight * min(max(figure, 0.0), 1.0)
