"""The walk, over documents on a shelf whose paths are none of the standard's samples: only links are
followed."""
from __future__ import annotations

from typing import Any

import pytest

from clients.events.responses import response
from clients.events.schedule import Transition
from clients.transport import discovery
from clients.transport.connection import Reply
from clients.transport.polling import Poller
from tests.clients.controls import LFDI, control

CURVE = {
    "href": "/x9",
    "xMultiplier": 0,
    "yMultiplier": 0,
    "yRefType": 1,
    "CurveData": [{"xvalue": 1, "yvalue": 2}],
}
FAR = {
    "href": "/far",
    "primacy": 9,
    "DefaultDERControlLink": {"href": "/d"},
    "DERControlListLink": {"href": "/c"},
}
NEAR = {"href": "/near", "primacy": 1, "DERCurveListLink": {"href": "/x"}}
SHELF: dict[str, Any] = {
    "/root": {
        "TimeLink": {"href": "/t"},
        "EndDeviceListLink": {"href": "/e"},
        "MirrorUsagePointListLink": {"href": "/m"},
    },
    "/t": {"currentTime": 5},
    "/bare": {},
    "/e": {
        "all": 2,
        "EndDevice": [
            {"href": "/e/7", "lFDI": "0AB0"},
            {
                "href": "/e/8",
                "lFDI": LFDI,
                "DERListLink": {"href": "/ders"},
                "RegistrationLink": {"href": "/pin"},
                "FunctionSetAssignmentsListLink": {"href": "/f"},
            },
        ],
    },
    "/ders": {"all": 1, "DER": [{"href": "/ders/1"}]},
    "/pin": {"pIN": 123455},
    "/f": {
        "all": 3,
        "FunctionSetAssignments": [
            {"DERProgramListLink": {"href": "/p1"}},
            {"DERProgramListLink": {"href": "/p2"}},
            {},
        ],
    },
    "/p1": {"all": 2, "DERProgram": [FAR, NEAR]},
    "/p2": {"all": 1, "DERProgram": [FAR]},
    "/d": {"DERControlBase": {"opModMaxLimW": 1}},
    "/c": {"all": 1, "DERControl": [control("a", 1, 2)]},
    "/x": {"all": 1, "DERCurve": [CURVE]},
}


def polls() -> Poller:
    return Poller(lambda href: Reply(200, None, "", SHELF[href.partition("?")[0]]), lambda: 0.0)


def test_the_root_leads_to_time_devices_and_mirrors() -> None:
    root = discovery.read_root(polls(), "/root")
    assert (root.time, root.end_device_list, root.mirror_list) == ({"currentTime": 5}, "/e", "/m")
    assert [device["href"] for device in root.end_devices] == ["/e/7", "/e/8"]
    assert discovery.read_root(polls(), "/bare") == ({}, None, [], None, None)


def test_an_lfdi_is_compared_as_a_number() -> None:
    devices = SHELF["/e"]["EndDevice"]
    assert discovery.own_end_device(devices, LFDI) == devices[1]
    assert discovery.own_end_device(devices, "AB0".zfill(40)) == devices[0]
    assert discovery.own_end_device(devices, "F" * 40) is None


def test_a_device_leads_to_its_programs_each_once_and_nearest_first() -> None:
    programs = discovery.discover(polls(), SHELF["/e"]["EndDevice"][1])
    assert [program.href for program in programs.programs] == ["/near", "/far"]
    assert programs.registration == {"pIN": 123455} and programs.ders == [{"href": "/ders/1"}]
    assert [(default.program, default.primacy) for default in programs.defaults()] == [("/far", 9)]
    assert [(event.program, event.primacy, event.start) for event in programs.events(LFDI, 1)] == [
        ("/far", 9, 1)
    ]
    assert programs.curves()["/x9"].points == ((1, 2),)


@pytest.mark.parametrize("current, start", [(605, -604), (2, 1)])
def test_events_of_an_assignment_run_by_its_own_time(current: int, start: int) -> None:
    """9.2.3: whatever other Times there are; what differs by a rounding is the same clock."""
    shelf = {**SHELF, "/t2": {"currentTime": current}, "/f": {"all": 1, "FunctionSetAssignments": [
        {"DERProgramListLink": {"href": "/p2"}, "TimeLink": {"href": "/t2"}}]}}
    poller = Poller(lambda href: Reply(200, None, "", shelf[href.partition("?")[0]]), lambda: 0.0)
    device = SHELF["/e"]["EndDevice"][1]
    (event,) = discovery.discover(poller, device, own_time="/t").events(LFDI, 1)
    assert (event.start, event.end - event.start) == (start, 2)
    assert response(Transition(event, 2, event.start), LFDI)["createdDateTime"] == 1, "as it was published"
    (same,) = discovery.discover(poller, device, own_time="/t2").events(LFDI, 1)
    assert (same.start, same.ahead_s) == (1, 0)


def test_a_device_with_no_links_leads_nowhere() -> None:
    assert discovery.discover(polls(), SHELF["/e"]["EndDevice"][0])[1:] == (None, [], [], [], [])
