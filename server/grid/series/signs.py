"""Values with a sign that their quantity cannot have, and quantiles that cross. Pure."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from server.errors import Refused
from server.grid.optimisation.arrays import Floats
from server.grid.series.intervals import iso

# Injection is positive; loads only consume, and PV only injects.
_NEVER_POSITIVE, _NEVER_NEGATIVE = ("load", "thermal"), ("pv",)


def sign_warnings(quantity: str, values: Floats) -> list[str]:
    """Return a warning where values have a sign that the quantity cannot have."""
    if quantity in _NEVER_POSITIVE:
        wrong, sign = values > 0, "positive"
    elif quantity in _NEVER_NEGATIVE:
        wrong, sign = values < 0, "negative"
    else:
        return []
    if not wrong.any():
        return []
    return [f"{quantity} is {sign} in {int(wrong.sum())} of {len(values)} steps; "
            "injection is positive here, consumption negative"]


def check_quantiles(
    quantiles: Mapping[str, Sequence[float | None]], start: int, step: int, origin: str
) -> None:
    """Refuse (400) quantiles that cross: what is exceeded in fewer cases cannot be less."""
    ordered = sorted(quantiles, key=float)
    for lower, upper in pairwise(ordered):
        for number, (low, high) in enumerate(zip(quantiles[lower], quantiles[upper], strict=True)):
            if low is not None and high is not None and low > high:
                raise Refused(
                    400, f"{origin}: at {iso(start + number * step)} the quantile {lower} is {low:g}, more "
                    f"than {high:g}, the quantile {upper}; injection is positive, so p10 of a load is the "
                    "larger load")
