"""DERCurve: pairs of x and y, interpolated into a piecewise linear function.  All pure."""
from __future__ import annotations

from bisect import bisect_right
from typing import Any, NamedTuple


class Curve(NamedTuple):
    """Points in ascending x, in the units of their mode (percent of nominal voltage, hertz; percent of
    `reference`), and yRefType: 1 setMaxW, 2 setMaxVar, 3 statVarAvail."""
    points: tuple[tuple[float, float], ...]
    reference: int

    def at(self, x: float) -> float:
        """y at x; beyond the ends the end's own."""
        points = self.points
        index = bisect_right([point[0] for point in points], x)
        if index == 0:
            return points[0][1]
        if index == len(points):
            return points[-1][1]
        (x0, y0), (x1, y1) = points[index - 1], points[index]
        return y0 + (y1 - y0) * (x - x0) / (x1 - x0)


def curve(data: dict[str, Any]) -> Curve:
    """A DERCurve as read. vRef, where given, scales a volt curve's x ("multiplied by vRef / 10000")."""
    scale_x = 10.0 ** data["xMultiplier"] * data.get("vRef", 10000) / 10000
    scale_y = 10.0 ** data["yMultiplier"]
    points = sorted((point["xvalue"] * scale_x, point["yvalue"] * scale_y) for point in data["CurveData"])
    return Curve(tuple(points), data["yRefType"])
