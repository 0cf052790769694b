"""What storage does if it is left alone, as it is learned."""
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from server import clock
from server.config import settings
from server.grid.fleet import defaultloads
from server.grid.reports import defaultbehaviour
from server.grid.series.intervals import Span
from server.models import DefaultBehaviour
from tests.conftest import NOON
from tests.server.grid.reports.conftest import DAY, HOUR, STEP, order, read_injection


def read_days(street, watts, days=20, skip=()):
    """The battery draws so much at 18:00 to 20:00 UTC of each of these days before today."""
    for back in range(1, days + 1):
        start = NOON - back * DAY + 6 * HOUR
        if back not in skip:
            read_injection(1, start, [-watts(date.fromordinal(
                datetime.fromtimestamp(start, ZoneInfo("UTC")).toordinal()))] * 8)


def learned(clock_at=NOON):
    clock.turn_to(clock_at)
    while defaultbehaviour.learn_due():
        pass
    return DefaultBehaviour.get(DefaultBehaviour.device == 1)


def test_working_days_and_others_apart(street):
    read_days(street, lambda day: -1200 if day.weekday() < 5 else -300)
    row = learned()
    assert row.working_day_w[72:80] == [-1200] * 8 and row.other_day_w[72:80] == [-300] * 8
    assert row.working_day_w[:72] == [None] * 72
    sunday, monday = NOON + 6 * HOUR, NOON + 30 * HOUR
    for start, load_w in ((sunday, -300), (monday, -1200)):
        loads = defaultloads.read(street).during(Span(start - HOUR, 6, HOUR, NOON))
        assert loads.of(np.array([1, 2])).tolist() == [[0, load_w, load_w, 0, 0, 0], [0] * 6]
    fine = defaultloads.read(street).during(Span(monday + 2 * HOUR - 300, 2, 300, NOON))
    assert fine.total_w().tolist() == [-1200, 0]


def test_once_a_day_and_only_of_storage(street):
    assert defaultbehaviour.learn_due() == 1 and defaultbehaviour.learn_due() == 0
    assert [row.device_id for row in DefaultBehaviour.select()] == [1]
    clock.turn_to(NOON + 12 * HOUR + 60)
    assert defaultbehaviour.learn_due() == 1


def test_what_was_asked_of_it_is_not_its_own(street):
    read_days(street, lambda day: -3000 if day.toordinal() % 2 else -1000)
    for back in range(1, 21):
        start = NOON - back * DAY + 6 * HOUR
        if datetime.fromtimestamp(start, ZoneInfo("UTC")).toordinal() % 2:
            order(street, start, 2 * HOUR, {1: (3000, 1000)})
    assert set(learned().working_day_w[72:80]) == {-1000}


def test_it_is_remembered_where_the_balance_commands_storage_in_every_step(street):
    read_days(street, lambda day: -1200)
    assert learned().working_day_w[72] == -1200
    later = NOON + 60 * DAY
    order(street, NOON, 60 * DAY, {1: (0, 0)}, plan=1)
    read_injection(1, later - DAY, [0] * 96)
    assert learned(later).working_day_w[72] == -1200


def test_by_the_clock_on_the_wall(street):
    settings.timezone = "Europe/Berlin"
    zone = ZoneInfo("Europe/Berlin")
    today = date(2026, 4, 1)
    for back in range(1, 15):
        begin = datetime.combine(today - timedelta(days=back), datetime.min.time(), zone).replace(hour=18)
        read_injection(1, int(begin.timestamp()), [500] * 4)
    row = learned(int(datetime(2026, 4, 1, 12, tzinfo=zone).timestamp()))
    assert row.working_day_w[72:76] == [-500] * 4 and row.working_day_w[68:72] == [None] * 4


def test_two_days_say_nothing(street):
    read_days(street, lambda day: -1200, days=2)
    assert learned().working_day_w == [None] * 96
    assert defaultloads.read(street).during(Span(NOON, 4, STEP, NOON)).total_w() == pytest.approx([0] * 4)
