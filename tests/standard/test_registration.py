"""Enrolment: out of band by the utility, in band by the device itself; what a device finds right afterwards.

IEEE 2030.5-2018, 6.3 (identifiers), 6.9 and 8.5 (EndDevice, Registration); CSIP BASIC-001, MAINT-001.
"""
from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from server.config import settings
from server.devices import enrolment, identity
from server.errors import Refused
from server.grid.groups import virtualders
from server.models import Audience, Device
from server.resources import hooks, store
from tests import peers
from tests.conftest import NOON
from tests.peers import Peer


@pytest.fixture
def applicant(peer: Callable[[int], Peer]) -> Peer:
    """A device that is not enrolled, where devices may enrol themselves."""
    settings.registration = True
    return peer(5)


def application_of(lfdi: str, **more: Any) -> dict[str, Any]:
    return {"lFDI": lfdi, "sFDI": identity.sfdi(lfdi), "changedTime": 0, **more}


def everything(device: Peer, href: str) -> dict[str, int]:
    """The status of each link in a document."""
    data = device.get(href).data
    return {key: device.get(link["href"]).status for key, link in data.items() if key.endswith("Link")}


TREE = {
    "DERListLink",
    "DeviceInformationLink",
    "DeviceStatusLink",
    "PowerStatusLink",
    "LogEventListLink",
    "FunctionSetAssignmentsListLink",
    "RegistrationLink",
    "SubscriptionListLink",
    "FlowReservationRequestListLink",
    "FlowReservationResponseListLink",
}


# --- out of band ----------------------------------------------------------------------------------

def test_enrolled_by_the_utility(peer: Callable[[int], Peer]) -> None:
    device = peer(5)
    assert device.get("/edev").status == 404
    enrolment.enrol(device.lfdi, pin=123455, name="kitchen", kind="inverter", labels={"feeder": "F1"})
    listed = device.get("/edev?l=9").data
    assert listed["all"] == 1
    own, = listed["EndDevice"]
    assert (own["lFDI"], own["sFDI"], own["enabled"]) == (device.lfdi, identity.sfdi(device.lfdi), True)
    assert own["changedTime"] == NOON
    assert device.get(own["RegistrationLink"]["href"]).data == {
        "href": "/edev/1/rg", "pollRate": 300, "dateTimeRegistered": NOON, "pIN": 123455}


def test_a_pin_is_made_up_where_none_is_given(peer: Callable[[int], Peer]) -> None:
    pins = set()
    for number in range(1, 6):
        enrolment.enrol(peers.lfdi(number))
        pins.add(peer(number).get(f"/edev/{number}/rg").data["pIN"])
    assert len(pins) == 5 and all(identity.is_pin(pin) for pin in pins)


@pytest.mark.parametrize("lfdi, pin, status", [
    ("", None, 400), ("AB", None, 400), ("G" * 40, None, 400), ("0" * 40, None, 400), ("A" * 41, None, 400),
    (peers.lfdi(5), 123456, 400), (peers.lfdi(5), 1234566, 400), (peers.lfdi(1), None, 409),
])
def test_what_the_utility_gets_wrong_enrols_nobody(
    device: Peer, lfdi: str, pin: int | None, status: int
) -> None:
    with pytest.raises(Refused) as refused:
        enrolment.enrol(lfdi, pin=pin)
    assert refused.value.status == status
    assert (Device.select().count(), len(store.items("/edev"))) == (1, 1)


@pytest.mark.parametrize("spelled", [str.lower, lambda lfdi: "-".join(lfdi[i:i + 4] for i in range(0, 40, 4)),
                                     lambda lfdi: ":".join(lfdi[i:i + 2] for i in range(0, 40, 2))])
def test_an_lfdi_may_be_spelled_as_people_do(
    peer: Callable[[int], Peer], spelled: Callable[[str], str]
) -> None:
    enrolment.enrol(spelled(peers.lfdi(5)))
    assert peer(5).get("/edev/1").data["lFDI"] == peers.lfdi(5)


