"""CORE-001 to CORE-023: HTTP, rates, lists, time, identity, groups, programs, subscriptions, answers.

CORE-001, -002, -004, -006 are of version 1.2 alone; CORE-023 is optional.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from lxml import etree

from server import clock
from server.config import settings
from server.devices import enrolment, identity
from server.grid.controls import defaultcontrols, dercontrols
from server.grid.groups import virtualders
from server.operations import pollrates, subscriptions
from server.protocol.message import Incoming, Unacceptable
from server.resources import store, table
from server.resources.table import METHODS
from tests import peers
from tests.conftest import NOON, on_sqlite
from tests.peers import Peer
from tests.schemas.editions import valid
from tests.standard import every_resource
from tests.standard.csip import client, topology
from tests.standard.csip.client import ACTIVE, CANCELLED, SCHEDULED, Subscriber
from tests.standard.test_links import crawl

pytestmark = on_sqlite
MINUTE = 60
POWER_FACTOR = {"displacement": 95, "excitation": False, "multiplier": -2}
VOLT_VAR = {"curveType": 11, "xMultiplier": 0, "yMultiplier": 0, "yRefType": 2, "CurveData": [
    {"xvalue": 88 + 3 * number, "yvalue": 50 - 11 * number} for number in range(10)]}


def curve(vder: str, points: int = 10, **more: Any) -> dict[str, str]:
    """Add a volt-var curve to a program; return the link to it."""
    data = {**VOLT_VAR, **more, "CurveData": VOLT_VAR["CurveData"][:points]}  # type: ignore[index]
    return {"href": defaultcontrols.add_curve(vder, data)["href"]}


def test_core_001_each_resource_takes_its_methods_and_no_others(home: Peer) -> None:
    """From dcap on: what is allowed works, what is not is 405, what nobody knows 501, a broken header 400."""
    dercontrols.post("SP", {"opModVoltVar": curve("SP")}, 600)
    for href, reply in crawl(home).items():
        assert valid("2018", etree.fromstring(reply.body)), href
        assert reply.headers["Content-Type"] == "application/sep+xml"
        assert reply.headers["Content-Length"] == str(len(reply.body))
        match = table.match(href)
        assert match is not None
        for method in METHODS:
            if not match.row.allows(method):
                refused = home.request(method, href, every_resource.document(match.row.name, method))
                assert (refused.status, refused.headers["Allow"]) == (405, match.row.allow), (method, href)
        assert home.request("FOO", href).status == 501
    with pytest.raises(Unacceptable) as refusal:
        Incoming(1000).feed(b"GET /dcap HTTP/1.1\r\nHost: x\r\nbroken header\r\n\r\n")
    assert refusal.value.status == 400


def test_core_002_status_codes(home: Peer) -> None:
    """201 and 204 for writes, 400 without Host, 404 for an unknown URI, 405 with Allow, 501.

    The redirect of plain HTTP is a proxy's: this server has no port without TLS.
    """
    log = {"createdDateTime": NOON, "functionSet": 0, "logEventCode": 0, "logEventID": 1,
           "logEventPEN": 40732, "profileID": 2}
    assert home.post("/edev/1/lel", "LogEvent", log).status == 201
    assert home.put("/edev/1/der/1/ders", "DERStatus", {"readingTime": NOON}).status == 204
    with pytest.raises(Unacceptable) as refusal:
        Incoming(1000).feed(b"GET /dcap HTTP/1.1\r\nAccept: application/sep+xml\r\n\r\n")
    assert refusal.value.status == 400
    assert home.get("/none").status == 404
    refused = home.post("/tm", "Time", home.get("/tm").data)
    assert (refused.status, refused.headers["Allow"]) == (405, "GET, HEAD, PUT")
    assert home.request("FOO", "/dcap").status == 501


def test_core_003_each_rate_is_set_by_itself(home: Peer) -> None:
    """pollRate of DeviceCapability, EndDeviceList, FunctionSetAssignmentsList and DERProgramList."""
    kinds = ["DeviceCapability", "EndDeviceList", "FunctionSetAssignmentsList", "DERProgramList"]
    for number, kind in enumerate(kinds):
        pollrates.set_poll_rate(60 + number, kind=kind)
    (assignment,) = client.items(home, "/edev/1/fsa")
    hrefs = ["/dcap", "/edev", "/edev/1/fsa", assignment["DERProgramListLink"]["href"]]
    assert [home.get(href).data["pollRate"] for href in hrefs] == [60, 61, 62, 63]
    assert home.get("/edev/1/der").data["pollRate"] == settings.poll_rate


PAGES = {  # of the EndDeviceList: the query, and the places of the items in the whole list
    "s=0": [0], "": [0], "l=0": [], "l=1000": [0, 1, 2, 3, 4], "s=1&l=1&s=2": [1], "l=0&l=2": [],
    "l=1&b=2": [0], f"a={NOON}": [], f"s=3&a={NOON}": [], f"s=1&a={NOON}&a={NOON + 86400}": []}


def test_core_004_pages_of_a_list(fleet: Peer) -> None:
    """EndDeviceList: a parameter counts where it stands first, an unknown one does not; `a` is the time of
    the last change (erratum 29)."""
    whole = [item["href"] for item in client.items(fleet, "/edev")]
    assert len(whole) == 5
    for query, places in PAGES.items():
        reply = fleet.get(f"/edev?{query}")
        shown = [item["href"] for item in reply.data.get("EndDevice", [])]
        assert (reply.status, shown) == (200, [whole[place] for place in places]), query
        assert reply.data["results"] == len(places), query


def test_core_005_the_time_of_a_server_that_is_not_coordinated(home: Peer) -> None:
    """Quality 7, from dcap and each assignment; clients ask every quarter of an hour."""
    settings.time_quality = 7
    pollrates.set_poll_rate(900, kind="Time")
    (assignment,) = client.items(home, "/edev/1/fsa")
    for document in (home.get("/dcap").data, assignment):
        shown = home.get(document["TimeLink"]["href"]).data
        assert (shown["quality"], shown["pollRate"], shown["currentTime"]) == (7, 900, NOON)
    for seconds in (1, 59, 900):
        clock.advance(seconds)
        assert home.get("/tm").data["currentTime"] == clock.now()


@pytest.mark.parametrize("step_s", [3600, -3600])
def test_core_006_a_step_of_the_clock_shows(home: Peer, step_s: int) -> None:
    clock.advance(step_s)
    assert home.get("/tm").data["currentTime"] == NOON + step_s


DER_DOCUMENTS: dict[str, tuple[str, dict[str, Any]]] = {  # by the link of the DER
    "DERCapabilityLink": ("DERCapability", {
        "modesSupported": "00F00188", "rtgMaxW": {"multiplier": 0, "value": 5000}, "type": 4}),
    "DERSettingsLink": ("DERSettings", {
        "setGradW": 100, "setMaxW": {"multiplier": 0, "value": 4800}, "updatedTime": NOON}),
    "DERStatusLink": ("DERStatus", {
        "genConnectStatus": {"dateTime": NOON, "value": "07"}, "readingTime": NOON}),
    "DERAvailabilityLink": ("DERAvailability", {
        "readingTime": NOON, "statWAvail": {"multiplier": 0, "value": 1200}})}


def put_der_documents(writer: Peer, device: dict[str, Any]) -> None:
    """Put each document of a device's DER, and read it back."""
    (der,) = client.linked(writer, device, "DERList")
    for link, (kind, data) in DER_DOCUMENTS.items():
        href = der[link]["href"]
        assert writer.put(href, kind, data).status == 204, kind
        assert data.items() <= writer.get(href).data.items(), kind


