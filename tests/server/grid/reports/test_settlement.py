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
    assert settlement([performance.event_performance(row.id)])[0]["unsettled"] == 1