def test_a_device_finds_all_that_is_its_own(device: Peer) -> None:
    links = everything(device, "/edev/1")
    assert TREE <= links.keys()
    assert set(links.values()) == {200}
    ders = device.get("/edev/1/der?l=9").data
    assert ders["all"] == 1
    links = everything(device, ders["DER"][0]["href"])
    assert {"DERCapabilityLink", "DERSettingsLink", "DERStatusLink", "DERAvailabilityLink"} <= links.keys()
    assert set(links.values()) == {200}


def test_removed_and_enrolled_again_is_another_device(device: Peer) -> None:
    device.put("/edev/1/der/1/ders", "DERStatus", {"readingTime": 1})
    store.remove("/edev/1")
    assert (Device.select().count(), Audience.select().count()) == (0, 0)
    enrolment.enrol(device.lfdi)
    assert device.get("/edev").data["EndDevice"][0]["href"] == "/edev/2"
    assert device.get("/edev/1").status == 404
    assert device.get("/edev/2/der/1/ders").data["readingTime"] == 0


# --- in band --------------------------------------------------------------------------------------

def test_enrolled_by_itself(applicant: Peer) -> None:
    reply = applicant.post("/edev", "EndDevice", application_of(applicant.lfdi, deviceCategory="00200000"))
    assert (reply.status, reply.location) == (201, "/edev/1")
    own = applicant.get("/edev/1").data
    assert (own["lFDI"], own["sFDI"], own["changedTime"]) == (
        applicant.lfdi,
        identity.sfdi(applicant.lfdi),
        NOON,
    )
    assert own["deviceCategory"] == "00200000"
    assert TREE <= own.keys() and set(everything(applicant, "/edev/1").values()) == {200}
    assert set(everything(applicant, "/edev/1/der/1").values()) == {200}
    assert identity.is_pin(applicant.get("/edev/1/rg").data["pIN"])


def test_the_pin_on_the_device_is_known_where_it_was_announced(applicant: Peer, tmp_path: Path) -> None:
    settings.pins = str(tmp_path / "pins.json")
    Path(settings.pins).write_text(json.dumps([{"lfdi": applicant.lfdi, "pin": 123455}]))
    href = applicant.post("/edev", "EndDevice", application_of(applicant.lfdi)).location
    assert applicant.get(f"{href}/rg").data["pIN"] == 123455


def test_a_list_of_pins_that_is_none_is_found_out_at_the_start(applicant: Peer, tmp_path: Path) -> None:
    settings.pins = str(tmp_path / "pins.json")
    Path(settings.pins).write_text('{"lfdi": 1}')
    with pytest.raises(Refused, match="pins.json is no JSON list"):
        hooks.run_seeds()
    assert applicant.post("/edev", "EndDevice", application_of(applicant.lfdi)).status == 503
    assert not Device.select().exists()


def test_the_default_virtual_der_is_assigned_at_once(applicant: Peer) -> None:
    program = virtualders.create("everybody")["program"]
    settings.default_vder = "everybody"
    applicant.post("/edev", "EndDevice", application_of(applicant.lfdi))
    assignment, = applicant.get("/edev/1/fsa?l=9").data["FunctionSetAssignments"]
    listed = applicant.get(assignment["DERProgramListLink"]["href"]).data
    assert [der_program["href"] for der_program in listed["DERProgram"]] == [program]
    assert set(everything(applicant, assignment["href"]).values()) == {200}
    assert applicant.get("/edev/1").data["FunctionSetAssignmentsListLink"]["all"] == 1
    assert applicant.get("/edev/1/der/1").data["AssociatedDERProgramListLink"]["all"] == 1


def test_an_lfdi_that_is_left_out_is_the_certificate_s(applicant: Peer) -> None:
    document = {"sFDI": identity.sfdi(applicant.lfdi), "changedTime": 0}
    assert applicant.post("/edev", "EndDevice", document).status == 201
    assert applicant.get("/edev/1").data["lFDI"] == applicant.lfdi


