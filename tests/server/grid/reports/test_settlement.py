"""Settlement by group and kind of event."""
from server import clock
from server.grid.reports import performance
from server.grid.reports.settlement import settlement
from tests.conftest import NOON
from tests.server.grid.reports.conftest import HOUR, order, read_injection


def test_gaps_are_not_settled(street):
    row = order(street, NOON, HOUR, {1: (1000, 0)})
    read_injection(1, NOON, [1000, None, None, None])
    clock.turn_to(NOON + HOUR)
    group = performance.event_performance(row.id)["group"]
    assert (group["delivered_w"], group["coverage"], group["settled"]) == (1000, 0.25, False)
    row, = settlement([performance.event_performance(row.id)])
    assert row["unsettled"] == 1
    assert {value for key, value in row.items() if key.endswith(("kwh", "percent"))} == {None}, "not 0.00"


def test_up_and_down_are_settled_apart_and_gross(street):
    """What was asked up and down netted to next to nothing, and so did what was delivered: 100 %."""
    for start, asked_w, done_w in ((NOON, 1000, 600), (NOON + HOUR, -1000, -600)):
        order(street, start, HOUR, {1: (asked_w, 0)})
        read_injection(1, start, [done_w] * 4)
    clock.turn_to(NOON + 2 * HOUR)
    row, = settlement(performance.area_performance("street", NOON, NOON + 2 * HOUR))
    assert (row["up_asked_kwh"], row["up_delivered_kwh"]) == (1, 0.6)
    assert (row["down_asked_kwh"], row["down_delivered_kwh"]) == (1, 0.6)
    assert (row["credited_kwh"], row["performance_percent"]) == (1.2, 60)


def test_what_was_delivered_beyond_what_was_asked_does_not_count(street):
    for start, done_w in ((NOON, 1500), (NOON + HOUR, 100)):
        order(street, start, HOUR, {1: (1000, 0)})
        read_injection(1, start, [done_w] * 4)
    clock.turn_to(NOON + 2 * HOUR)
    row, = settlement(performance.area_performance("street", NOON, NOON + 2 * HOUR))
    assert (row["up_delivered_kwh"], row["credited_kwh"], row["performance_percent"]) == (1.6, 1.1, 55)
