"""Who may do what: strangers, devices, suspended devices, aggregators, and what none of them is told.

IEEE 2030.5-2018, 6.2.3, 6.6, 6.8 and 6.9 (access control, registration); CSIP CORE-009, AGG.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from server.config import settings
from server.devices import enrolment, identity
from server.grid.groups import virtualders
from server.models import Device
from server.resources import store, table
from server.resources.table import METHODS
from tests import peers
from tests.conftest import NOON
from tests.peers import Peer, Reply
from tests.standard import every_resource
from tests.wsgi import Client

MIRROR: dict[str, Any] = {"mRID": "AA", "roleFlags": "0049", "serviceCategoryKind": 0, "status": 1}
EVENT = {"functionSet": 11, "logEventCode": 0, "logEventPEN": 40732, "profileID": 2, "createdDateTime": 1,
         "logEventID": 1}
AGGREGATOR = 100


# --- strangers ------------------------------------------------------------------------------------

@pytest.fixture
def stranger(server: None, application: Any) -> Peer:
    """A client with a valid certificate, at a server where every resource is another device's."""
    every_resource.fill()
    return Peer(Client(application), peers.lfdi(9))


OPEN = {"DeviceCapability", "Time"}
ROOT_LISTS = {"EndDeviceList", "MirrorUsagePointList", "DERProgramList", "ResponseSetList", "UsagePointList"}
BELOW_SELF = {"SelfDeviceInformation", "SelfDeviceStatus", "SelfLogEventList"}
SELF = {"SelfDevice", *BELOW_SELF}
POLICIES = {"enrolled by the utility": ({}, OPEN),
            "registration": ({"registration": True}, OPEN | ROOT_LISTS | SELF),
            "strict": ({"strict_access": True}, {"DeviceCapability"})}


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("accept", ["application/sep+xml", "application/sep+xml; level=-S2"])
def test_a_stranger_s_capability_leads_to_what_it_may_read(stranger: Peer, policy: str, accept: str) -> None:
    changed, readable = POLICIES[policy]
    for name, value in changed.items():
        setattr(settings, name, value)
    capability = stranger.get("/dcap", Accept=accept).data
    links = {key: link for key, link in capability.items() if key.endswith("Link")}
    linked = readable - {"DeviceCapability", *BELOW_SELF}
    assert links.keys() == {f"{name}Link" for name in linked}
    for key, link in links.items():
        listed = stranger.get(f"{link['href']}?l=9", Accept=accept).data
        if key.endswith("ListLink"):
            assert (link["all"], listed["all"], listed["results"]) == (0, 0, 0), key


def test_where_it_may_register_a_stranger_s_capability_is_that_of_a_device(
        device: Peer, peer: Callable[[int], Peer]) -> None:
    """A client that registers itself looks for all that it will need before it does."""
    settings.registration = True
    ours, theirs = device.get("/dcap").data, peer(9).get("/dcap").data
    assert theirs == {**ours, "EndDeviceListLink": {"href": "/edev", "all": 0},
                      "ResponseSetListLink": {"href": "/rsps", "all": 0}}
    assert "MirrorUsagePointListLink" in theirs


def test_a_stranger_keeps_nothing_here_before_it_has_registered(stranger: Peer) -> None:
    settings.registration = True
    assert stranger.post("/mup", "MirrorUsagePoint", {**MIRROR, "deviceLFDI": stranger.lfdi}).status == 403
    assert [store.find(MIRROR["mRID"], kind) for kind in ("MirrorUsagePoint", "UsagePoint")] == [None, None]


def test_a_stranger_is_not_told_which_paths_there_are(stranger: Peer) -> None:
    for href in ("/edev/1", "/edev/77", "/unheard", "/derp", "/edev", "/mup/1"):
        assert (stranger.get(href).status, stranger.get(href).body) == (404, stranger.get("/tp").body), href


def test_a_stranger_registers_where_that_is_enabled(stranger: Peer) -> None:
    document = {"sFDI": 0, "changedTime": 0, "lFDI": stranger.lfdi}
    document["sFDI"] = stranger.environ["counterpoise.peer"].sfdi
    assert stranger.post("/edev", "EndDevice", document).status == 403
    settings.strict_access = True
    assert stranger.post("/edev", "EndDevice", document).status == 404
    settings.strict_access, settings.registration = False, True
    reply = stranger.post("/edev", "EndDevice", document)
    assert reply.status == 201
    assert stranger.get(reply.location).data["lFDI"] == stranger.lfdi
    assert stranger.get("/dcap").data["EndDeviceListLink"]["all"] == 1
    assert stranger.get("/derp").status == 200


# --- suspended ------------------------------------------------------------------------------------

