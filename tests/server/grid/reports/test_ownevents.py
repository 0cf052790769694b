"""When our own events affect a device."""
from server import clock
from server.grid.reports import ownevents
from server.resources import store
from tests import peers
from tests.conftest import NOON
from tests.server.grid.reports.conftest import DAY, HOUR


def test_an_event_on_the_wire_counts_as_ours_from_before_until_after_it(street):
    clock.turn_to(NOON)
    store.add(
        "DERControl",
        f"{street.program}/derc",
        {
            "mRID": "0F",
            "creationTime": NOON,
            "EventStatus": {"currentStatus": 0, "dateTime": NOON, "potentiallySuperseded": False},
            "interval": {"start": NOON + HOUR, "duration": HOUR},
            "DERControlBase": {"opModConnect": True},
        },
    )
    assert ownevents.own_events(3, peers.lfdi(3), NOON, NOON + DAY) == [(NOON, NOON + 4 * HOUR)]
