"""Flow reservation: requests, what is granted, and the answers (IEEE 2030.5-2018, 10.9; the schema's words on
FlowReservationRequest, RequestStatus and FlowReservationResponse)."""
from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from server import clock
from server.config import settings
from server.devices import enrolment
from server.errors import Refused
from server.grid.controls import evsessions, operatingenvelopes, reservationheadroom, reservations
from server.grid.groups import virtualders
from server.grid.series import signals
from server.resources import store
from tests import peers
from tests.conftest import NOON
from tests.peers import Peer

HOUR, POLL = 3600, 300
MRID = "0ACE0000000000000000000000000001"


def wh(value: int, multiplier: int = 0) -> dict[str, int]:
    return {"multiplier": multiplier, "value": value}


def request(
    energy: int = 14_000,
    power: int = 7000,
    start: int = NOON,
    duration: int = 10 * HOUR,
    mrid: str = MRID,
    status: int = 0,
    **more: Any,
) -> dict[str, Any]:
    return {"mRID": mrid, "creationTime": NOON, "energyRequested": wh(energy), "powerRequested": wh(power),
            "intervalRequested": {"start": start, "duration": duration},
            "RequestStatus": {"dateTime": NOON, "requestStatus": status}, **more}


def ask(device: Peer, number: int = 1, **changes: Any) -> peers.Reply:
    return device.post(f"/edev/{number}/frq", "FlowReservationRequest", request(**changes))


def granted(device: Peer, number: int = 1) -> list[tuple[int, int, int, int, int]]:
    """(EventStatus, seconds from noon, seconds, W, Wh) of each that is listed."""
    return [
        (
            reservation["EventStatus"]["currentStatus"],
            reservation["interval"]["start"] - NOON,
            reservation["interval"]["duration"],
            reservation["powerAvailable"]["value"] * 10 ** reservation["powerAvailable"]["multiplier"],
            reservation["energyAvailable"]["value"],
        )
        for reservation in device.get(f"/edev/{number}/frp?l=9").data.get("FlowReservationResponse", [])
    ]


@pytest.fixture
def two(device: Peer, peer: Callable[[int], Peer]) -> Peer:
    """A second device; both are in `street`, which may import 10 kW."""
    enrolment.enrol(peers.lfdi(2), name="two")
    virtualders.create("street", members=["one", "two"], import_limit_w=10_000)
    return peer(2)


# --- asking ---------------------------------------------------------------------------------------

def test_a_device_finds_where_to_ask_and_where_it_is_answered(device: Peer) -> None:
    links = device.get("/edev/1").data
    assert links["FlowReservationRequestListLink"] == {"href": "/edev/1/frq", "all": 0}
    assert links["FlowReservationResponseListLink"] == {"href": "/edev/1/frp", "all": 0}


def test_who_asks_is_granted_at_once_from_the_next_poll_on(device: Peer) -> None:
    reply = ask(device)
    assert (reply.status, reply.location) == (201, "/edev/1/frq/1")
    assert request().items() <= device.get(reply.location).data.items()
    assert granted(device) == [(0, POLL, 2 * HOUR, 7000, 14_000)]
    answer = device.get("/edev/1/frp").data["FlowReservationResponse"][0]
    assert (answer["subject"], answer["replyTo"], answer["responseRequired"]) == (MRID, "/rsps/1/rsp", "03")
    assert device.get("/edev/1").data["FlowReservationResponseListLink"]["all"] == 1
    clock.turn_to(NOON + POLL)
    assert granted(device)[0][0] == 1
    clock.turn_to(NOON + POLL + 2 * HOUR)
    assert granted(device) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"duration": 0},
        {"start": NOON - 60, "duration": 60},
        {"start": NOON - HOUR, "duration": HOUR},
        {"energy": 0},
        {"power": 0},
        {"power": -7000},
        {"status": 2},
        {"status": 255},
    ],
)
def test_what_cannot_be_meant_is_refused(device: Peer, changes: dict[str, int]) -> None:
    settings.reservation_policy = "off"
    assert ask(device, **changes).status == 400
    assert store.items("/edev/1/frq") == store.items("/edev/1/frp") == []


