"""DERCurve: pairs of x and y, interpolated into a piecewise linear function.  All pure."""
from __future__ import annotations

from bisect import bisect_right
from typing import Any, NamedTuple


class Curve(NamedTuple):
    """Points in ascending x, and `reference` (yRefType, a DERUnitRef): what the y values are percentages of.

    x is in the unit of the curve's mode: percent of the nominal voltage, or hertz.
    """
    points: tuple[tuple[float, float], ...]
    reference: int

    def at(self, x: float) -> float:
        """Return y at x; beyond the first and the last point, that point's y."""
        points = self.points
        index = bisect_right([point[0] for point in points], x)
        if index == 0:
            return points[0][1]
        if index == len(points):
            return points[-1][1]
        (x0, y0), (x1, y1) = points[index - 1], points[index]
        return y0 + (y1 - y0) * (x - x0) / (x1 - x0)


def curve(data: dict[str, Any]) -> Curve:
    """Return a DERCurve as a function. Where it has a vRef, x is multiplied by vRef / 10000."""
    scale_x = 10.0 ** data["xMultiplier"] * data.get("vRef", 10000) / 10000
    scale_y = 10.0 ** data["yMultiplier"]
    points = sorted((point["xvalue"] * scale_x, point["yvalue"] * scale_y) for point in data["CurveData"])
    return Curve(tuple(points), data["yRefType"])