def test_what_a_device_copies_from_elsewhere_is_not_taken_for_true(applicant: Peer) -> None:
    """Links and their counts are the server's to say."""
    applicant.post("/edev", "EndDevice", application_of(
        applicant.lfdi, href="/edev/77", DERListLink={"href": "/edev/77/der", "all": 9},
        RegistrationLink={"href": "/edev/77/rg"}))
    own = applicant.get("/edev/1").data
    assert own["DERListLink"] == {"href": "/edev/1/der", "all": 1}
    assert own["RegistrationLink"] == {"href": "/edev/1/rg"}
    assert (
        applicant.put("/edev/1", "EndDevice", {**own, "DERListLink": {"href": "/x", "all": 9}}).status == 204
    )
    assert applicant.get("/edev/1").data["DERListLink"] == {"href": "/edev/1/der", "all": 1}


OTHER = peers.lfdi(6)
REFUSED = {
    "not enabled": (lambda lfdi: application_of(lfdi), 403),
    "foreign": (lambda lfdi: application_of(OTHER), 403),
    "foreign, its own SFDI": (lambda lfdi: {**application_of(lfdi), "lFDI": OTHER}, 403),
    "all zeros": (lambda lfdi: {**application_of(lfdi), "lFDI": "0" * 40}, 400),
    "too short": (lambda lfdi: {**application_of(lfdi), "lFDI": lfdi[:38]}, 403),
    "SFDI of another": (lambda lfdi: {**application_of(lfdi), "sFDI": identity.sfdi(OTHER)}, 400),
    "SFDI with a wrong check digit": (
        lambda lfdi: {**application_of(lfdi), "sFDI": identity.sfdi(lfdi) ^ 1},
        400,
    ),
}


@pytest.mark.parametrize("why", REFUSED)
def test_refused(applicant: Peer, why: str) -> None:
    body, status = REFUSED[why]
    settings.registration = why != "not enabled"
    assert applicant.post("/edev", "EndDevice", body(applicant.lfdi)).status == status
    assert Device.select().count() == 0


def test_twice_is_a_conflict_and_changes_nothing(applicant: Peer) -> None:
    applicant.post("/edev", "EndDevice", application_of(applicant.lfdi))
    before = applicant.get("/edev/1").body, applicant.get("/edev/1/rg").body
    assert applicant.post("/edev", "EndDevice", application_of(applicant.lfdi)).status == 409
    assert (applicant.get("/edev/1").body, applicant.get("/edev/1/rg").body) == before
    assert applicant.get("/edev").data["all"] == 1


def test_an_enddevice_keeps_its_identity(applicant: Peer) -> None:
    applicant.post("/edev", "EndDevice", application_of(applicant.lfdi))
    assert applicant.put("/edev/1", "EndDevice", application_of(OTHER)).status == 403
    assert applicant.put("/edev/1", "EndDevice", application_of(applicant.lfdi, enabled=False)).status == 204
    assert applicant.get("/edev/1").data["enabled"] is False


def test_a_device_leaves_where_it_may_come(applicant: Peer) -> None:
    applicant.post("/edev", "EndDevice", application_of(applicant.lfdi))
    settings.registration = False
    assert applicant.delete("/edev/1").status == 403
    settings.registration = True
    assert applicant.delete("/edev/1").status == 204
    assert applicant.get("/edev/1/der").status == 404
    assert Device.select().count() == 0


def test_an_aggregator_registers_devices_and_manages_them(
    applicant: Peer, peer: Callable[[int], Peer]
) -> None:
    enrolment.enrol(peers.lfdi(100), kind=enrolment.AGGREGATOR)
    fleet = peer(100)
    reply = fleet.post("/edev", "EndDevice", application_of(OTHER))
    assert reply.status == 201
    assert fleet.get(reply.location).data["lFDI"] == OTHER
    assert Device.get(Device.lfdi == OTHER).manager == fleet.lfdi
    assert peer(6).get(reply.location).status == 200
    assert fleet.put(f"{reply.location}/der/1/ders", "DERStatus", {"readingTime": 1}).status == 204
