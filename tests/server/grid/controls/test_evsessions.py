"""Charging sessions are found by what is asked for, whatever the number of devices."""
import pytest

from server import clock
from server.errors import Refused
from server.grid.controls import evsessions
from server.grid.groups import virtualders
from server.models import ChargingSession
from server.resources import sql, store
from tests.conftest import on_sqlite
from tests.server.grid.balancedarea import asks


@pytest.fixture
def requests(home):
    """The requests of two chargers of three; the third asks for nothing."""
    chargers = [home(number, "evcharger") for number in (1, 2, 3)]
    virtualders.create("site", rule="name = d2")
    for charger in chargers:
        charger.rate(82, 0, 7000)
    return [asks(charger) for charger in chargers[:2]]


def test_they_are_those_of_all_of_a_virtual_der_or_of_a_device(requests):
    assert [row["request"] for row in evsessions.list_sessions()] == requests
    for given in ({"vder": "site"}, {"device": "d2"}):
        assert [row["request"] for row in evsessions.list_sessions(**given)] == requests[1:]
    assert list(evsessions.list_sessions("site", "d1")) == list(evsessions.list_sessions(device="d3")) == []
    with pytest.raises(Refused, match="d9"):
        evsessions.list_sessions(device="d9")
    clock.advance(11 * 3600)
    assert list(evsessions.list_sessions()) == [], "the cars have left"


def test_a_page_reads_no_more_than_it_shows(requests, monkeypatch):
    read, session = [], evsessions.session
    monkeypatch.setattr(evsessions, "session", lambda device, request: read.append(request.href) or session(
        device, request))
    first, after = evsessions.list_sessions().page(None, 1)
    assert [row["request"] for row in first] == read == requests[:1]
    second, after = evsessions.list_sessions().page(after, 1)
    assert [row["request"] for row in second] == requests[1:] and after is None
    last, _ = evsessions.list_sessions().sorted_page([("name", True)], None, 1)
    assert last == second


def test_a_request_that_was_removed_is_no_session(requests):
    store.remove(requests[0])
    assert [row["request"] for row in evsessions.list_sessions()] == requests[1:]


@on_sqlite
@pytest.mark.parametrize("given", [{}, {"vder": "site"}, {"device": "d2"}])
def test_neither_all_devices_nor_sessions_that_are_over_are_read(requests, given):
    query, values = evsessions.list_sessions(**given)._query.order_by(ChargingSession.href).limit(51).sql()
    plan = [row[3] for row in sql.rows(f"EXPLAIN QUERY PLAN {query}", *values)]
    assert any("charging_session_departure_at" in step for step in plan)
    assert not any(step.startswith("SCAN") for step in plan), plan
