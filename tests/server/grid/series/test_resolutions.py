"""How long rows hold whose distance changes."""
from __future__ import annotations

from itertools import accumulate

import pytest

from server.grid.series.resolutions import held_s


@pytest.mark.parametrize("distances, expected", [
    ([900] * 4, [900] * 5), ([3600, 3600, 900, 900], [3600, 3600, 900, 900, 900]),
    ([900, 900, 3600, 3600], [900, 900, 3600, 3600, 3600]),
    ([900, 3600, 900], [900] * 4), ([3600, 900, 900], [900] * 4), ([900, 900, 3600], [900] * 4),
    ([1000, 1000, 900, 900], [900] * 5), ([900], [900] * 2),
])
def test_stretches_of_equal_distances_hold_and_a_single_one_is_a_gap(
    distances: list[int], expected: list[int]
) -> None:
    assert held_s(list(accumulate(distances, initial=0))) == expected


def test_a_single_row_does_not_tell() -> None:
    assert held_s([0]) == []
