"""What was measured of an area corrects the forecast of its next steps.

Consumption is positive, in W.
"""
from __future__ import annotations

from typing import NamedTuple

from server.grid.optimisation.arrays import Floats, np
from server.grid.series import areameter, measurements
from server.grid.series.areameter import AreaMeter
from server.grid.series.intervals import DAY, STEP, Span
from server.models import VirtualDER
from server.units import Seconds, Watts

# The mean error of so many steps corrects the forecast, by half of it every so many steps; what batteries
# failed to do, by half every step. Steps shorter than a quarter of an hour count as parts of one.
CORRECTION_STEPS, CORRECTION_HALF_LIFE_STEPS, STORAGE_HALF_LIFE_STEPS = 4, 16.0, 1.0
SPREAD_CHANGES = 8  # fewer changes of the error say nothing of its spread


class AreaError(NamedTuple):
    """By how much more was drawn than was forecast, in W: `uncommanded_w` of what was not commanded, and
    `failed_w` of what batteries failed to do. `last_w` is the former in the newest step that was measured,
    `age` how many steps before the next that is, `spread_w` by how much it changes in so many steps (the root
    of the mean square, over a day; None: too little is known), `bound_w` the most that the area's meter may
    correct."""
    uncommanded_w: Watts
    failed_w: Watts
    last_w: Watts
    age: float
    spread_w: Watts | None
    bound_w: Watts

    def ahead_w(self, span: Span) -> Floats:
        """Return [T]: by how much more will be drawn than was forecast.

        The error of what was not commanded persists for hours. What batteries failed to do depends on what
        they were commanded, so it says nothing of a later step that commands the opposite: it is made up for
        now and soon over.
        """
        return self._bounded_w(span, self.uncommanded_w, np.arange(span.steps, dtype=float) + self.age)

    def held_w(self, span: Span, seconds: Seconds) -> Floats:
        """Return the same [T] for a limit: the newest error goes on for so many seconds before it fades."""
        ahead = np.arange(span.steps, dtype=float)
        return self._bounded_w(
            span, self.last_w, np.where(ahead * span.step < seconds, 0.0, ahead + self.age))

    def _bounded_w(self, span: Span, uncommanded_w: Watts, faded_steps: Floats) -> Floats:
        parts = _parts(span)
        error_w = (uncommanded_w * 0.5 ** (faded_steps / (CORRECTION_HALF_LIFE_STEPS * parts))
                   + self.failed_w * 0.5 ** (np.arange(span.steps) / (STORAGE_HALF_LIFE_STEPS * parts)))
        bounded_w: Floats = np.clip(error_w, -self.bound_w, self.bound_w)
        return bounded_w


NO_ERROR = AreaError(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def _parts(span: Span) -> int:
    return STEP // min(span.step, STEP)


def error(area: VirtualDER, span: Span, meter: AreaMeter) -> AreaError:
    """Return the error of the forecast of an area, by the last steps as they were measured and as they were
    expected (uncorrected), within what the area's meter may correct.

    What cars and thermal loads did otherwise says nothing of any other step: a member that has drawn more
    needs less. Not all members have meters, so each of these is at most the error that was measured of the
    area as a whole.
    """
    parts = _parts(span)
    steps = DAY // span.step
    begin = span.at - span.at % span.step - steps * span.step

    def measured(quantity: str) -> Floats:
        return measurements.read(area, quantity, begin, steps, span.step)
    planned_thermal_w = measured("planned_thermal")
    thermal_error_w = planned_thermal_w + measured("base_thermal") - measured("thermal")
    storage_w, ev_w, thermal_w = np.nan_to_num(
        [
            measured("planned_storage") - measured("storage"),
            measured("planned_ev") - measured("ev"),
            np.clip(thermal_error_w, -np.abs(planned_thermal_w), np.abs(planned_thermal_w)),
        ]
    )
    metered_w = measured(areameter.METERED)
    metered_w[np.abs(metered_w) > meter.plausible_w] = np.nan
    metered_w[begin + np.arange(steps) * span.step < meter.trust.begin] = np.nan
    error_w = metered_w - measured("expected")
    failed_w = _common_part(error_w, storage_w)
    uncommanded_w = error_w - failed_w - _common_part(error_w - failed_w, ev_w + thermal_w)
    measured_steps = np.flatnonzero(np.isfinite(uncommanded_w))
    count = CORRECTION_STEPS * parts
    recent = measured_steps[measured_steps >= steps - 2 * count][-count:]
    if not len(recent):
        return NO_ERROR
    last = int(recent[-1])
    age = (span.start - (begin + last * span.step)) / span.step
    return AreaError(
        uncommanded_w=float(uncommanded_w[recent].mean()),
        failed_w=float(failed_w[last]),
        last_w=float(uncommanded_w[last]),
        age=age,
        spread_w=_spread_w(uncommanded_w, max(round(age), 1)),
        bound_w=meter.bound_w,
    )


def _spread_w(error_w: Floats, lag: int) -> Watts | None:
    """By how much an error [n] changes in `lag` steps; None where too little of it is known to say."""
    changes_w = error_w[lag:] - error_w[:-lag]
    known_w = changes_w[np.isfinite(changes_w)]
    return float(np.sqrt(np.mean(np.square(known_w)))) if len(known_w) >= SPREAD_CHANGES else None


def _common_part(total: Floats, part: Floats) -> Floats:
    """As much of the part as has the direction of the total, and no more than it."""
    return np.clip(part, np.minimum(total, 0.0), np.maximum(total, 0.0))
