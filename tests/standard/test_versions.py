"""Versions of IdentifiedObjects (the schema's VersionType, IEEE 2030.5-2018, annex B.2)."""
from __future__ import annotations

from typing import Any

import pytest

from server import clock
from server.devices import enrolment
from server.grid.controls import defaultcontrols, dercontrols
from server.grid.groups import drprograms, virtualders
from server.models import Device
from server.resources import versions
from server.resources.hooks import Change
from tests.conftest import NOON
from tests.peers import Peer

CONTENT = {"mRID": "0A", "description": "Notices", "locale": "en", "primacy": 1}


def version(device: Peer, href: str) -> int:
    return int(device.get(href).data.get("version", 0))


@pytest.fixture
def street(device: Peer) -> str:
    """The DERProgram of a virtual DER with the device in it."""
    return str(virtualders.create("street", members=["one"])["program"])


def test_every_change_of_a_default_is_a_new_version(device: Peer, street: str) -> None:
    """The mRID stays and the version rises, so that a client which compares versions takes the change."""
    mrids, found = set(), []
    for limit in (9000, 9000, 8000, 7000):
        defaultcontrols.set_default("street", {"opModMaxLimW": limit})
        mrids.add(device.get(f"{street}/dderc").data["mRID"])
        found.append(version(device, f"{street}/dderc"))
    assert len(mrids) == 1
    assert [later - found[0] for later in found] == [0, 0, 1, 2], "the same again is no change"


def test_a_program_and_its_assignments_have_versions(device: Peer, street: str) -> None:
    before = version(device, street), version(device, "/edev/1/fsa/1")
    virtualders.update("street", primacy=90)
    virtualders.update("street", name="road")
    virtualders.update("road", purpose="nothing that a device sees")
    assert version(device, street) == before[0] + 2
    drprograms.create(virtualders.find("road"))
    enrolment.relabel(Device.get(), {}, kind="thermostat")
    assert device.get("/edev/1/fsa/1").data["DemandResponseProgramListLink"]["all"] == 1
    assert version(device, "/edev/1/fsa/1") == before[1] + 1


def test_the_status_of_an_event_is_no_version_of_it(device: Peer, street: str) -> None:
    """10.2: an event is not edited save for its status."""
    href = dercontrols.post("street", {"opModConnect": True}, 600, NOON + 60)["href"]
    clock.advance(60)
    dercontrols.cancel(href)
    assert device.get(href).data["EventStatus"]["currentStatus"] == 2
    assert "version" not in device.get(href).data


def test_of_what_a_device_made_the_version_is_the_device_s(device: Peer) -> None:
    """A server does not alter objects that it did not make."""
    mirror = {"mRID": "0A", "deviceLFDI": device.lfdi, "roleFlags": "0049", "serviceCategoryKind": 0}
    for status, stated in ((1, {}), (0, {}), (1, {"version": 7}), (0, {"version": 7})):
        device.post("/mup", "MirrorUsagePoint", {**mirror, "status": status, **stated})
        for href in ("/mup/1", "/upt/1"):
            assert version(device, href) == stated.get("version", 0), href


@pytest.mark.parametrize("old, new, wanted", [
    ({}, {"description": "new"}, 1),
    ({"version": 3}, {"version": 3, "description": "new"}, 4),
    ({"version": 3}, {"description": "new"}, 4),
    ({"version": 3}, {"version": 9, "description": "new"}, 9),   # as the operator says
    ({"version": 3}, {}, 3),
    ({"version": 65535}, {"description": "new"}, 0),             # UInt16
    ({"hex:submitted": {"mRID": "a"}}, {}, None),                # another spelling is no change
])
def test_what_the_next_version_is(old: dict[str, Any], new: dict[str, Any], wanted: int | None) -> None:
    change = Change("PUT", "MessagingProgram", "/msg/1", {**CONTENT, **new}, {**CONTENT, **old})
    versions.count([change])
    assert change.data.get("version") == wanted