def test_a_suspended_device_is_refused_until_it_is_restored(device: Peer) -> None:
    enrolment.suspend(Device.get())
    hrefs = ("/tm", "/edev/1", "/unheard")
    assert {device.request(method, href).status for method in METHODS for href in hrefs} == {403}
    enrolment.suspend(Device.get(), False)
    assert device.get("/edev/1").status == 200


def test_a_removed_device_is_a_stranger(device: Peer) -> None:
    store.remove("/edev/1")
    assert device.get("/edev/1").status == 404
    assert device.get("/dcap").status == 200
    assert device.get("/edev").status == 404


# --- what belongs to somebody else ----------------------------------------------------------------

@pytest.fixture
def neighbours(peer: Callable[[int], Peer]) -> tuple[Peer, Peer]:
    """Two devices; the first one has everything that a device can have of its own."""
    first, second = peer(1), peer(2)
    for number in (1, 2):
        enrolment.enrol(peers.lfdi(number), name=f"device {number}")
    virtualders.create("first's", members=["device 1"])
    store.put("/derp/1/dderc", {"mRID": "DD", "DERControlBase": {"opModConnect": True}})
    store.add("DERControl", "/derp/1/derc", every_resource.sample("DERControl"))
    store.add("DERControl", "/derp/1/derc", {"DERControlBase": {"opModConnect": True},
                                             "interval": {"start": NOON, "duration": 600}})
    first.post("/mup", "MirrorUsagePoint", {**MIRROR, "deviceLFDI": first.lfdi})
    first.post(
        "/mup/1", "MirrorMeterReading", {"mRID": "BB", "ReadingType": {"uom": 38}, "Reading": {"value": 1}}
    )
    first.post("/edev/1/lel", "LogEvent", EVENT)
    first.post("/edev/1/frq", "FlowReservationRequest", every_resource.sample("FlowReservationRequest"))
    subject = store.items("/derp/1/derc")[0].mrid
    first.post(
        "/rsps/1/rsp", "DERControlResponse", {"endDeviceLFDI": first.lfdi, "subject": subject, "status": 1}
    )
    return first, second


MINE = {
    "EndDevice": "/edev/1",
    "Registration": "/edev/1/rg",
    "DeviceStatus": "/edev/1/dstat",
    "DER": "/edev/1/der/1",
    "DERStatus": "/edev/1/der/1/ders",
    "DERList": "/edev/1/der",
    "LogEventList": "/edev/1/lel",
    "LogEvent": "/edev/1/lel/1",
    "FlowReservationRequest": "/edev/1/frq/1",
    "AssociatedDERProgramList": "/edev/1/der/1/derp",
    "CurrentDERProgram": "/edev/1/der/1/cdp",
    "AssociatedUsagePoint": "/edev/1/der/1/upt",
    "FunctionSetAssignmentsList": "/edev/1/fsa",
    "FunctionSetAssignments": "/edev/1/fsa/1",
    "MirrorUsagePoint": "/mup/1",
    "UsagePoint": "/upt/1",
    "MeterReadingList": "/upt/1/mr",
    "MeterReading": "/upt/1/mr/1",
    "ReadingType": "/upt/1/mr/1/rt",
    "ReadingSetList": "/upt/1/mr/1/rs",
    "ReadingSet": "/upt/1/mr/1/rs/1",
    "ReadingList": "/upt/1/mr/1/rs/1/r",
    "Reading": "/upt/1/mr/1/rs/1/r/1",
    "Response": "/rsps/1/rsp/1",
    "DERProgram": "/derp/1",
    "DERControlList": "/derp/1/derc",
    "DERControl": "/derp/1/derc/1",
    "ActiveDERControlList": "/derp/1/actderc",
    "DefaultDERControl": "/derp/1/dderc",
    "DERCurveList": "/derp/1/dc",
}


def test_somebody_else_s_resource_answers_like_one_that_is_not_there(neighbours: tuple[Peer, Peer]) -> None:
    first, second = neighbours
    for name, href in MINE.items():
        assert first.get(href).status == 200, name
        row = table.rows[name]
        missing = href.replace("/1", "/8", 1) if name != "Response" else "/rsps/1/rsp/8"
        for method in METHODS:
            document = every_resource.document(name, method) if method in ("PUT", "POST") else None
            theirs, nobody_s = second.request(method, href, document), second.request(method, missing,
                                                                                      document)
            assert without_names(theirs, href) == without_names(nobody_s, missing), (method, name)
            if row.allows(method):
                assert theirs.status in (403, 404), (method, name)
            if method in ("GET", "HEAD"):
                assert theirs.status == 404, (method, name)


def without_names(reply: Reply, href: str) -> Any:
    """All that an answer tells beyond the href that was asked."""
    return (
        reply.status,
        reply.body.replace(href.encode(), b""),
        reply.headers.get("Allow"),
        reply.headers.get("ETag"),
    )


