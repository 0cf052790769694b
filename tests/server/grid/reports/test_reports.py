"""Reports of an event, a day and a month."""
import math
from datetime import date

import pytest

from server import clock
from server.config import settings
from server.errors import Refused
from server.grid.groups import virtualders
from server.grid.reports import reports
from tests.conftest import NOON
from tests.server.grid.reports.conftest import DAY, HOUR, STEP, record

pytestmark = pytest.mark.usefixtures("server")


def test_a_day_in_key_figures(day):
    report = reports.day("street")
    key = report["key_figures"]
    assert (report["start"], report["end"]) == (day, day + DAY)
    assert key["rms_before_w"] == pytest.approx(4000 / math.sqrt(2)) and key["rms_reduction_percent"] == 50
    assert key["peak_before_w"] == pytest.approx(4000) and key["peak_reduction_percent"] == 50
    assert key["moved_kwh"] == pytest.approx({kind: part * 4000 * 2 / math.pi * 24 / 1000 for kind, part in (
        ("storage", 1 / 3), ("ev", 1 / 4), ("thermal", 1 / 8))}, rel=0.01)
    assert (key["events"], key["responses"], key["nonresponders"], key["ev_unserved_kwh"]) == (2, 5, 2, 0.5)
    assert [(row["kind"], row["events"], row["unsettled"]) for row in report["settlement"]] == [
        ("fixed", 1, 1),
        ("watts", 1, 0),
    ]
    assert report["settlement"][1]["up_asked_kwh"] == 6 and report["settlement"][1][
        "performance_percent"
    ] == pytest.approx(81.7)


def test_cars_and_thermal_loads_count_beside_what_they_would_have_done(street):
    for quantity, value in {
        "planned_ev": -1000,
        "ev": -1100,
        "base_ev": -4000,
        "thermal": -700,
        "base_thermal": -1000,
        "planned_thermal": 400,
    }.items():
        record(street, quantity, [value], NOON)
    report = reports.series("street", NOON, NOON + STEP)
    assert report == {"planned_ev": [3000], "ev": [2900], "thermal": [300], "planned_thermal": [400]}


def test_days_are_local_and_of_their_own_length():
    settings.timezone = "Europe/Berlin"
    virtualders.create("street")
    clock.turn_to(NOON + 365 * DAY)
    report = reports.day("street", date(2026, 3, 29))
    assert report["end"] - report["start"] == 23 * HOUR and "Sunday 29 March" in report["title"]
    assert (
        reports.day("street", date(2025, 10, 26))["end"] - reports.day("street", date(2025, 10, 26))["start"]
        == 25 * HOUR
    )
    with pytest.raises(Refused, match="in the future"):
        reports.day("street", date(2027, 1, 1))


def test_a_month_day_by_day(day):
    report = reports.month("street")
    assert [day["date"] for day in report["days"]] == [f"2025-06-{number:02}" for number in range(1, 16)]
    assert report["days"][-1]["rms_reduction_percent"] == 50 and report["days"][0]["rms_before_w"] is None
    assert report["key_figures"]["events"] == 2


def test_an_event_has_the_imbalance_around_it(day, evening):
    report = reports.event(evening.id)
    assert report["key_figures"]["performance_percent"] == pytest.approx(81.7)
    assert "before" in report["series"]
    assert len(report["series"]["before"]) == (report["end"] - report["start"]) // STEP