def test_core_009_a_device_finds_itself_and_reports(home: Peer) -> None:
    """By LFDI and SFDI, with the PIN it was enrolled with; what it puts is read back. It never registers."""
    device = client.end_device(home, "ED")
    assert (device["lFDI"], device["sFDI"]) == (home.lfdi, identity.sfdi(home.lfdi))
    assert home.get(device["RegistrationLink"]["href"]).data["pIN"] == topology.PIN
    put_der_documents(home, device)


def test_core_010_seven_programs_by_one_assignment(fleet: Peer) -> None:
    """The device is the last of the list, its change the oldest; one assignment with its Time leads to seven
    programs of the primacies 4 to 10 (errata 41)."""
    settings.registration = True  # so that others change their EndDevices
    for seconds, name in enumerate(["ED", "EDA2", "EDB1", "EDB2"], 1):
        clock.turn_to(NOON + seconds)
        own = client.end_device(fleet, name)
        assert fleet.put(own["href"], "EndDevice", own).status == 204
    device = client.items(fleet, "/edev")[-1]
    assert device["href"] == client.end_device(fleet, "EDA1")["href"]
    assert fleet.get(device["RegistrationLink"]["href"]).data["pIN"] == 111115
    (assignment,) = client.linked(fleet, device, "FunctionSetAssignmentsList")
    assert fleet.get(assignment["TimeLink"]["href"]).status == 200
    listed = client.linked(fleet, assignment, "DERProgramList")
    assert [program["primacy"] for program in listed] == [*range(4, 11)]
    assert {fleet.get(program["href"]).status for program in listed} == {200}