def test_nothing_was_done_by_all_that_asking(neighbours: tuple[Peer, Peer]) -> None:
    first, second = neighbours
    before = {href: first.get(href).body for href in MINE.values()}
    test_somebody_else_s_resource_answers_like_one_that_is_not_there(neighbours)
    assert {href: first.get(href).body for href in MINE.values()} == before


def test_lists_hold_only_what_is_for_the_caller(neighbours: tuple[Peer, Peer]) -> None:
    first, second = neighbours
    for href in ("/edev", "/derp", "/mup", "/upt", "/rsps/1/rsp"):
        assert first.get(f"{href}?l=9").data["all"] == 1, href
        assert second.get(f"{href}?l=9").data["all"] == (1 if href == "/edev" else 0), href
    assert first.get("/dcap").data["DERProgramListLink"]["all"] == 1
    assert second.get("/dcap").data["DERProgramListLink"]["all"] == 0


def test_a_post_for_another_s_lfdi_is_403(neighbours: tuple[Peer, Peer]) -> None:
    first, second = neighbours
    settings.registration = True
    subject = store.items("/derp/1/derc")[0].mrid
    for lfdi in (first.lfdi, peers.lfdi(77)):
        response = {"endDeviceLFDI": lfdi, "subject": subject, "status": 1}
        assert (
            second.post("/mup", "MirrorUsagePoint", {**MIRROR, "mRID": "CC", "deviceLFDI": lfdi}).status
            == 403
        )
        assert second.post("/rsps/1/rsp", "DERControlResponse", response).status == 403
        assert second.post("/edev", "EndDevice", {"lFDI": lfdi, "sFDI": 1, "changedTime": 0}).status == 403


def test_what_everyone_sees_nobody_writes(neighbours: tuple[Peer, Peer]) -> None:
    first, second = neighbours
    store.add("TariffProfile", "/tp", every_resource.sample("TariffProfile"))
    store.add("DERProgram", "/derp", {"description": "for all", "primacy": 1})
    for who in neighbours:
        assert who.get("/tp/1").status == who.get("/derp/2").status == 200
        assert who.post("/derp", "DERProgram", {"mRID": "01", "primacy": 0}).status == 403
        assert who.delete("/derp/2").status == 403
        assert (
            who.put("/derp/2/dderc", "DefaultDERControl", {"mRID": "02", "DERControlBase": {}}).status == 403
        )
        assert who.post("/derp/2/derc", "DERControl", every_resource.sample("DERControl")).status == 403


def test_a_device_does_not_write_what_the_utility_says_of_it(neighbours: tuple[Peer, Peer]) -> None:
    first, _ = neighbours
    assert first.put("/edev/1/rg", "Registration", {"dateTimeRegistered": 1, "pIN": 123455}).status == 403
    assert first.delete("/edev/1/rg").status == 403
    assert first.post("/edev/1/fsa", "FunctionSetAssignments", {"mRID": "01"}).status == 403
    assert first.delete("/edev/1/fsa/1").status == 403
    assert first.post("/derp/1/derc", "DERControl", every_resource.sample("DERControl")).status == 403
    assert first.delete("/derp/1/derc/1").status == 403
    assert first.put("/derp/1/dderc", "DefaultDERControl", {"mRID": "02", "DERControlBase": {}}).status == 403
    assert first.post("/edev/1/frp", "FlowReservationResponse",
                      every_resource.sample("FlowReservationResponse")).status == 403
    assert first.delete("/upt/1").status == first.delete("/upt/1/mr/1").status == 403


# --- aggregators ----------------------------------------------------------------------------------

@pytest.fixture
def fleet(peer: Callable[[int], Peer]) -> Peer:
    """An aggregator (/edev/1) with two devices (/edev/2, /edev/3), beside a device that is not its own
    (/edev/4)."""
    enrolment.enrol(peers.lfdi(AGGREGATOR), kind=enrolment.AGGREGATOR, name="fleet")
    for number in (1, 2, 3):
        enrolment.enrol(
            peers.lfdi(number), manager=peers.lfdi(AGGREGATOR) if number < 3 else "", name=f"device {number}"
        )
    return peer(AGGREGATOR)


def test_an_aggregator_sees_itself_and_its_devices(fleet: Peer, peer: Callable[[int], Peer]) -> None:
    assert {end_device["href"] for end_device in fleet.get("/edev?l=9").data["EndDevice"]} == {
        "/edev/1",
        "/edev/2",
        "/edev/3",
    }
    assert fleet.get("/edev/4").status == 404
    assert {end_device["href"] for end_device in peer(1).get("/edev?l=9").data["EndDevice"]} == {"/edev/2"}


