"""What came of an event: what would have been, what was delivered of what was expected, and what came back.
Pure.

Consumption is positive, in W; energies in Wh; a delivery is a change of consumption, so less consumption (or
more injection) is negative, as it was expected. A home's baseline is uncertain by a third: settle on the sum
of a group.
"""
from __future__ import annotations

from typing import NamedTuple

from server.grid.optimisation.arrays import Bools, Floats, np

BASELINE_DAYS = 10
WINDOW_HOURS, GAP_HOURS = 4, 1
ADJUSTMENT_CAP = 0.4
MIN_COMPARED_STEPS = 2
RESPONSE_FRACTION, MISSES_IN_A_ROW = 0.2, 2


class Baseline(NamedTuple):
    """`values` [event's steps] is what would have been drawn; `factor` how the day differed, by the `steps`
    of its morning that could be compared; `days` how many were averaged."""
    values: Floats
    factor: float
    days: int
    steps: int
    method: str


def ten_of_ten(days: Floats, today: Floats, begin: int, end: int, per_hour: int, ours: Bools | None = None,
               ours_today: Bools | None = None) -> Baseline:
    """The mean of the last ten days like this one on which we asked for nothing then, put right by the same
    day.

    `days` [d, steps] are like days, the newest last, `today` [steps] the day; the event is [begin, end) in
    steps of a day, NaN a gap. `ours` and `ours_today` say when orders of ours were at work, pre-heating and
    rebound with them: such steps neither make a baseline nor put it right. The factor compares the four hours
    that end an hour before, and is held to 1 ± CAP. ValueError where no day is left.
    """
    ours = np.zeros(days.shape, dtype=bool) if ours is None else ours
    ours_today = np.zeros(today.shape, dtype=bool) if ours_today is None else ours_today
    fit = np.isfinite(days[:, begin:end]).all(axis=1) & ~ours[:, begin:end].any(axis=1)
    if not fit.any():
        raise ValueError(f"none of {len(days)} days is without gap and without an event of ours in that time")
    chosen = np.flatnonzero(fit)[-BASELINE_DAYS:]
    clean = np.where(ours[chosen], np.nan, days[chosen])
    known = np.isfinite(clean)
    usual = np.divide(np.where(known, clean, 0).sum(axis=0), known.sum(axis=0),
                      out=np.full(len(today), np.nan), where=known.any(axis=0))
    factor, steps = _same_day_factor(usual, np.where(ours_today, np.nan, today), begin, per_hour)
    return Baseline(usual[begin:end] * factor, factor, len(chosen), steps, "10 of 10, same day")


def _same_day_factor(usual: Floats, today: Floats, begin: int, per_hour: int) -> tuple[float, int]:
    """The ratio of today's load to that of like days. It is 1 where there is too little to compare, or where
    injection leaves no load that could be scaled."""
    last = max(begin - GAP_HOURS * per_hour, 0)
    window = slice(max(last - WINDOW_HOURS * per_hour, 0), last)
    both = np.isfinite(usual[window]) & np.isfinite(today[window])
    steps = int(both.sum())
    was, is_now = float(usual[window][both].sum()), float(today[window][both].sum())
    if steps < MIN_COMPARED_STEPS or was <= 0:
        return 1.0, steps
    return min(max(is_now / was, 1 - ADJUSTMENT_CAP), 1 + ADJUSTMENT_CAP), steps


def submeter(steps: int, schedule: Floats | None = None) -> Baseline:
    """The baseline of a battery or charger with a meter of its own: its schedule, or zero."""
    return Baseline(np.zeros(steps) if schedule is None else schedule, 1.0, 0, 0, "submeter")


class Performance(NamedTuple):
    """Energies over an event in Wh, as changes of consumption. `figure` is the delivered fraction of the
    expected change: 1 is all, below 0 the opposite; None where nothing was expected."""
    expected: float
    delivered: float
    figure: float | None


def performance(baseline: Floats, metered: Floats, planned: Floats, hours: float) -> Performance:
    """The performance of one member or, with summed series, of a group; `planned` is what it should have
    drawn, in W. Steps with a gap count neither as expected nor as delivered."""
    known = np.isfinite(baseline) & np.isfinite(metered) & np.isfinite(planned)
    expected, delivered = (planned - baseline)[known], (metered - baseline)[known]
    asked = float(np.abs(expected).sum())
    figure = float((delivered * np.sign(expected)).sum()) / asked if asked > 0 else None
    return Performance(float(expected.sum() * hours), float(delivered.sum() * hours), figure)


class Rebound(NamedTuple):
    """What was drawn after an event beside the baseline, against the direction of the event: energy in Wh,
    its fraction of what had been delivered, the greatest power in W, and the hours until it was over."""
    energy: float
    part: float | None
    peak: float
    hours: float


def rebound(delivered: float, baseline: Floats, metered: Floats, hours: float, quiet: float = 0.1) -> Rebound:
    """After an event that delivered so many Wh: what came back of it, until it has been less than the part
    `quiet` of its peak for two steps together."""
    if not len(baseline):
        return Rebound(0.0, None, 0.0, 0.0)
    back = np.where(np.isfinite(metered - baseline), metered - baseline, 0.0) * -np.sign(delivered)
    peak = float(back.max(initial=0.0))
    over = back <= quiet * peak
    calm = np.flatnonzero(over[:-1] & over[1:])
    calm = calm[calm >= int(back.argmax())]
    last = int(calm[0]) if len(calm) else len(back)
    energy = float(back[:last].sum() * hours) if peak > 0 else 0.0
    return Rebound(
        energy, energy / abs(delivered) if delivered else None, peak, last * hours if peak > 0 else 0.0
    )


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
