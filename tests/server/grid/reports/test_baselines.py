"""The baseline of each kind of device."""
import math
from datetime import date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from server import clock
from server.config import settings
from server.errors import Refused
from server.grid.reports import baselines, likedays
from server.models import ChargingSession, DerState
from tests.conftest import NOON
from tests.server.grid.reports.conftest import (DAY, HOUR, STEP, baseline, order, read_injection,
                                                read_like_days)


def test_a_battery_that_does_the_same_every_evening_is_not_paid_for_it(street):
    """It was taken to do nothing without an event: 48 % of what an event was paid for."""
    read_like_days(10, lambda day: 300, number=1, night_w=-1200)
    evening = NOON + 7 * HOUR
    read_injection(1, NOON - 6 * HOUR, [-400] * 40)
    clock.turn_to(evening + HOUR)
    result = baseline(1, evening, evening + HOUR, ordered_w=0.0)
    assert (result.method, result.days) == ("10 of 10, additive adjustment", 10)
    assert result.shift_w == pytest.approx(100) and result.load_w == pytest.approx([-1100.0] * 4)


def test_a_battery_of_which_nothing_was_read_before(street):
    estimated = baseline(1, NOON, NOON + HOUR, ordered_w=700.0)
    assert (estimated.method, estimated.load_w.tolist()) == ("as ordered", [700.0] * 4)
    assert baseline(1, NOON, NOON + HOUR).method == "none"


def test_a_battery_of_the_automatic_balance_has_the_baseline_that_the_step_was_planned_by(street):
    read_like_days(10, lambda day: 300, number=1)
    assert baseline(1, NOON, NOON + HOUR, ordered_w=-200.0, continuous=True).load_w.tolist() == [-200.0] * 4


def test_a_car_left_alone_charges_at_full_power_from_when_it_came(street):
    ChargingSession.create(
        href="/edev/2/frq/1",
        device=2,
        arrival_at=NOON - 450,
        departure_at=NOON + DAY,
        energy_wh=7000 * 0.5,
        power_w=7000.0,
    )
    ChargingSession.create(
        href="/edev/2/frq/2",
        device=2,
        arrival_at=NOON,
        departure_at=NOON + DAY,
        energy_wh=9000,
        power_w=9000.0,
        cancelled=True,
    )
    assert baseline(2, NOON - 300, NOON + 60).load_w.tolist() == [7000.0, 7000.0]
    result = baseline(2, NOON - STEP, NOON + 2 * STEP)
    assert result.method == "uncontrolled" and result.load_w.tolist() == [3500.0, 7000.0, 3500.0]


def test_the_sun_would_have_gone_on(street):
    read_injection(4, NOON - HOUR, [1000, 2000, 3000, 2000])
    result = baseline(4, NOON, NOON + HOUR)
    assert result.method == "meter before" and result.load_w.tolist() == [-2000.0] * 4


def test_the_sun_that_was_held_back_says_what_it_could(street):
    read_injection(4, NOON - HOUR, [0] * 4)
    order(street, NOON - HOUR, HOUR, {4: (0, 3000)})
    DerState.create(
        href="/edev/4/der/1", device=4, max_injection_w=5000, max_absorption_w=0, available_w=3200.0
    )
    assert baseline(4, NOON, NOON + HOUR).method == "available"
    assert baseline(4, NOON, NOON + STEP).load_w.tolist() == [-3200.0]


def test_ten_like_days_put_right_by_the_same_day(street):
    read_like_days(12, lambda day: 1000)
    read_injection(3, NOON - 6 * HOUR, [-1200] * 24)
    result = baseline(3, NOON, NOON + HOUR)
    assert (result.method, result.days) == ("10 of 10, multiplicative adjustment", 10)
    assert result.factor == pytest.approx(1.2) and result.load_w == pytest.approx([1200.0] * 4)


def test_days_with_an_event_of_ours_and_other_kinds_of_days_do_not_count(street):
    days = likedays.like_days(date(2025, 6, 15))
    assert all(day.weekday() >= 5 for day in days) and days[-1] == date(2025, 6, 14)
    read_like_days(12, lambda day: 5000 if day == days[-1] else 1000)
    order(street, NOON - DAY + 2 * HOUR, HOUR, {3: (0, -1000)})
    assert baseline(3, NOON, NOON + HOUR).load_w == pytest.approx(
        [5000 * 0.1 + 1000 * 0.9] * 4
    )
    order(street, NOON - DAY + HOUR, HOUR, {3: (0, -1000)})
    result = baseline(3, NOON, NOON + HOUR)
    assert result.days == 10 and result.load_w == pytest.approx([1000.0] * 4)


def test_as_many_days_are_read_as_it_takes(street):
    """Of the last 14 working days, each in two was an event: the ten before and between make the baseline."""
    monday = NOON + DAY
    read_like_days(24, lambda day: 1000 + 10 * day.day, event=monday)
    days = likedays.like_days(date(2025, 6, 16))[-14:]
    for day in days[::2]:
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo("UTC"))
        order(street, int(noon.timestamp()), HOUR, {3: (0, -1000)})
    clock.turn_to(monday + HOUR)
    unaffected = [day for day in likedays.like_days(date(2025, 6, 16)) if day not in days[::2]][-10:]
    result = baseline(3, monday, monday + HOUR)
    assert result.days == 10
    assert result.load_w == pytest.approx([np.mean([1000 + 10 * day.day for day in unaffected])] * 4)


def test_a_day_of_summer_is_compared_with_winter_by_the_clock_on_the_wall(street):
    settings.timezone = "Europe/Berlin"
    zone = ZoneInfo("Europe/Berlin")
    event = int(datetime(2026, 3, 31, 18, tzinfo=zone).timestamp())
    clock.turn_to(event + HOUR)
    for day in likedays.like_days(date(2026, 3, 31))[-10:]:
        begin = datetime(day.year, day.month, day.day, 18, tzinfo=zone)
        read_injection(3, int(begin.timestamp()), [-2000] * 4)
    assert baseline(3, event, event + HOUR).load_w == pytest.approx([2000.0] * 4)
    assert len(baselines.local_quarters(date(2026, 3, 29), zone)) == 192
    assert (
        baselines.local_quarters(date(2026, 3, 29), zone)[96]
        - baselines.local_quarters(date(2026, 3, 29), zone)[0]
        == 23 * HOUR
    )


def test_without_like_days_the_estimate_stands_in(street):
    assert baseline(3, NOON, NOON + STEP, ordered_w=800.0) == (
        np.array([800.0]),
        "as ordered",
        0,
        1.0,
        0.0,
    )
    nothing = baseline(3, NOON, NOON + STEP)
    assert nothing.method == "none" and math.isnan(nothing.load_w[0])
    with pytest.raises(Refused, match="up to 24 h"):
        baseline(3, NOON, NOON + 2 * DAY)
