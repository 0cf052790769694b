"""The power of a group over an event, step by step."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from server.grid.reports.powerrows import DeviceSteps, power_rows

NAN = float("nan")


def steps(*values: float) -> NDArray[np.float64]:
    return np.array(values)


def test_baseline_asked_and_measured_are_sums_as_injection() -> None:
    battery = DeviceSteps(steps(0, 0, 0), steps(-1000, -1000, -1000), steps(-900, NAN, NAN))
    heater = DeviceSteps(steps(2000, 2000, 2000), steps(NAN, NAN, NAN), steps(500, 400, NAN))
    rows = power_rows([battery, heater], 9000, 900)
    assert [row["start"] for row in rows] == [9000, 9900, 10800]
    columns = ("baseline_w", "asked_w", "measured_w", "delivered_w", "devices_read")
    assert [[row[column] for column in columns] for row in rows] == [  # type: ignore[literal-required]
        [-2000, -1000, 400, 2400, 2],
        [-2000, -2000, -400, 1600, 1],
        [None, None, None, None, 0],
    ]


def test_without_devices_or_steps_there_is_no_row() -> None:
    assert power_rows([], 0, 900) == power_rows([DeviceSteps(steps(), steps(), steps())], 0, 900) == []
