"""Quotas of events and hours. Who is excluded, and why, is in test_fleetstate."""
from __future__ import annotations

import pytest

from server.grid.fleet import eligibility

HOUR = 3600
TODAY = 24 * HOUR  # begins then


@pytest.mark.parametrize(
    "periods, at, used",
    [
        ([], 30 * HOUR, (0, 0, False)),
        ([(26 * HOUR, 27 * HOUR)], 30 * HOUR, (1, HOUR, False)),
        ([(26 * HOUR, 27 * HOUR)], 26 * HOUR + 60, (1, 60, True)),
        # an event goes on in orders without a gap between them, and each second counts once
        ([(26 * HOUR, 27 * HOUR), (27 * HOUR, 28 * HOUR)], 30 * HOUR, (1, 2 * HOUR, False)),
        ([(26 * HOUR, 28 * HOUR), (27 * HOUR, 29 * HOUR)], 30 * HOUR, (1, 3 * HOUR, False)),
        ([(26 * HOUR, 27 * HOUR), (28 * HOUR, 29 * HOUR)], 30 * HOUR, (2, 2 * HOUR, False)),
        # of one that began yesterday the hours of today count
        ([(23 * HOUR, 25 * HOUR)], 30 * HOUR, (1, HOUR, False)),
    ],
)
def test_what_periods_use_of_a_quota(
    periods: list[tuple[int, int]], at: int, used: tuple[int, int, bool]
) -> None:
    assert eligibility.used(periods, TODAY, at) == used