@pytest.mark.parametrize(
    "name, value",
    [
        ("durationRequested", -1),
        ("durationRequested", 65_536),
        ("intervalRequested", {"start": NOON, "duration": -60}),
        ("energyRequested", {"value": 1}),
        ("creationTime", "now"),
        ("mRID", "xyz"),
    ],
)
def test_what_the_schema_does_not_allow_is_refused(device: Peer, name: str, value: Any) -> None:
    inner = (
        value
        if not isinstance(value, dict)
        else "".join(f"<{key}>{item}</{key}>" for key, item in value.items())
    )
    text = peers.codec.encode("FlowReservationRequest", request(durationRequested=1)).decode()
    assert device.request("POST", "/edev/1/frq", text.encode()).status == 201
    bad, count = re.subn(rf"<{name}>.*?</{name}>", f"<{name}>{inner}</{name}>", text, flags=re.S)
    assert count == 1 and device.request("POST", "/edev/1/frq", bad.encode()).status == 400


@pytest.mark.parametrize("changes, expected", [
    # it does not fit the window: what fits
    ({"duration": HOUR}, (1, 0, HOUR, 7000, 7000)),
    ({"duration": HOUR, "durationRequested": 2 * HOUR}, (1, 0, HOUR, 7000, 7000)),
    ({"durationRequested": 3 * HOUR}, (0, POLL, 3 * HOUR, 7000, 14_000)),
    ({"energy": -14_000}, (0, POLL, 2 * HOUR, -7000, -14_000)),
    ({"energy": -14_000, "power": -7000}, (0, POLL, 2 * HOUR, -7000, -14_000)),
    ({"start": NOON - HOUR, "duration": 2 * HOUR, "energy": 7000}, (1, 0, HOUR, 7000, 7000)),
    ({"start": NOON + HOUR}, (0, HOUR, 2 * HOUR, 7000, 14_000))])
def test_what_can_be_meant_is_answered_by_what_can_be_had(device: Peer, changes: dict[str, int],
                                                          expected: tuple[int, ...]) -> None:
    assert ask(device, **changes).status == 201
    assert granted(device) == [expected]


def test_a_request_that_can_be_granted_nothing_is_logged_for_its_device(device: Peer, two: Peer) -> None:
    """10.9.4: a LogEvent of the server, FR_SCHEDULING_ERROR."""
    virtualders.update("street", import_limit_w=1)
    ask(device)
    assert granted(device)[-1][3:] == (0, 0)
    event, = device.get("/sdev/lel").data["LogEvent"]
    assert (event["functionSet"], event["logEventCode"], event["details"]) == (21, 0, "/edev/1/frq/1")
    assert two.get("/sdev/lel").data["all"] == 0


def test_asked_twice_because_the_receipt_was_lost_it_is_one_request(device: Peer) -> None:
    first, again = ask(device), ask(device)
    assert (again.status, again.location) == (204, first.location)
    assert len(store.items("/edev/1/frq")) == len(granted(device)) == 1


def test_somebody_else_s_request_with_that_name_is_another(device: Peer, two: Peer) -> None:
    assert ask(device).status == ask(two, 2).status == 201
    assert ask(two, 1, mrid="0F").status == 404 == two.get("/edev/1/frp").status


def test_devices_do_not_grant(device: Peer) -> None:
    ask(device)
    grant = device.get("/edev/1/frp").data["FlowReservationResponse"][0]
    assert device.post("/edev/1/frp", "FlowReservationResponse", grant).status == 403
    assert device.delete(grant["href"]).status == 403
    assert device.put(grant["href"], "FlowReservationResponse", grant).status == 405


# --- limits ---------------------------------------------------------------------------------------

