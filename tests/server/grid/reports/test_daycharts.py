"""Charts of a month by day."""
from datetime import date

import pytest

from server.config import settings
from server.grid.reports import charts, daycharts, reports
from tests.server.grid.reports.conftest import DAY, STEP, record


def test_contributions_of_a_month_are_sums_of_local_days_up_and_down(street):
    settings.timezone = "Europe/Berlin"
    midnight = reports.midnight(date(2025, 6, 14))
    record(street, "planned_storage", [1000] * 4 + [-2000] * 2, midnight)
    record(street, "planned_storage", [500] * 2, midnight + DAY - STEP)
    record(street, "storage", [800] * 4, midnight)
    report = reports.month("street")
    up, down = daycharts.by_day(report, "planned_storage")
    assert up.tolist() == [0] * 13 + [1.125, 0.125] and down.tolist() == [0] * 13 + [-1, 0]
    drawn = {chart["title"] for chart in charts.report_charts(report)}
    assert "Contributions by kind and day" in drawn and "Contributions by kind" not in drawn
    axes = charts.figure(report, daycharts.contributions_by_day, 3.2).axes[0]
    assert axes.get_ylabel() == "change in kWh a day (+ injects)" and len(axes.patches) == 2 * 15
    assert [line.get_ydata()[13] for line in axes.lines[:2]] == pytest.approx([0.8, 0])
