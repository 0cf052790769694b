"""pollRate and postRate: how often devices are asked to come, by kind of resource, by device and by both.

IEEE 2030.5-2018, 10.11 (postRate) and the schema's words on pollRate; CSIP CORE-003.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from server.config import settings
from server.devices import enrolment
from server.errors import BadArgument
from server.operations.pollrates import set_poll_rate, set_post_rate
from server.resources import pollrates, schema, store, table
from tests import peers
from tests.peers import Peer

POLLED = [
    "/dcap",
    "/tm",
    "/edev",
    "/edev/1/der",
    "/edev/1/fsa",
    "/edev/1/dstat",
    "/edev/1/ps",
    "/edev/1/rg",
    "/derp",
    "/mup",
    "/edev/1/lel",
]


def decide(what: str, kind: str, lfdi: str, seconds: int | None) -> None:
    pollrates.set_rate(what, kind, lfdi, seconds)
    store.apply_rates(lfdi)


def poll_rates(device: Peer) -> dict[str, int]:
    return {href: device.get(href).data["pollRate"] for href in POLLED
            if "pollRate" in schema.type_spec(device.get(href).name).by_key}


@pytest.fixture
def second(device: Peer, peer: Callable[[int], Peer]) -> Peer:
    enrolment.enrol(peers.lfdi(2), name="two")
    return peer(2)


def test_what_is_polled_says_how_often(device: Peer) -> None:
    assert set(poll_rates(device).values()) == {300}
    assert len(poll_rates(device)) >= 8


def test_by_kind(device: Peer, second: Peer) -> None:
    decide("poll", "DERProgramList", "", 60)
    decide("poll", "DeviceStatus", "", 900)
    for who, number in ((device, 1), (second, 2)):
        assert who.get("/derp").data["pollRate"] == 60
        assert who.get(f"/edev/{number}/dstat").data["pollRate"] == 900
        assert who.get("/dcap").data["pollRate"] == 300


def test_by_device(device: Peer, second: Peer) -> None:
    decide("poll", "", device.lfdi, 30)
    assert set(poll_rates(device).values()) == {30}
    assert second.get("/edev/2/dstat").data["pollRate"] == second.get("/derp").data["pollRate"] == 300


def test_the_most_particular_counts(device: Peer, second: Peer) -> None:
    for kind, lfdi, seconds in (("Time", device.lfdi, 1), ("", device.lfdi, 2), ("Time", "", 3)):
        decide("poll", kind, lfdi, seconds)
    assert [who.get("/tm").data["pollRate"] for who in (device, second)] == [1, 3]
    assert [who.get("/dcap").data["pollRate"] for who in (device, second)] == [2, 300]
    decide("poll", "Time", device.lfdi, None)
    assert device.get("/tm").data["pollRate"] == 2
    decide("poll", "", device.lfdi, None)
    assert device.get("/tm").data["pollRate"] == 3
    decide("poll", "Time", "", None)
    assert device.get("/tm").data["pollRate"] == 300


def test_a_general_rate_is_for_all_that_have_none_of_their_own(device: Peer) -> None:
    """The schema's pollRate and postRate, as CSIP 2.1, P37 and P42, let the server say them."""
    decide("poll", "", "", 77)
    decide("poll", "Time", "", 60)
    rates = poll_rates(device)
    assert rates.pop("/tm") == 60 and set(rates.values()) == {77}
    decide("post", "", "", 10)
    assert device.get(mirror(device)).data["postRate"] == device.get("/edev/1").data["postRate"] == 10
    decide("poll", "", "", None)
    assert device.get("/dcap").data["pollRate"] == 300


@pytest.mark.parametrize("rate, kind, why", [
    (set_poll_rate, "DERControlList", "DERControlList has no pollRate: specify DERProgramList"),
    (set_poll_rate, "DERStatus", "DERStatus has no pollRate: specify DERList"),
    (set_poll_rate, "AssignedDERProgramList", "specify that"),
    (set_post_rate, "DERProgramList", "DERProgramList has no postRate: those that have one are EndDevice"),
])
def test_a_kind_without_the_attribute_is_refused(server: None, rate: Any, kind: str, why: str) -> None:
    with pytest.raises(BadArgument, match=why):
        rate(60, kind=kind)
    assert not pollrates.any_configured()


def test_the_setting_is_for_all_others(device: Peer) -> None:
    settings.poll_rate = 77
    store.apply_rates()
    assert set(poll_rates(device).values()) == {77}


def mirror(device: Peer, **more: int) -> str:
    document = {
        "mRID": device.lfdi[:32],
        "deviceLFDI": device.lfdi,
        "roleFlags": "0001",
        "serviceCategoryKind": 0,
        "status": 1,
        **more,
    }
    return device.post("/mup", "MirrorUsagePoint", document).location


def test_how_often_readings_are_posted(device: Peer, second: Peer) -> None:
    hrefs = [mirror(who) for who in (device, second)]
    assert [who.get(href).data["postRate"] for who, href in zip((device, second), hrefs, strict=True)] == [
        300,
        300,
    ]
    decide("post", "MirrorUsagePoint", "", 120)
    decide("post", "", second.lfdi, 10)
    assert [who.get(href).data["postRate"] for who, href in zip((device, second), hrefs, strict=True)] == [
        120,
        10,
    ]
    assert second.get("/mup").data["MirrorUsagePoint"][0]["postRate"] == 10


def test_a_device_may_wish_for_a_rate_and_the_utility_decides(device: Peer) -> None:
    href = mirror(device, postRate=5)
    assert device.get(href).data["postRate"] == 5
    decide("post", "MirrorUsagePoint", "", 120)
    assert device.get(href).data["postRate"] == 120
    mirror(device, postRate=5)
    assert device.get(href).data["postRate"] == 120


def test_an_enddevice_says_how_often_it_is_to_post(device: Peer) -> None:
    """Only if somebody has set a rate: clients of drafts of the standard end the connection on an element
    that they do not know."""
    for accept in ("application/sep+xml", "application/sep+xml; level=-S2"):
        assert b"postRate" not in device.get("/edev/1", Accept=accept).body
        assert b"postRate" not in device.get("/edev?l=9", Accept=accept).body
    decide("post", "EndDevice", device.lfdi, 45)
    assert device.get("/edev/1").data["postRate"] == 45
    decide("post", "EndDevice", device.lfdi, None)
    assert "postRate" not in device.get("/edev/1").data
    settings.post_rate = 300
    store.apply_rates()
    assert device.get("/edev/1").data["postRate"] == 300


def test_a_device_that_states_a_rate_reads_it(device: Peer) -> None:
    own = device.get("/edev/1").data
    assert device.put("/edev/1", "EndDevice", {**own, "postRate": 5}).status == 204
    assert device.get("/edev/1").data["postRate"] == 5


def test_every_list_with_the_attribute_has_it(device: Peer) -> None:
    for row in table.rows.values():
        if row.is_list and row.path.count("/") == 1 and "pollRate" in schema.type_spec(row.element).by_key:
            assert device.get(row.path).data["pollRate"] == 300, row.name
