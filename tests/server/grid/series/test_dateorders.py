"""Dates as spreadsheets write them."""
from __future__ import annotations

import pytest

from server.errors import Refused
from server.grid.series import dateorders


@pytest.mark.parametrize("times, given, order", [
    (["29/03/2026 00:00", "01/04/2026 00:00"], None, "day-first"),
    (["01/04/2026", "3/29/2026"], None, "month-first"), (["01/04/2026"], "month-first", "month-first"),
    (["01/04/2026"], "day-first", "day-first"), (["04/04/2026"], None, "day-first"),
    (["2026-03-29", "29.03.2026", "", "x"], None, "day-first"), ([], "month-first", "month-first")])
def test_the_dates_of_a_file_tell_their_order_or_the_operator_does(times, given, order):
    assert dateorders.of_file(times, "f", given) == order


@pytest.mark.parametrize("times, given, why", [
    (["01/04/2026", "04/04/2026"], None, "f: no date tells whether 01/04/2026 begins .*specify `dates`"),
    (["29/03/2026", "3/29/2026"], None, "f: 29/03/2026 begins with the day, 3/29/2026 with the month"),
    (["29/03/2026"], "month-first", "f: 29/03/2026 cannot be month-first")])
def test_dates_that_tell_nothing_or_contradict_each_other_are_refused(times, given, why):
    with pytest.raises(Refused, match=why):
        dateorders.of_file(times, "f", given)


@pytest.mark.parametrize("text, order, iso", [
    ("29.03.2026 00:15", "", "2026-03-29 00:15"), ("9.3.2026 0:15", "", "2026-03-09 00:15"),
    ("3/29/2026T1:00", "month-first", "2026-03-29T01:00"), ("9/3/2026", "day-first", "2026-03-09"),
    ("2026/3/9 10:00", "", "2026-03-09 10:00"), ("2026-03-09", "", "2026-03-09"),
    ("9/3/2026", "", "9/3/2026"), ("9/3/20266", "day-first", "9/3/20266")])
def test_dates_become_iso_8601(text, order, iso):
    assert dateorders.iso(text, order) == iso
