"""Rows whose distance changes in a file, as prices by the hour become prices by the quarter. Pure."""
from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, pairwise

_LEAST_RUN = 2  # equal distances in a row; one alone is where rows are missing


def held_s(instants: Sequence[int]) -> list[int]:
    """Return how long each of these rows (UTC, s, ascending) holds.

    Where the file consists of stretches of equal distances, each a multiple of the shortest, the distance is
    how long a row of the stretch holds: an hour's price holds for its hour. Else rows are missing, and each
    holds for the shortest distance. The last row holds as long as the one before. Empty for a single row.
    """
    distances = [after - before for before, after in pairwise(instants)]
    if not distances:
        return []
    shortest = min(distances)
    stretches = [(distance, len(list(run))) for distance, run in groupby(distances)]
    if all(length >= _LEAST_RUN and distance % shortest == 0 for distance, length in stretches):
        return [*distances, distances[-1]]
    return [shortest] * len(instants)
