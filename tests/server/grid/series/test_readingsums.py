"""Old readings become sums by quarter-hours: what is read of them is the same before and after."""
from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from server import alarms, clock, worker
from server.config import settings
from server.devices import enrolment, personaldata
from server.grid.series import devicereadings, quarterhours, readingsums
from server.grid.series.intervals import DAY, STEP
from server.models import Meter, QuarterHours, Reading, ReadingSet
from server.resources import readingdays, retention, store
from tests import peers
from tests.conftest import NOON
from tests.server.grid.conftest import Home

TODAY = NOON - NOON % DAY
SHOWN = TODAY - DAY, TODAY + 2 * DAY
TYPES: dict[str, dict[str, Any]] = {
    "power": {"uom": 38, "flowDirection": 19},
    "energy": {"uom": 72, "flowDirection": 1, "accumulationBehaviour": 4},
    "register": {"uom": 72, "flowDirection": 19, "accumulationBehaviour": 3},
}


@pytest.fixture
def home(peer: Any) -> Home:
    return Home(peer(1), enrolment.enrol(peers.lfdi(1), name="d1", kind="battery"))


def post(home: Home, kind: str, step_s: int, hours: int = 30) -> None:
    """Mirror readings from noon on, of `step_s` seconds each, without those of one hour."""
    clock.turn_to(TODAY + 2 * DAY)
    home.client.post("/mup", "MirrorUsagePoint", {
        "mRID": "A1", "deviceLFDI": home.lfdi, "roleFlags": "0009", "serviceCategoryKind": 0, "status": 1,
        "MirrorMeterReading": [{"mRID": "B1", "ReadingType": {**TYPES[kind], "powerOfTenMultiplier": 0}}]})
    values, total = np.random.default_rng(1).integers(-900, 900, hours * 3600 // step_s).tolist(), 0
    sets = []
    for hour in range(hours):
        start, readings = NOON + 3600 * hour + 100, []
        for number in range(3600 // step_s):
            value = values[hour * (3600 // step_s) + number]
            total += abs(value)
            readings.append({"value": total if kind == "register" else value, "timePeriod": {
                "start": start + step_s * number, "duration": 0 if kind == "register" else step_s}})
        if hour != 20:
            sets.append({"mRID": f"{hour + 1:X}", "timePeriod": {"start": start, "duration": 3600},
                         "Reading": readings})
    reply = home.client.post("/mup/1", "MirrorMeterReading", {"mRID": "B1", "MirrorReadingSet": sets})
    assert reply.status == 201
    assert Meter.select().count() == 1 and not alarms.rows()


def shown(step: int = STEP, shift: int = 0) -> Any:
    start, end = SHOWN
    return devicereadings.mean_injection_w([1], start + shift, end + shift, step)[0]


def grow_old(days: float) -> None:
    """Let the worker do what is due so many days after SHOWN."""
    clock.turn_to(SHOWN[1] + int(days * DAY))
    for _ in range(20):
        worker.purge()


@pytest.mark.parametrize("kind, step_s", [
    ("power", 300), ("power", 60), ("energy", 300), ("energy", 3600), ("register", 300)])
def test_power_is_the_same_from_sums(home: Home, kind: str, step_s: int) -> None:
    post(home, kind, step_s)
    before, hourly = shown(), shown(3600)
    assert 100 < np.isfinite(before).sum() < 125
    for days in (settings.reading_days - 0.5, settings.reading_days + 0.5, settings.reading_days + 4):
        grow_old(days)
        assert np.allclose(shown(), before, atol=0.06, equal_nan=True), days
        assert np.allclose(shown(3600), hourly, atol=0.06, equal_nan=True), days
    assert not Reading.select().exists() and QuarterHours.select().count() == 2
    assert readingdays.partitions() == [] or min(readingdays.partitions()) > SHOWN[1]
    assert store.reindex() == 0 and not alarms.rows()


def test_a_step_between_quarters_takes_of_both(home: Home) -> None:
    post(home, "power", 900)
    before = shown(shift=-300)
    grow_old(settings.reading_days + 4)
    after = shown(shift=-300)
    assert not Reading.select().exists() and np.isfinite(after).sum() >= np.isfinite(before).sum()
    quarters = shown()
    assert np.isclose(after[160], (quarters[159] + 2 * quarters[160]) / 3)


def test_readings_stay_until_the_next_day_is_summed_up(home: Home) -> None:
    post(home, "power", 300)
    grow_old(settings.reading_days - 1)
    assert readingdays.summed_until() == TODAY + DAY and QuarterHours.select().count() == 1
    assert ReadingSet.select().count() == 29
    grow_old(settings.reading_days)
    assert readingdays.summed_until() == TODAY + 2 * DAY and QuarterHours.select().count() == 2
    assert ReadingSet.select().count() == 29 - 11, "those over by the end of the first day"


def test_nothing_is_removed_before_it_is_summed_up(home: Home) -> None:
    post(home, "power", 300)
    clock.turn_to(SHOWN[1] + 100 * DAY)
    retention.remove_old()
    assert ReadingSet.select().count() == 29


def test_some_meters_at_a_time_are_summed_up(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    post(home, "power", 300)
    monkeypatch.setattr(readingsums, "SLICE", 1)
    now = SHOWN[1] + settings.reading_days * DAY
    before, positions = shown(), []
    while readingsums.sum_up(now):
        positions.append(readingdays.summed())
        assert np.allclose(shown(), before, atol=0.06, equal_nan=True)
    assert positions == [(TODAY, ""), (TODAY, "/upt/1/mr/1"), (TODAY + DAY, ""),
                         (TODAY + DAY, "/upt/1/mr/1"), (TODAY + 2 * DAY, "")]


def test_a_worker_that_is_late_does_not_set_it_back(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    post(home, "power", 300)
    now = SHOWN[1] + settings.reading_days * DAY
    readingsums.sum_up(now)
    write = quarterhours.write

    def meanwhile(*arguments: Any) -> None:
        monkeypatch.setattr(quarterhours, "write", write)
        while readingsums.sum_up(now):
            pass
        write(*arguments)

    monkeypatch.setattr(quarterhours, "write", meanwhile)
    readingsums.sum_up(now)
    assert readingdays.summed_until() == TODAY + 2 * DAY and QuarterHours.select().count() == 2


def test_sums_go_with_what_they_are_of(home: Home) -> None:
    post(home, "power", 300)
    grow_old(settings.reading_days + 4)
    exported = personaldata.export(personaldata.subject("d1"))["tables"]
    assert len(exported["quarter_hours"]) == 2
    store.remove("/upt/1")
    assert not QuarterHours.select().exists()


def test_sums_end_after_years(home: Home) -> None:
    post(home, "power", 300)
    settings.mirror_days = settings.quarter_hour_days
    grow_old(settings.quarter_hour_days - 3)
    assert QuarterHours.select().count() == 2
    grow_old(settings.quarter_hour_days + 2)
    assert not QuarterHours.select().exists()


def test_a_mirror_whose_readings_are_gone_is_not_silent_yet(home: Home) -> None:
    post(home, "power", 300)
    settings.mirror_days = settings.reading_days + 20
    grow_old(settings.reading_days + 4)
    assert home.client.get("/mup").data["all"] == 1 and not ReadingSet.select().exists()
    grow_old(settings.reading_days + 21)
    assert home.client.get("/mup").data["all"] == 0 and not QuarterHours.select().exists()
