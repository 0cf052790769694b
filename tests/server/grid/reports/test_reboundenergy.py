"""What comes back after an event."""
import pytest

from server import clock
from server.devices import personaldata
from server.grid.reports import erasure, performance
from tests.conftest import NOON
from tests.server.grid.reports.conftest import HOUR, order, read_injection, read_like_days


def test_what_comes_back(street):
    row = order(street, NOON, HOUR, {3: (0, -1000)})
    read_like_days(10, lambda day: 1000)
    read_injection(3, NOON - 6 * HOUR, [-1000] * 24 + [0] * 4 + [-1800] * 2 + [-1000] * 6)
    clock.turn_to(NOON + 3 * HOUR)
    result = performance.event_performance(row.id)
    assert result["group"]["delivered_w"] == pytest.approx(1000)
    assert result["rebound"] == {
        "energy_wh": 400.0, "fraction": pytest.approx(0.4), "peak_w": 800.0, "hours": 0.5}


def test_what_comes_back_of_an_erased_device_still_counts(street):
    row = order(street, NOON, HOUR, {3: (0, -1000), 4: (0, -1000)})
    read_like_days(10, lambda day: 1000)
    for number in (3, 4):
        read_injection(number, NOON - 6 * HOUR, [-1000] * 24 + [0] * 4 + [-1800] * 2 + [-1000] * 6)
    clock.turn_to(NOON + 3 * HOUR)
    before = performance.event_performance(row.id)
    lfdi = before["devices"][1]["lfdi"]
    erasure.erase(personaldata.subject(lfdi))
    after = performance.event_performance(row.id)
    assert after["rebound"] == before["rebound"] and before["rebound"]["energy_wh"] > 400
    assert after["devices"][1].keys() == before["devices"][1].keys()
    clock.turn_to(NOON + 5 * HOUR)
    assert performance.event_performance(row.id)["rebound"] == before["rebound"], "nothing was read since"
