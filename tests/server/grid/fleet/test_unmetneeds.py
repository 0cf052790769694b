"""What cars will leave without is written down with their sessions."""
import pytest

from server import clock
from server.grid.controls import evsessions
from server.grid.fleet import unmetneeds
from server.grid.fleet.unmetneeds import UnmetNeed
from server.grid.flexibility import status
from server.grid.groups import virtualders
from tests.conftest import NOON
from tests.server.grid.balancedarea import asks

SHORT = UnmetNeed(5000.4, "the import limit of site leaves too little")


@pytest.fixture
def requests(home):
    """The requests of two cars."""
    chargers = [home(number, "evcharger") for number in (1, 2)]
    virtualders.create("site", rule="kind = evcharger")
    for charger in chargers:
        charger.rate(82, 0, 7000)
    return [asks(charger) for charger in chargers]


def test_it_is_shown_with_the_session_and_of_the_virtual_der(requests):
    unmetneeds.record(requests, {requests[1]: SHORT})
    first, second = evsessions.list_sessions("site")
    assert first["unmet_wh"] is None and (second["unmet_wh"], second["unmet_reason"]) == (5000, SHORT.reason)
    assert status.status("site")["unmet"] == [
        {"device": "d2", "departure": NOON + 36_000, "unmet_wh": 5000, "reason": SHORT.reason}]


def test_it_is_reckoned_anew(requests):
    site = virtualders.find("site")
    unmetneeds.record(requests, dict.fromkeys(requests, SHORT))
    assert len(unmetneeds.of_vder(site, NOON)) == 2
    unmetneeds.record(requests[:1], {})
    assert [row.device for row in unmetneeds.of_vder(site, NOON)] == ["d2"]
    unmetneeds.record(requests, {requests[1]: UnmetNeed(9.9, "rounding")})
    assert unmetneeds.of_vder(site, NOON) == []


def test_it_stays_written_when_the_car_has_left(requests):
    unmetneeds.record(requests, {requests[0]: SHORT})
    clock.advance(11 * 3600)
    assert unmetneeds.of_vder(virtualders.find("site"), clock.now()) == []
    assert unmetneeds.of_session(requests[0]) == (5000, SHORT.reason)