def test_core_011_fifteen_assignments(home: Peer) -> None:
    """Some without programs, which the client skips; programs by primacy and mRID."""
    for number in range(12):
        virtualders.create(f"group {number}", primacy=20 + number % 2, members=["ED"])
    for _ in range(2):
        store.add("FunctionSetAssignments", "/edev/1/fsa", {"description": "no programs"})
    found = client.items(home, "/edev/1/fsa")
    assert len(found) == 15 and sum("DERProgramListLink" in assignment for assignment in found) == 13
    assert [item["mRID"] for item in found] == sorted((item["mRID"] for item in found), reverse=True)
    listed = client.items(home, "/derp")
    ranks = [(program["primacy"], -int(program["mRID"], 16)) for program in listed]
    assert len(listed) == 19 and ranks == sorted(ranks)


def test_core_012_a_control_with_a_mode_and_a_curve(home: Peer) -> None:
    """It begins in three minutes and lasts two; beside it a default. Scheduled, active, over."""
    defaultcontrols.set_default("SP", {"opModMaxLimW": 9000})
    base = {"opModMaxLimW": 5000, "opModVoltVar": curve("SP")}
    control = dercontrols.post("SP", base, 2 * MINUTE, NOON + 3 * MINUTE)
    assert client.default(home, "SP") == {"opModMaxLimW": 9000}
    shown = home.get(control["href"]).data
    assert shown["DERControlBase"] == base
    assert len(home.get(shown["DERControlBase"]["opModVoltVar"]["href"]).data["CurveData"]) == 10
    for second, state in ((0, (SCHEDULED, NOON)), (179, (SCHEDULED, NOON)), (180, (ACTIVE, NOON + 180)),
                          (299, (ACTIVE, NOON + 180))):
        clock.turn_to(NOON + second)
        assert client.status(home, control["href"]) == state, second
        assert [item["href"] for item in client.controls(home, "SP")] == [control["href"]]
    clock.turn_to(NOON + 300)
    assert client.controls(home, "SP") == []