def test_an_aggregator_writes_for_its_devices_alone(fleet: Peer, peer: Callable[[int], Peer]) -> None:
    for device, status in ((2, 204), (3, 204), (4, 404)):
        href = f"/edev/{device}/der/1/ders"
        assert fleet.put(href, "DERStatus", {"readingTime": device}).status == status
    assert peer(1).get("/edev/2/der/1/ders").data["readingTime"] == 2
    for number, status in ((1, 201), (2, 201), (3, 403)):
        document = {**MIRROR, "mRID": f"A{number}", "deviceLFDI": peers.lfdi(number)}
        assert fleet.post("/mup", "MirrorUsagePoint", document).status == status
    assert peer(2).get("/mup?l=9").data["MirrorUsagePoint"][0]["deviceLFDI"] == peers.lfdi(2)


def test_an_aggregator_answers_events_for_its_devices(fleet: Peer) -> None:
    virtualders.create("all", members=["device 1", "device 3"])
    control = store.add("DERControl", "/derp/1/derc", every_resource.sample("DERControl"))
    subject = fleet.get(control).data["mRID"]
    for number, status in ((1, 201), (3, 403)):
        document = {"endDeviceLFDI": peers.lfdi(number), "subject": subject, "status": 1}
        assert fleet.post("/rsps/1/rsp", "DERControlResponse", document).status == status
    listed = fleet.get("/edev/2/der/1/derp?l=9").data
    assert [program["href"] for program in listed["DERProgram"]] == ["/derp/1"]
    assert fleet.get("/edev/3/der/1/derp").data["all"] == 0


def test_a_device_does_not_act_for_its_aggregator(fleet: Peer, peer: Callable[[int], Peer]) -> None:
    assert peer(1).get("/edev/1").status == 404
    assert peer(1).put("/edev/3/der/1/ders", "DERStatus", {"readingTime": 1}).status == 404
    assert peer(1).post("/mup", "MirrorUsagePoint", {**MIRROR, "deviceLFDI": fleet.lfdi}).status == 403


def test_an_aggregator_that_was_removed_acts_for_nobody(fleet: Peer, peer: Callable[[int], Peer]) -> None:
    """Not even once it has registered itself again, or is enrolled as an aggregator of others."""
    virtualders.create("all", members=["device 1"])
    href = "/edev/2/der/1/ders"
    enrolment.remove(enrolment.find("fleet"))
    assert Device.get(Device.lfdi == peers.lfdi(1)).manager == ""
    settings.registration = True
    assert fleet.post("/edev", "EndDevice", {"lFDI": fleet.lfdi, "sFDI": identity.sfdi(fleet.lfdi),
                                             "changedTime": 1}).status == 201
    for kind in ("", enrolment.AGGREGATOR):
        enrolment.relabel(enrolment.find(fleet.lfdi), {}, kind=kind)
        assert fleet.get("/edev/2").status == 404
        assert fleet.put(href, "DERStatus", {"readingTime": 1}).status == 404
        assert fleet.delete("/edev/2/der/1").status == 404
        assert fleet.post("/mup", "MirrorUsagePoint", {**MIRROR, "deviceLFDI": peers.lfdi(1)}).status == 403
    assert peer(1).get(href).status == 200


def test_a_device_that_is_no_aggregator_any_more_acts_for_nobody(fleet: Peer) -> None:
    enrolment.relabel(enrolment.find("fleet"), {}, kind="pv")
    assert fleet.get("/edev/1").status == 200 and fleet.get("/edev/2").status == 404
    assert fleet.put("/edev/2/der/1/ders", "DERStatus", {"readingTime": 1}).status == 404
    assert store.reindex() == 0


@pytest.mark.parametrize(
    "name, below", [("CustomerAccount", "CustomerAgreement"), ("Prepayment", "CreditRegister")]
)
def test_customer_data_without_an_owner_is_nobody_s(
    device: Peer, peer: Callable[[int], Peer], name: str, below: str
) -> None:
    enrolment.enrol(peers.lfdi(2))
    other, path = peer(2), table.parent(table.rows[name].path)
    href = store.add(name, path, every_resource.sample(name))
    last = table.parent(table.rows[below].path).rpartition("/")[2]
    content = every_resource.sample(below)
    for link in ("PrepaymentLink", "TariffProfileLink", "UsagePointLink"):
        content.pop(link, None)
    item = store.add(below, f"{href}/{last}", content)
    for one in (device, other):
        assert one.get(href).status == one.get(item).status == 404
        assert one.get(path).data["all"] == 0 and f"{name}ListLink" not in one.get("/dcap").data
    own = store.add(name, path, every_resource.sample(name), audience=device.lfdi)
    assert (device.get(own).status, other.get(own).status) == (200, 404)
    assert device.get(path).data["all"] == 1 and other.get(path).data["all"] == 0
