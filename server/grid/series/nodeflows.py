"""What flowed at the connection of a virtual DER, as far as it was measured. Consumption is positive.

The meter of an area comes first, as long as it is believed and reads what is drawn: where an imbalance
governs, it reads that instead. Then come the meters of premises, and at last those of devices; these do not
see the rest of a household, so where a load is expected that nothing has read, what flowed is unknown.
"""
from __future__ import annotations

from server.grid.optimisation.arrays import Floats, np
from server.grid.series import areameter, forecastvalues, issuedseries, measurements
from server.grid.series.signalkinds import MEASURED
from server.models import VirtualDER
from server.units import Instant


def drawn_w(vder: VirtualDER, start: Instant, steps: int) -> Floats:
    """Return [steps] of STEP what was drawn (W); NaN where it is unknown."""
    metered_w = issuedseries.known(vder, MEASURED, start, steps)
    if np.isfinite(metered_w).any() and areameter.of_area(vder).is_recorded:
        is_imbalance = np.isfinite(issuedseries.known(vder, "imbalance", start, steps))
        metered_w = np.where(is_imbalance, np.nan, metered_w)
    else:
        metered_w = np.full(steps, np.nan)
    return np.where(np.isfinite(metered_w), metered_w, _by_members_w(vder, start, steps))


def _by_members_w(vder: VirtualDER, start: Instant, steps: int) -> Floats:
    members_w = measurements.drawn_w(vder, start, steps)
    premises_w, load_w = (measurements.read(vder, kind, start, steps) for kind in ("premises", "load"))
    if np.isfinite(premises_w).any() or not _has_load(vder, start, steps):
        return members_w
    return np.where(np.isfinite(load_w), members_w, np.nan)


def _has_load(vder: VirtualDER, start: Instant, steps: int) -> bool:
    """Return whether a load was forecast by whoever knows it."""
    forecast = forecastvalues.forecast(vder, "load", start, steps)
    return forecast.source != forecastvalues.NOTHING and bool(np.any(forecast.values))
