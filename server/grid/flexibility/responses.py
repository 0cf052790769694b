"""How much of a command a group carries out: the mean, and how certain it is. Pure.

Members that share a cause fail together: the link of one aggregator, the feeder and the weather of one
dispatch group. The correlation of two responses is SAME_AGGREGATOR or SAME_GROUP, so the uncertainty of a
large group does not vanish with its size.
"""
from __future__ import annotations

from server.grid.optimisation.arrays import Floats, Whole, np

NO_AGGREGATOR = 0
SAME_GROUP = 0.1  # most members of a group have communication of their own
SAME_AGGREGATOR = 0.5  # one link and one program, which is down for all or for none


def response(rates: Floats, size: Floats, aggregator: Whole) -> tuple[float, float]:
    """Return the mean part of a command that members [n] of a group carry out, and its standard deviation.

    `rates` is how often each responds, `size` its weight, `aggregator` a label of who manages it, or
    NO_AGGREGATOR. All (1, 0) where there are no members.
    """
    total_size = float(size.sum())
    if total_size <= 0:
        return 1.0, 0.0
    spread = size * np.sqrt(rates * (1 - rates))
    own = float((spread**2).sum())
    managed = aggregator != NO_AGGREGATOR
    of_aggregators = np.bincount(aggregator[managed], spread[managed])
    managed_pairs = float((of_aggregators**2).sum() - (spread[managed] ** 2).sum())
    pairs = float(spread.sum()) ** 2 - own
    variance = own + SAME_GROUP * (pairs - managed_pairs) + SAME_AGGREGATOR * managed_pairs
    return float((rates * size).sum() / total_size), float(np.sqrt(max(variance, 0.0)) / total_size)
