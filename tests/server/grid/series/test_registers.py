"""How far registers advanced. Readings of registers in the database are in fleet/test_meters."""
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.grid.series import registers

DAY = 86_400

ADVANCES = [
    (100, 130, 30),
    (100, 100, 0),
    (99_990, 10, 20),  # five dials
    (999_999, 5, 6),
    (4_294_967_290, 4, 10),  # 32 bits
    (65_530, 10, 16),
    (50_000, 10, None),  # set back to nothing
    (0, 10, 10),
]


@pytest.mark.parametrize("before, after, advance", ADVANCES)
def test_a_register_advances_rolls_over_or_was_reset(before: int, after: int, advance: int | None) -> None:
    assert registers.advance(before, after) == advance


@given(st.integers(0, 10**8 - 1), st.integers(0, 10**6))
def test_a_register_never_runs_backwards(before: int, advance: int) -> None:
    read = registers.advance(before, (before + advance) % 10**8)
    assert read is None or read >= 0
    assert before < 9 * 10**7 or read is None or read == advance or before + advance >= 10**8


def test_intervals_of_a_register_are_between_neighbours_in_time() -> None:
    readings = [(900, 130), (0, 100), (1800, 5), (2700, 12), (2700 + DAY + 1, 99)]
    assert registers.register_intervals(readings) == [(0, 900, 30), (1800, 900, 7)]
    assert registers.register_intervals([]) == registers.register_intervals([(0, 1)]) == []