def test_core_013_ten_programs_of_one_control_each(device: Peer) -> None:
    """Primacy N, its control at the Nth minute for half of it (erratum 20)."""
    names = [f"program {number}" for number in range(1, 11)]
    for number, name in enumerate(names, 1):
        virtualders.create(name, primacy=number, members=["one"])
        dercontrols.post(name, {"opModFixedPFInjectW": POWER_FACTOR}, 30, NOON + number * MINUTE)
    listed = client.items(device, "/derp")
    assert [(program["description"], program["primacy"]) for program in listed] == [
        (name, number) for number, name in enumerate(names, 1)]
    for second in range(0, 11 * MINUTE, 30):
        clock.turn_to(NOON + second)
        running = [name for name in names if client.active(device, name)]
        on = second >= MINUTE and second % MINUTE == 0
        assert running == ([names[second // MINUTE - 1]] if on else []), second


def test_core_014_ratings_and_settings_are_read_back(home: Peer) -> None:
    """204, and the same by GET (erratum 23); an assignment is not the client's to PUT (erratum 22)."""
    put_der_documents(home, client.end_device(home, "ED"))
    (assignment,) = client.items(home, "/edev/1/fsa")
    assert home.put(assignment["href"], "FunctionSetAssignments", assignment).status == 405


def test_core_018_a_change_of_the_assignments_is_told(subscriber: Subscriber) -> None:
    home = subscriber.client
    assert home.get(client.end_device(home, "ED")["SubscriptionListLink"]["href"]).data["all"] == 0
    subscriber.subscribe("/edev/1/fsa")
    virtualders.create("Z", members=["ED"], primacy=70)
    assert subscriber.told() == [("/edev/1/fsa", 0)]
    told = subscriber.notice("/edev/1/fsa")["Resource"]
    assert {item["description"] for item in told["FunctionSetAssignments"]} == {"Z", "SP"}
    assert subscriber.shows("/edev/1/fsa")


def test_core_019_what_is_below_tells_nothing_of_what_is_above(subscriber: Subscriber) -> None:
    """Two subscriptions, one change, one notification (erratum 42); the server may end a subscription."""
    program = topology.program("SP")
    of_device, of_controls = subscriber.subscribe("/edev/1", f"{program}/derc")
    dercontrols.post("SP", {"opModMaxLimW": 5000}, 600, NOON + 600)
    assert subscriber.told() == [(f"{program}/derc", 0)] and subscriber.shows(f"{program}/derc")
    subscriptions.end(of_controls)
    assert subscriber.told() == [(f"{program}/derc", 1)]
    assert subscriber.notice(f"{program}/derc")["subscriptionURI"].endswith(of_controls)
    assert [item["href"] for item in client.items(subscriber.client, "/edev/1/sub")] == [of_device]


RANDOMIZED = [  # minutes to the start, minutes, randomizeStart, randomizeDuration, points of the curve
    (3, 2, 0, 0, 3), (6, 1, 30, 30, 4), (9, 3, -30, -30, 4)]


def test_core_021_randomization_is_carried(device: Peer) -> None:
    """Three programs with a control each; active from the earliest start, listed until the latest end."""
    for number, (start, minutes, random_start, random_duration, points) in enumerate(RANDOMIZED, 1):
        name = f"program {number}"
        virtualders.create(name, primacy=number, members=["one"])
        control = dercontrols.post(
            name, {"opModVoltVar": curve(name, points)}, minutes * MINUTE, NOON + start * MINUTE,
            randomize_start=random_start, randomize_duration=random_duration)
        shown = device.get(control["href"]).data
        assert (shown.get("randomizeStart", 0), shown.get("randomizeDuration", 0)) == (
            random_start, random_duration)
    for number, (start, minutes, random_start, random_duration, _) in enumerate(RANDOMIZED, 1):
        earliest = start * MINUTE + min(0, random_start)
        latest = (start + minutes) * MINUTE + max(0, random_start) + max(0, random_duration)
        for second, listed, running in ((earliest - 1, 1, 0), (earliest, 1, 1), (latest - 1, 1, 1),
                                        (latest, 0, 0)):
            clock.turn_to(NOON + second)
            name = f"program {number}"
            assert (len(client.controls(device, name)), len(client.active(device, name))) == (
                listed, running), (number, second)


def test_core_022_answers_of_a_life(home: Peer) -> None:
    """responseRequired 07: received, started, and cancelled for the first control, completed for others."""
    hrefs = [dercontrols.post("SP", {"opModMaxLimW": 5000 + number}, 2 * MINUTE,
                              NOON + (3 + 3 * number) * MINUTE, response_required=7)["href"]
             for number in range(3)]
    events = [home.get(href).data for href in hrefs]
    assert {event["responseRequired"] for event in events} == {"07"}
    for event in events:
        client.answer(home, event, 1)
    for number, event in enumerate(events):
        begin = NOON + (3 + 3 * number) * MINUTE
        clock.turn_to(begin)
        assert client.status(home, event["href"]) == (ACTIVE, begin)
        client.answer(home, event, 2)
        clock.advance(MINUTE)
        if number == 0:
            dercontrols.cancel(event["href"])
            assert client.status(home, event["href"]) == (CANCELLED, begin + MINUTE)
            client.answer(home, event, 6)
        else:
            clock.advance(MINUTE)
            assert event["href"] not in [item["href"] for item in client.controls(home, "SP")]
            client.answer(home, event, 3)
    assert [client.answers(home, event) for event in events] == [
        {home.lfdi: [1, 2, 6]}, {home.lfdi: [1, 2, 3]}, {home.lfdi: [1, 2, 3]}]


@pytest.mark.parametrize("aborted", [7, 14])
def test_core_023_three_programs_at_once(home: Peer, aborted: int) -> None:
    """One outside the topology too; those that another program wins over are answered by 7 or 14 (erratum
    33)."""
    virtualders.create("Z", members=["ED"], primacy=2)
    assert len(client.items(home, "/edev/1/fsa")) == 2
    events = []
    for vder in ("Z", "SP", "SY"):
        control = dercontrols.post(vder, {"opModMaxLimW": 5000}, 2 * MINUTE, NOON + 3 * MINUTE)
        events.append(home.get(control["href"]).data)
    clock.turn_to(NOON + 3 * MINUTE)
    assert {client.status(home, event["href"])[0] for event in events} == {ACTIVE}
    client.answer(home, events[0], 1, 2)
    for event in events[1:]:
        client.answer(home, event, 1, aborted)
    assert client.answers(home, events[2]) == {home.lfdi: [1, aborted]}


def test_a_stranger_is_told_what_csip_says(home: Peer, peer: Callable[[int], Peer]) -> None:
    """CSIP 6.1.3, enrolled out of band: an authorised client sees a list of itself, another one 404, and 403
    when it tries to register."""
    stranger = peer(9)
    document = {"lFDI": stranger.lfdi, "sFDI": identity.sfdi(stranger.lfdi), "changedTime": 0}
    assert home.get("/edev").data["all"] == 1
    assert (stranger.get("/edev").status, stranger.post("/edev", "EndDevice", document).status) == (404, 403)
    enrolment.enrol(peers.lfdi(9))
    assert stranger.get("/edev").data["all"] == 1
