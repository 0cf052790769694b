"""What was measured of an area corrects the forecast of its next steps.

Consumption is positive, in W.
"""
from __future__ import annotations

from server.grid.optimisation.arrays import Floats, np
from server.grid.series import areameter, measurements
from server.grid.series.areameter import AreaMeter
from server.grid.series.intervals import STEP, Span
from server.models import VirtualDER

# The mean error of so many steps corrects the forecast, by half of it every so many steps; what batteries
# failed to do, by half every step. Steps shorter than a quarter of an hour count as parts of one.
CORRECTION_STEPS, CORRECTION_HALF_LIFE_STEPS, STORAGE_HALF_LIFE_STEPS = 4, 16.0, 1.0


def correction(area: VirtualDER, span: Span, meter: AreaMeter) -> Floats:
    """Return [T]: by how much more will be drawn than was forecast, by the last steps as they were measured
    and as they were expected (uncorrected), within what the area's meter may correct.

    The error of what was not commanded persists for hours. What batteries failed to do depends on what they
    were commanded, so it says nothing of a later step that commands the opposite: it is made up for now and
    soon over. What cars and thermal loads did otherwise says nothing of any other step: a member that has
    drawn more needs less. Not all members have meters, so each of these is at most the error that was
    measured of the area as a whole.
    """
    parts = STEP // min(span.step, STEP)
    steps = 2 * CORRECTION_STEPS * parts
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
    measured_steps = np.flatnonzero(np.isfinite(uncommanded_w))[-CORRECTION_STEPS * parts:]
    if not len(measured_steps):
        return np.zeros(span.steps)
    age = (span.start - (begin + int(measured_steps[-1]) * span.step)) / span.step
    ahead = np.arange(span.steps, dtype=float)
    error_ahead_w = (
        uncommanded_w[measured_steps].mean() * 0.5 ** ((ahead + age) / (CORRECTION_HALF_LIFE_STEPS * parts))
        + failed_w[measured_steps[-1]] * 0.5 ** (ahead / (STORAGE_HALF_LIFE_STEPS * parts))
    )
    bounded_w: Floats = np.clip(error_ahead_w, -meter.bound_w, meter.bound_w)
    return bounded_w


def _common_part(total: Floats, part: Floats) -> Floats:
    """As much of the part as has the direction of the total, and no more than it."""
    return np.clip(part, np.minimum(total, 0.0), np.maximum(total, 0.0))
