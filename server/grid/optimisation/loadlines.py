"""The load of heat pumps and air conditioners as a line over the outdoor temperature, with a branch for
heating and one for cooling. Pure.

A load is a fraction of the rating, consumption positive.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from server.grid.optimisation.arrays import Floats, np

# No house needs heat above, nor cold below, these temperatures.
HEATING_BELOW_C = tuple(8.0 + 0.5 * number for number in range(29))
COOLING_ABOVE_C = tuple(16.0 + number for number in range(17))
MIN_HOURS = 72  # of load and temperature, for a line
MIN_BRANCH_HOURS, MIN_BRANCH_K = 72, 4.0  # on the side of heating or cooling, and their spread
OUTLIER = 3.0  # deviations (median absolute, scaled) beyond which an hour is drawn in


class LoadLine(NamedTuple):
    """The load without control over the outdoor temperature: `idle`, and more by so much per K below or above
    a temperature (degC)."""
    idle: float
    heating_per_k: float
    heating_below_c: float
    cooling_per_k: float
    cooling_above_c: float

    def at(self, outdoor_c: Floats) -> Floats:
        """Return the load at these temperatures."""
        heating = self.heating_per_k * np.maximum(self.heating_below_c - outdoor_c, 0)
        cooling = self.cooling_per_k * np.maximum(outdoor_c - self.cooling_above_c, 0)
        return np.clip(self.idle + heating + cooling, 0, 1)

    def active(self, outdoor_c: Floats, offset_k: float) -> Floats:
        """Return the fraction, 0 to 1, of an offset of so many K that moves anything at these temperatures:
        a house that needs no heat needs none with a set point that is a little higher either."""
        active = np.zeros(np.shape(outdoor_c))
        if self.heating_per_k > 0:
            active = np.maximum(active, (self.heating_below_c + offset_k - outdoor_c) / max(offset_k, 1e-9))
        if self.cooling_per_k > 0:
            active = np.maximum(active, (outdoor_c - self.cooling_above_c + offset_k) / max(offset_k, 1e-9))
        return np.clip(active, 0, 1)


def fit_line(load: Floats, outdoor_c: Floats, before: LoadLine | None = None) -> LoadLine | None:
    """Return the line through hours of load and temperature ([n] each, NaN a gap), robust to outliers.

    A branch on whose side there was too little is that of the line that was learned `before`. None where
    there are too few hours, and nothing before.
    """
    known = np.isfinite(load) & np.isfinite(outdoor_c)
    if known.sum() < MIN_HOURS:
        return before
    load, outdoor_c = load[known], outdoor_c[known]
    line = _best_line(load, outdoor_c, before)
    residual = load - line.at(outdoor_c)
    spread = 1.4826 * float(np.median(np.abs(residual - np.median(residual))))
    if spread > 0:
        drawn_in = line.at(outdoor_c) + np.clip(residual, -OUTLIER * spread, OUTLIER * spread)
        line = _best_line(drawn_in, outdoor_c, before)
    return line


def _best_line(load: Floats, outdoor_c: Floats, before: LoadLine | None) -> LoadLine:
    """The line of least squares; of equal ones that which is idle least. Branches without data are those of
    `before`."""
    none = LoadLine(0.0, 0.0, float(HEATING_BELOW_C[0]), 0.0, float(COOLING_ABOVE_C[-1]))
    kept = before or none
    best, least = kept, np.inf
    for below_c, heats in _shown(HEATING_BELOW_C, lambda point_c: point_c - outdoor_c):
        below_k = np.maximum(below_c - outdoor_c, 0) * heats
        for above_c, cools in _shown(COOLING_ABOVE_C, lambda point_c: outdoor_c - point_c):
            if heats and cools and above_c <= below_c:
                continue
            above_k = np.maximum(outdoor_c - above_c, 0) * cools
            idle, heating, cooling = _non_negative(load, below_k, above_k)
            residual = load - idle - heating * below_k - cooling * above_k
            loss = float(residual @ residual) + 1e-4 * len(load) * idle ** 2
            if loss < least * (1 - 1e-9):
                least = loss
                best = LoadLine(
                    idle,
                    heating if heats else kept.heating_per_k,
                    below_c if heats and heating > 0 else kept.heating_below_c,
                    cooling if cools else kept.cooling_per_k,
                    above_c if cools and cooling > 0 else kept.cooling_above_c,
                )
    return best


def _shown(points_c: Sequence[float], beyond_k: Callable[[float], Floats]) -> list[tuple[float, bool]]:
    """The temperatures beyond which enough hours lie, far enough, to tell a slope; else one, without."""
    chosen = [point_c for point_c in points_c if _is_shown(beyond_k(point_c))]
    return [(point_c, True) for point_c in chosen] or [(float(points_c[0]), False)]


def _is_shown(beyond_k: Floats) -> bool:
    """Whether enough hours lie beyond a temperature, far enough, to tell a slope."""
    return bool((beyond_k > 0).sum() >= MIN_BRANCH_HOURS and beyond_k.max(initial=0) >= MIN_BRANCH_K)


def _non_negative(load: Floats, below_k: Floats, above_k: Floats) -> tuple[float, float, float]:
    """The non-negative coefficients of a constant and two columns by least squares."""
    columns = np.stack((np.ones(len(load)), below_k, above_k))
    gram, moment = columns @ columns.T, columns @ load
    best, gained = np.zeros(3), 0.0
    for chosen in ([0], [1], [2], [0, 1], [0, 2], [1, 2], [0, 1, 2]):
        if (np.diag(gram)[chosen] <= 0).any():
            continue
        part = np.linalg.lstsq(gram[np.ix_(chosen, chosen)], moment[chosen], rcond=None)[0]
        gain = float(part @ moment[chosen])
        if (part >= 0).all() and gain > gained * (1 + 1e-9):
            gained, best = gain, np.zeros(3)
            best[chosen] = part
    return float(best[0]), float(best[1]), float(best[2])
