"""A charger that has forgotten its request asks again with a new mRID: it has one plug, and counts once."""
from __future__ import annotations

from typing import Any

import pytest

from server import clock
from server.config import settings
from server.grid.controls import evsessions
from server.grid.fleet.repeatedrequests import Request, is_superseded
from server.grid.groups import virtualders
from server.models import ChargingSession
from server.resources import store
from server.resources.codes import EventStatus
from tests.conftest import NOON
from tests.server.grid.conftest import watts

HOUR = 3600
RULES = [  # the window of the older and of the newer request, their energy, and whether the newer replaces it
    ("the same", (0, 4), (0, 4), (1, 1), True),
    ("after a restart", (0, 4), (1, 4), (1, 1), True),
    ("for longer", (0, 4), (0, 12), (1, 1), True),
    ("most of it", (0, 4), (1, 6), (1, 2), True),
    ("the next trip", (0, 4), (4, 8), (1, 1), False),
    ("the next trip, known early", (0, 8), (7, 15), (1, 1), False),
    ("half of it", (0, 4), (2, 6), (1, 1), False),
    ("discharging besides", (0, 4), (0, 4), (1, -1), False),
]


@pytest.mark.parametrize("rule, older, newer, energy, expected", RULES, ids=[row[0] for row in RULES])
def test_what_is_asked_anew(
    rule: str, older: tuple[int, int], newer: tuple[int, int], energy: tuple[int, int], expected: bool
) -> None:
    first = Request("/edev/1/frq/9", *older, energy[0])
    second = Request("/edev/1/frq/10", *newer, energy[1])
    assert is_superseded(first, [first, second]) == expected
    assert not is_superseded(second, [first, second])


def test_two_plugs_serve_two_requests() -> None:
    requests = [Request(f"/edev/1/frq/{number}", 0, 4, 1) for number in (1, 2, 3)]
    assert [is_superseded(request, requests, plugs=2) for request in requests] == [True, False, False]


def ask(device: Any, mrid: str, start: int = 0, hours: int = 4, energy: int = 10_000) -> str:
    now = clock.now()
    reply = device.client.post(f"/edev/{device.device.id}/frq", "FlowReservationRequest", {
        "mRID": mrid, "creationTime": now, "energyRequested": watts(energy), "powerRequested": watts(7400),
        "RequestStatus": {"dateTime": now, "requestStatus": 0},
        "intervalRequested": {"start": now + start, "duration": hours * HOUR}})
    assert reply.status == 201, reply.body
    location: str = reply.location
    return location


def granted_wh(device: Any) -> float:
    """The energy of what a device is granted now or later."""
    live = [grant.submitted for grant in store.items(f"/edev/{device.device.id}/frp")
            if grant.status["currentStatus"] <= EventStatus.ACTIVE]
    return sum(grant["powerAvailable"]["value"] * grant["interval"]["duration"] for grant in live) / HOUR


@pytest.fixture
def chargers(home):
    """Two chargers of 7.4 kW under a limit of 8 kW."""
    homes = [home(number, kind="evcharger") for number in (1, 2)]
    for device in homes:
        device.rate(82, absorb=7400)
    virtualders.create("cars", "kind = evcharger", import_limit_w=8000)
    return homes


def test_it_is_granted_once_and_the_other_gets_its_part(chargers):
    one, other = chargers
    for number in range(6):
        ask(one, f"A{number}")
        clock.advance(60)
    ask(other, "B")
    assert granted_wh(one) == pytest.approx(10_000, rel=0.01)
    assert granted_wh(other) > 5000
    states = [session["state"] for session in evsessions.list_sessions() if session["lfdi"] == one.lfdi]
    assert states.count("asked for anew") == 5
    assert ChargingSession.select().where(~ChargingSession.cancelled).count() == 2
    assert store.reindex() == 0


def test_the_one_before_counts_again_where_the_newer_is_withdrawn(chargers):
    one, _ = chargers
    first, second = ask(one, "A1"), ask(one, "A2")
    flags = dict(ChargingSession.select(ChargingSession.href, ChargingSession.superseded).tuples())
    assert flags == {first: True, second: False} or flags == {first: True, second: None}
    assert one.client.delete(second).status == 204
    assert not ChargingSession.get(ChargingSession.href == first).cancelled
    assert store.reindex() == 0


def test_requests_for_other_times_stand_beside_each_other(chargers):
    one, _ = chargers
    ask(one, "A1", hours=4)
    ask(one, "A2", start=6 * HOUR, hours=4)
    assert not ChargingSession.select().where(ChargingSession.cancelled).exists()
    assert granted_wh(one) == pytest.approx(20_000, rel=0.01)


def test_what_is_asked_anew_counts_for_the_quota(chargers, monkeypatch):
    one, _ = chargers
    monkeypatch.setattr(settings, "quota_reservation_requests", 3)
    for number in range(3):
        ask(one, f"A{number}")
    reply = one.client.post("/edev/1/frq", "FlowReservationRequest", {
        "mRID": "A9", "creationTime": NOON, "energyRequested": watts(1), "powerRequested": watts(1),
        "RequestStatus": {"dateTime": NOON, "requestStatus": 0},
        "intervalRequested": {"start": NOON, "duration": HOUR}})
    assert reply.status == 403
