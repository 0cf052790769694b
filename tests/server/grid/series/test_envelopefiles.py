"""Schedules of limits in files: dialects, gaps, overlaps, the change of the clock."""
from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from server.errors import Refused
from server.grid.series import envelopefiles
from server.grid.series.envelopefiles import PointSchedule
from server.grid.series.envelopesegments import LimitSpan

BERLIN = ZoneInfo("Europe/Berlin")
START = 1_774_735_200  # 2026-03-28T22:00Z


def read(text: str, **options: object) -> list[PointSchedule]:
    return envelopefiles.read(text, "doe.csv", BERLIN, **options)  # type: ignore[arg-type]


def test_one_connection_point() -> None:
    rows = "2026-03-28T22:00Z,5,\n2026-03-28T22:05Z,5,7\n"
    schedule, = read(f"start,export_limit,import_limit\n{rows}", factor=1e3)
    assert schedule == PointSchedule("", "doe.csv, line 2", [
        LimitSpan(START, START + 300, (None, 5000, None, None)),
        LimitSpan(START + 300, START + 600, (7000, 5000, None, None))], 300)


def test_many_in_any_order_with_semicolons_and_decimal_commas() -> None:
    rows = "\n".join(f"2026-03-28T22:{minute:02}Z;{name};1,5;2" for minute in (0, 15) for name in ("a", "b"))
    first, second = read(f"start;connection_point;generation_limit;load_limit\n{rows}\n")
    assert (first.name, second.name) == ("a", "b")
    assert first.segments == second.segments == [LimitSpan(START, START + 1800, (None, None, 1.5, 2.0))]


def test_a_day_on_which_the_clock_is_put_forward() -> None:
    rows = [f"2026-03-29 {hour:02}:{minute:02},1" for hour in range(24) for minute in (0, 30)
            if hour != 2] + ["2026-03-30 00:00,1"]
    schedule, = read("start,export_limit\n" + "\n".join(rows))
    assert schedule.segments == [LimitSpan(START + 3600, START + 24 * 3600 + 1800, (None, 1, None, None))]


def test_a_day_on_which_it_is_put_back() -> None:
    hours = [0, 1, 2, 2, *range(3, 24)]
    rows = [f"2026-10-25 {hour:02}:{minute:02},{number}" for number, hour in enumerate(hours)
            for minute in (0, 30)]
    schedule, = read("start,export_limit\n" + "\n".join(rows))
    assert len(schedule.segments) == 25
    assert schedule.segments[-1].end - schedule.segments[0].start == 25 * 3600


@pytest.mark.parametrize("text, why", [
    ("start,export_limit\n", "it has no rows"),
    ("start\n2026-03-28T22:00Z\n", "it limits nothing"),
    ("start,power\n2026-03-28T22:00Z,1\n", "not 'power'"),
    ("start,export_limit\n2026-03-28T22:00Z,1\n", "specify a step"),
    ("start,export_limit\n2026-03-28T22:00Z,-1\n", "line 2: export_limit -1: a limit is a magnitude"),
    ("start,export_limit\n2026-03-28T22:00Z,x\n", "line 2: 'x' is not a number"),
    ("start,export_limit\n2026-03-28T22:00Z,1\n2026-03-28T22:00Z,1\n", "line 3: .* steps may not overlap"),
    ("start,export_limit\n2026-03-28T22:00Z,1\n2026-03-28T23:00Z,1\n", "a step of 3600 s"),
    ("start,export_limit\n2026-03-28T22:00Z,1\n2026-03-28T22:01Z,1\n", "a step of 60 s"),
    ("start,export_limit\n2026-03-28T22:01Z,1\n2026-03-28T22:06Z,1\n", "not at a whole five minutes"),
    ("start,export_limit\n2026-03-28T22:00Z,1\n2026-03-28T22:05Z,1\n2026-03-28T22:20Z,1\n",
     "line 4: rows are missing before it, from 2026-03-28T22:10Z to 2026-03-28T22:20Z"),
    ("start,export_limit\n2026-03-28T22:00Z,1\n2026-03-28T22:05Z,1\n2026-03-28T22:13Z,1\n",
     "not a multiple of 300"),
    ("start,connection_point,export_limit\n2026-03-28T22:00Z,,1\n", "it names no connection_point"),
    ("start,connection_point,export_limit\n"
     "2026-03-28T22:00Z,a,1\n2026-03-28T22:05Z,a,1\n2026-03-28T22:05Z,a,1\n",
     "in the row before of a"),
    ("start,export_limit\n2026-03-29 02:30,1\n2026-03-29 03:00,1\n", "does not exist"),
])
def test_what_does_not_fit_is_refused_with_its_line(text: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        read(text)


def test_a_single_row_with_a_step() -> None:
    schedule, = read("start,export_limit\n2026-03-28T22:00Z,0\n", step_s=600)
    assert schedule.segments == [LimitSpan(START, START + 600, (None, 0, None, None))]