@pytest.fixture
def order(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Go through what is granted, or through the members, whichever are fewer."""
    monkeypatch.setattr(reservationheadroom, "_is_sooner_by_grant", lambda *_: request.param == "grants")


either_way = pytest.mark.parametrize("order", ["grants", "members"], indirect=True)


@either_way
def test_the_second_waits_where_there_is_no_room_for_both(device: Peer, two: Peer, order: None) -> None:
    ask(device)
    ask(two, 2, mrid="0B")
    assert granted(two, 2) == [(0, POLL + 2 * HOUR, 2 * HOUR, 7000, 14_000)]


@either_way
def test_what_is_discharged_leaves_the_limit_of_import_alone(device: Peer, two: Peer, order: None) -> None:
    ask(device, energy=-14_000)
    ask(two, 2, mrid="0B")
    assert granted(two, 2) == [(0, POLL, 2 * HOUR, 7000, 14_000)]
    virtualders.update("street", export_limit_w=3500)
    ask(two, 2, mrid="0C", energy=-7000)
    assert granted(two, 2)[1:] == [(0, POLL + 2 * HOUR, 2 * HOUR, -3500, -7000)]


@either_way
def test_the_limits_of_all_groups_above_hold(device: Peer, two: Peer, order: None) -> None:
    virtualders.create("town", import_limit_w=5300)
    virtualders.update("street", parent="town")
    ask(device)
    assert granted(device) == [(0, POLL, 9510, 5300, 14_000)]
    virtualders.update("town", import_limit_w=100)
    ask(two, 2, mrid="0B")
    assert granted(two, 2) == [(1, 0, 10 * HOUR, 0, 0)]


def test_limits_that_change_with_time_hold(device: Peer, two: Peer) -> None:
    signals.put("street", "import_limit", [2000.0] * 4 + [None] * 4, NOON + HOUR, 900)
    ask(device, duration=HOUR, energy=7000)
    assert granted(device) == [(1, 0, HOUR, 7000, 7000)], "before the signal"
    ask(two, 2, mrid="0B", start=NOON + HOUR, duration=HOUR)
    assert granted(two, 2) == [(0, HOUR, HOUR, 2000, 2000)]
    ask(device, mrid="0C", start=NOON + HOUR)
    assert granted(device)[1:] == [(0, 2 * HOUR, 2 * HOUR, 7000, 14_000)], "after it"


def schedule(column: str, *values: int | str) -> str:
    """A file with a value for each half hour from noon on."""
    return "\n".join([f"start,{column}", *(
        f"2025-06-15T{12 + number // 2}:{number % 2 * 3}0Z,{value}" for number, value in enumerate(values))])


@pytest.mark.parametrize("column", ["import_limit", "load_limit"])
def test_the_schedule_of_its_own_connection_point_holds(device: Peer, two: Peer, column: str) -> None:
    operatingenvelopes.put(schedule(column, 0, 0, 3500, 3500, ""), "doe.csv", "one", step_s=HOUR // 2)
    ask(device, duration=2 * HOUR)
    assert granted(device) == [(0, HOUR, HOUR, 3500, 3500)]
    ask(two, 2, mrid="0B", energy=5000)
    assert granted(two, 2) == [(0, POLL, 2572, 7000, 5000)], "the other's is its own"


def test_a_schedule_of_the_street_holds_for_all_together(device: Peer, two: Peer) -> None:
    operatingenvelopes.put(schedule("export_limit", 3000, 3000), "doe.csv", "street", step_s=HOUR // 2)
    ask(device, energy=-2000, power=2000, duration=HOUR)
    ask(two, 2, mrid="0B", energy=-2000, power=2000, duration=HOUR)
    assert [grant[3] for grant in (*granted(device), *granted(two, 2))] == [-2000, -1000]


@either_way
def test_what_is_cancelled_makes_room(device: Peer, two: Peer, order: None) -> None:
    href = ask(device).location
    reservations.cancel(href)
    ask(two, 2, mrid="0B")
    assert granted(two, 2) == [(0, POLL, 2 * HOUR, 7000, 14_000)]


@either_way
def test_what_is_granted_outside_the_window_does_not_count(device: Peer, two: Peer, order: None) -> None:
    ask(device, start=NOON + 2 * HOUR, duration=2 * HOUR)
    ask(two, 2, mrid="0B", duration=2 * HOUR)
    assert granted(two, 2) == [(1, 0, 2 * HOUR, 7000, 14_000)]
    ask(two, 2, mrid="0C", start=NOON + 4 * HOUR)
    assert granted(two, 2)[1:] == [(0, 4 * HOUR, 2 * HOUR, 7000, 14_000)]


def test_the_fewer_are_gone_through(device: Peer, two: Peer) -> None:
    window, street = (NOON, NOON + 10 * HOUR), virtualders.find("street").id
    assert reservationheadroom._is_sooner_by_grant(street, window)
    for number in range(2):
        ask(device, mrid=f"0{number}", duration=4 * HOUR)
    assert not reservationheadroom._is_sooner_by_grant(street, window)
    assert reservationheadroom._is_sooner_by_grant(street, (NOON + 5 * HOUR, NOON + 10 * HOUR))


# --- changes --------------------------------------------------------------------------------------

def test_the_device_cancels(device: Peer) -> None:
    href = ask(device).location
    clock.advance(POLL + 60)
    assert device.put(href, "FlowReservationRequest", request(status=1)).status == 204
    assert device.get(href).data["RequestStatus"]["requestStatus"] == 1
    assert [grant[0] for grant in granted(device)] == [2]
    assert device.put(href, "FlowReservationRequest", request()).status == 409
    assert device.put(href, "FlowReservationRequest", request(status=1)).status == 204
    with pytest.raises(Refused, match="cancelled by the device"):
        reservations.grant(href, 5000, HOUR)


def test_the_device_cancels_even_when_the_window_is_over(device: Peer) -> None:
    href = ask(device).location
    clock.advance(11 * HOUR)
    assert device.put(href, "FlowReservationRequest", request()).status == 400
    assert device.put(href, "FlowReservationRequest", request(status=1)).status == 204


def test_the_device_withdraws(device: Peer) -> None:
    href = ask(device).location
    assert device.delete(href).status == 204
    assert [grant[0] for grant in granted(device)] == [2] and list(evsessions.list_sessions()) == []


def test_the_device_asks_for_something_else(device: Peer) -> None:
    href = ask(device).location
    clock.advance(1)
    assert device.put(href, "FlowReservationRequest", request(energy=7000)).status == 204
    assert granted(device) == [(0, POLL, 2 * HOUR, 7000, 14_000), (0, POLL + 1, HOUR, 7000, 7000)]
    clock.turn_to(NOON + POLL + 1)
    assert [grant[0] for grant in granted(device)] == [4, 1]
    assert device.put(href, "FlowReservationRequest", request(energy=7000)).status == 204
    assert len(granted(device)) == 2, "the same again changes nothing"


@pytest.mark.parametrize("changed", [{"mrid": "0B"}, {"creationTime": NOON + 1}])
def test_a_request_keeps_its_identity(device: Peer, changed: dict[str, Any]) -> None:
    href = ask(device).location
    assert device.put(href, "FlowReservationRequest", {**request(), **request(**changed)}).status == 400


def test_the_server_revises_while_it_runs(device: Peer) -> None:
    href = ask(device).location
    clock.advance(POLL + HOUR)
    reservation = reservations.grant(href, 3500, 2 * HOUR, NOON + POLL + HOUR + 600)
    assert (reservation["energy_wh"], reservation["warnings"]) == (7000, [])
    assert granted(device) == [
        (1, POLL, 2 * HOUR, 7000, 14_000),
        (0, POLL + HOUR + 600, 2 * HOUR, 3500, 7000),
    ]
    first = device.get("/edev/1/frp").data["FlowReservationResponse"][0]
    assert first["EventStatus"]["potentiallySuperseded"] is False, "in all of it"
    clock.advance(600)
    assert [grant[0] for grant in granted(device)] == [4, 1]


def test_the_server_moves_it_to_another_time(device: Peer) -> None:
    href = ask(device).location
    reservations.grant(href, 7000, 2 * HOUR, NOON + 6 * HOUR, 14_000)
    assert granted(device) == [(2, POLL, 2 * HOUR, 7000, 14_000), (0, 6 * HOUR, 2 * HOUR, 7000, 14_000)]


def test_another_request_of_the_same_device_is_not_touched_by_it(device: Peer) -> None:
    href = ask(device).location
    ask(device, mrid="0B", energy=-14_000, power=-7000)
    reservations.grant(href, 1400, HOUR, NOON + POLL)
    clock.advance(POLL)
    assert sorted(grant[0] for grant in granted(device)) == [1, 1, 4]


@pytest.mark.parametrize(
    "watts, seconds, start, energy, why",
    [
        (-5000, HOUR, NOON, None, "charging, which is positive"),
        (5000, HOUR, NOON, -1, "charging"),
        (5000, HOUR, NOON + 9 * HOUR + 1, None, "not for"),
        (5000, HOUR, NOON - 1, None, "not for"),
        (5000, 0, NOON, None, "at least one second"),
        (5000, HOUR, NOON, 1e15, "do not fit"),
    ],
)
def test_a_grant_that_cannot_be_is_refused(
    device: Peer, watts: float, seconds: int, start: int, energy: float | None, why: str
) -> None:
    settings.reservation_policy = "off"
    href = ask(device).location
    with pytest.raises(Refused, match=why):
        reservations.grant(href, watts, seconds, start, energy)
    assert granted(device) == []


def test_a_grant_that_surprises_is_warned_of_and_can_be_tried(device: Peer, two: Peer) -> None:
    ask(two, 2, mrid="0B")
    settings.reservation_policy = "off"
    href = ask(device).location
    reservation = reservations.grant(href, 8000, 2 * HOUR, NOON + POLL, dry_run=True)
    assert reservation["warnings"] == ["the device asked for no more than "
                                "7000 W", "the device asked for no more than 14000 Wh",
                                "the limits of its virtual DERs leave 3000 W"]
    assert "<value>8000</value>" in reservation["xml"][0] and granted(device) == []
    assert reservations.grant(href, 3000, 2 * HOUR, NOON + POLL)["warnings"] == []


# --- answers and sessions -------------------------------------------------------------------------

def test_what_the_device_answers_is_kept_and_seen(device: Peer) -> None:
    ask(device)
    grant = device.get("/edev/1/frp").data["FlowReservationResponse"][0]
    for status in (1, 2, 4):
        response = {
            "createdDateTime": clock.now(),
            "endDeviceLFDI": device.lfdi,
            "subject": grant["mRID"],
            "status": status,
        }
        reply = device.post(grant["replyTo"], "FlowReservationResponseResponse", response)
        assert reply.status == 201 and device.get(reply.location).name == "FlowReservationResponseResponse"
    assert [session["answer"] for session in evsessions.list_sessions()] == ["opted out"]


def test_it_answers_nothing_but_a_grant(device: Peer, two: Peer) -> None:
    control = store.add("DERControl", "/derp/1/derc", {"interval": {"start": NOON, "duration": 60},
                                                       "DERControlBase": {"opModConnect": True}})
    for subject in (device.get(control).data["mRID"], "0E"):
        response = {"endDeviceLFDI": device.lfdi, "subject": subject, "status": 1}
        assert device.post("/rsps/1/rsp", "FlowReservationResponseResponse", response).status == 400


VEHICLE = {
    "chargingPowerNow": wh(7000),
    "energyRequestNow": wh(10_500),
    "maxForwardPower": wh(7000),
    "minimumChargingDuration": 5400,
    "targetStateOfCharge": 10_000,
    "timeChargeIsNeeded": NOON + 10 * HOUR,
    "timeChargingStatusPEV": NOON,
}


def test_a_session_tells_what_was_asked_granted_and_served(device: Peer, two: Peer) -> None:
    href = ask(device).location
    power_status = {"batteryStatus": 1, "changedTime": NOON, "currentPowerSource": 1, "PEVInfo": VEHICLE}
    assert device.put("/edev/1/ps", "PowerStatus", power_status).status == 204
    clock.advance(POLL + 1800)
    reading = {"timePeriod": {"start": NOON, "duration": POLL + 1800}, "value": 6000}
    assert device.post("/mup", "MirrorUsagePoint", {
        "mRID": "0A", "roleFlags": "0005", "serviceCategoryKind": 0, "status": 1, "deviceLFDI": device.lfdi,
        "MirrorMeterReading": [{"mRID": "0B", "Reading": reading, "ReadingType": {
            "flowDirection": 1, "powerOfTenMultiplier": 0, "uom": 38}}]}).status == 201
    session, = evsessions.list_sessions("street")
    assert (session["name"], session["request"], session["state"], session["answer"]) == ("one", href,
                                                                                          "active", "waiting")
    assert (session["energy_wh"], session["power_w"], session["granted_w"], session["granted_wh"]) == (
        14_000,
        7000,
        7000,
        14_000,
    )
    assert (session["margin_s"], session["served_wh"]) == (10 * HOUR - 2 * HOUR - POLL, 3500)
    assert session["vehicle"]["energyRequestNow"] == wh(10_500)
    assert len(session["grants"]) == 1 and evsessions.request_of(enrolment.find("one")) == href
    clock.advance(10 * HOUR)
    assert list(evsessions.list_sessions()) == []
    with pytest.raises(Refused, match="no flow reservation request"):
        evsessions.request_of(enrolment.find("one"))


def test_nobody_answers_where_that_is_set_but_who_is_asked_to(device: Peer) -> None:
    settings.reservation_policy = "off"
    ask(device)
    assert granted(device) == [] and list(evsessions.list_sessions())[0]["state"] == "not answered"
