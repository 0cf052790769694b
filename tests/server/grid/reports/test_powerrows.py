"""The power of a group over an event, step by step."""
from __future__ import annotations

import numpy as np

from server.grid.reports.baselines import MemberBaseline
from server.grid.reports.membersteps import MemberSteps
from server.grid.reports.powerrows import power_rows

NAN = float("nan")


def member(*columns: tuple[float, ...]) -> MemberSteps:
    """A device by its load of baseline, plan and meter."""
    baseline_w, planned_w, metered_w = (np.array(column, dtype=float) for column in columns)
    return MemberSteps(baseline=MemberBaseline(baseline_w, "10 of 10"), planned_w=planned_w,
                       metered_w=metered_w, coverage=1.0, left_out=0, split=False)


def test_baseline_asked_and_measured_are_sums_as_injection() -> None:
    battery = member((0, 0, 0), (-1000, -1000, -1000), (-900, NAN, NAN))
    heater = member((2000, 2000, 2000), (NAN, NAN, NAN), (500, 400, NAN))
    rows = power_rows([battery, heater], [9300, 9900, 10800, 11700])
    assert [(row["start"], row["duration_s"]) for row in rows] == [(9300, 600), (9900, 900), (10800, 900)]
    columns = ("baseline_w", "asked_w", "measured_w", "delivered_w", "devices_read")
    assert [[row[column] for column in columns] for row in rows] == [  # type: ignore[literal-required]
        [-2000, -1000, 400, 2400, 2],
        [-2000, -2000, -400, 1600, 1],
        [None, None, None, None, 0],
    ]


def test_without_devices_or_steps_there_is_no_row() -> None:
    assert power_rows([], [0, 900]) == power_rows([member((), (), ())], []) == []
