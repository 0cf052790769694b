"""What clients in the field do that the text of the standard alone does not bring to mind."""
from __future__ import annotations

from typing import Any

import pytest
from lxml import etree

from server import clock
from server.config import settings
from server.devices import enrolment, identity
from server.resources import store
from tests.conftest import NOON
from tests.peers import Peer, Reply
from tests.standard import every_resource
from tests.wsgi import Client


@pytest.mark.parametrize("accept", ["application/sep+xml", "application/sep+xml; level=-S2"])
def test_no_answer_begins_with_an_xml_declaration(server: None, application: Any, accept: str) -> None:
    """IEEE 2030.5-2018, 5.6.2. Clients that decode a body before they parse it refuse one that names an
    encoding."""
    hrefs = every_resource.fill()
    owner = Peer(Client(application), every_resource.LFDI)
    for href in (*hrefs.values(), "/edev?l=x", "/nowhere"):
        reply = owner.get(href, Accept=accept)
        text = reply.body.decode()
        assert text.startswith(f"<{reply.name} xmlns=") or text.startswith(f"<csipaus:{reply.name} xmlns="), (
            href
        )
        assert etree.fromstring(text) is not None, href
        assert reply.headers["Content-Length"] == str(len(reply.body)), href


def control(start: int, watts: int) -> str:
    return store.add(
        "DERControl",
        "/derp/1/derc",
        {
            "interval": {"start": start, "duration": 600},
            "DERControlBase": {"opModTargetW": {"multiplier": 0, "value": watts}},
        },
    )


@pytest.fixture
def program(server: None) -> str:
    return store.add("DERProgram", "/derp", {"primacy": 1})


def test_of_two_controls_posted_in_the_same_second_the_later_one_counts(program: str) -> None:
    """10.2.3.3: a client compares creationTime with `>`, so no two that compete have the same. They count from
    their publication all the same."""
    for turn in range(20):
        start = NOON + 3600 * (turn + 1)
        controls = [store.get(control(start, watts)) for watts in (1, 2, 3)]
        created = [document.submitted["creationTime"] for document in controls]
        assert NOON <= created[0] < created[1] < created[2]
        assert controls[-1].status["dateTime"] == NOON
        assert b"published" not in controls[-1].body


def test_one_that_begins_at_once_takes_over_at_once(program: str) -> None:
    """10.2: the second before it counts from is no second in which it is scheduled."""
    first, second = control(NOON, 1), control(NOON, 2)
    assert [store.get(href).status["currentStatus"] for href in (first, second)] == [4, 1]
    clock.advance(1)
    third = control(NOON, 3)
    assert store.get(third).submitted["creationTime"] == NOON + 2
    assert [store.get(href).status["currentStatus"] for href in (second, third)] == [4, 1]
    store.cancel(third)
    assert store.get(third).status == {"currentStatus": 2, "dateTime": NOON + 1, "potentiallySuperseded": False}
    assert store.reindex() == 0


@pytest.mark.parametrize(
    "version, status, answer",
    [
        ("", 251, 400),
        (' schemaVer="2.2"', 251, 201),
        (' schemaVer="2.2"', 15, 201),
        ("", 252, 201),
        (' schemaVer="2.2"', 16, 400),
    ],
)
def test_a_body_with_schemaVer_may_use_what_2023_defines(
    device: Peer, program: str, version: str, status: int, answer: int
) -> None:
    """Such a client says application/sep+xml in Accept, without a level."""
    mrid = store.get(control(NOON + 60, 1)).submitted["mRID"]
    body = (
        '<DERControlResponse '
        f'xmlns="urn:ieee:std:2030.5:ns"{version}><createdDateTime>{NOON}</createdDateTime>'
        f"<endDeviceLFDI>{device.lfdi}</endDeviceLFDI><status>{status}</status><subject>{mrid}</subject>"
        "</DERControlResponse>"
    )
    assert device.request("POST", "/rsps/1/rsp", body.encode(), Accept="application/sep+xml").status == answer


# --- hexadecimal values: served as they were submitted, compared by value -------------------------

def submit(device: Peer, method: str, href: str, name: str, inside: str) -> Reply:
    return device.request(method, href, f'<{name} xmlns="urn:ieee:std:2030.5:ns">{inside}</{name}>'.encode())


POWER = "<rtgMaxW><multiplier>0</multiplier><value>5000</value></rtgMaxW><type>83</type>"
PLUS_S1 = "application/sep+xml; level=+S1"
SUBMITTED = [
    (
        "/edev/1/der/1/dercap",
        "DERCapability",
        f"<modesSupported>03</modesSupported>{POWER}",
        "<modesSupported>03<",
    ),
    (
        "/edev/1/der/1/dercap",
        "DERCapability",
        f"<modesSupported>3</modesSupported>{POWER}",
        "<modesSupported>03<",
    ),
    (
        "/edev/1/der/1/dercap",
        "DERCapability",
        f"<modesSupported>0a0b</modesSupported>{POWER}<doeModesSupported "
        'xmlns="https://csipaus.org/ns">f</doeModesSupported>',
        ["<modesSupported>0a0b<", "doeModesSupported>0f<"],
    ),
    (
        "/edev/1/der/1/derg",
        "DERSettings",
        "<modesEnabled>03</modesEnabled><setGradW>100</setGradW><setMaxW><multiplier>0"
        "</multiplier><value>5000</value></setMaxW><updatedTime>1</updatedTime>",
        "<modesEnabled>03<",
    ),
    (
        "/edev/1/der/1/ders",
        "DERStatus",
        "<alarmStatus>00</alarmStatus><genConnectStatus><dateTime>1</dateTime><value>7"
        "</value></genConnectStatus><readingTime>1</readingTime>",
        ["<alarmStatus>00<", "<value>07<"],
    ),
    (
        "/edev/1/di",
        "DeviceInformation",
        "<functionsImplemented>0f</functionsImplemented><lFDI>ab</lFDI><mfDate>0</mfDate>"
        "<mfHwVer>1</mfHwVer><mfID>1</mfID><mfModel>1</mfModel><mfSerNum>1</mfSerNum><primaryPower>1</primaryPower>"
        "<secondaryPower>0</secondaryPower><swActTime>0</swActTime><swVer>1</swVer>",
        ["<functionsImplemented>0f<", "<lFDI>ab<"],
    ),
]


@pytest.mark.parametrize("href, name, inside, served", SUBMITTED, ids=range(len(SUBMITTED)))
def test_a_bitmap_comes_back_as_it_was_submitted(device: Peer, href: str, name: str, inside: str,
                                                 served: str | list[str]) -> None:
    assert submit(device, "PUT", href, name, inside).status in (201, 204)
    only_2018 = "csipaus" in inside or "genConnectStatus" in inside
    for accept in (PLUS_S1, *(() if only_2018 else ("application/sep+xml; level=-S2",))):
        text = device.get(href, Accept=accept).body.decode()
        assert all(part in text for part in ([served] if isinstance(served, str) else served)), text
    store.reindex()
    assert device.get(href, Accept=accept).body.decode() == text


def test_a_device_that_registers_itself_reads_its_own_words(peer: Any) -> None:
    settings.registration = True
    device = peer(5)
    lfdi, sfdi = device.lfdi.lower(), identity.sfdi(device.lfdi)
    registered = submit(
        device,
        "POST",
        "/edev",
        "EndDevice",
        f"<deviceCategory>02</deviceCategory><lFDI>{lfdi}</lFDI>"
        f"<sFDI>{sfdi}</sFDI><changedTime>0</changedTime>",
    )
    assert registered.status == 201
    text = device.get(registered.location).body.decode()
    assert "<deviceCategory>02<" in text and f"<lFDI>{lfdi}<" in text
    assert device.get("/edev?l=9").data["EndDevice"][0]["lFDI"] == device.lfdi
    enrolment.relabel(enrolment.find(device.lfdi), {"feeder": "F1"})
    assert device.get(registered.location).body.decode() == text


@pytest.mark.parametrize("again", ["ab", "AB", "00ab", f"{0xAB:032X}"])
def test_a_mirror_is_the_same_however_its_mrid_is_written(device: Peer, again: str) -> None:
    lfdi = device.lfdi.lower()
    inside = (
        "<mRID>{}</mRID><roleFlags>49</roleFlags><serviceCategoryKind>0</serviceCategoryKind><status>1</status>"
        "<deviceLFDI>{}</deviceLFDI>"
    )
    quantity = ("<MirrorMeterReading><mRID>{}</mRID><Reading><value>{}</value><localID>01</localID></Reading>"
                "<ReadingType><uom>38</uom></ReadingType></MirrorMeterReading>")
    assert (
        submit(
            device, "POST", "/mup", "MirrorUsagePoint", inside.format("ab", lfdi) + quantity.format("cd", 1)
        ).status
        == 201
    )
    for href in ("/mup/1", "/upt/1"):
        text = device.get(href).body.decode()
        assert "<mRID>ab<" in text and "<roleFlags>49<" in text
    assert f"<deviceLFDI>{lfdi}<" in device.get("/mup/1").body.decode()
    assert "<mRID>cd<" in device.get("/upt/1/mr/1").body.decode()
    assert "<localID>01<" in device.get("/upt/1/mr/1/rs/0/r/0").body.decode()

    cd = again.replace("ab", "CD").replace("AB", "CD")
    assert (
        submit(
            device,
            "POST",
            "/mup",
            "MirrorUsagePoint",
            inside.format(again, device.lfdi) + quantity.format(cd, 2),
        ).status
        == 204
    )
    assert "<mRID>cd<" in device.get("/upt/1/mr/1").body.decode()
    assert [device.get(href).data["all"] for href in ("/mup", "/upt", "/upt/1/mr")] == [1, 1, 1]
    for href in ("/mup/1", "/upt/1"):
        assert f"<mRID>{again}<" in device.get(href).body.decode()
    posted = submit(
        device,
        "POST",
        "/mup/1",
        "MirrorMeterReading",
        f"<mRID>{0xCD:032x}</mRID><Reading><value>3</value></Reading>",
    )
    assert (posted.status, posted.location) == (201, "/upt/1/mr/1")


def test_an_event_is_answered_however_its_mrid_is_written(device: Peer, program: str) -> None:
    mrid = store.get(control(NOON + 60, 1)).submitted["mRID"]
    answers = [
        submit(
            device,
            "POST",
            "/rsps/1/rsp",
            "DERControlResponse",
            f"<createdDateTime>{NOON}</createdDateTime>"
            f"<endDeviceLFDI>{lfdi}</endDeviceLFDI><status>1</status><subject>{subject}</subject>",
        )
        for lfdi, subject in ((device.lfdi.lower(), mrid.lower()), (device.lfdi, mrid))
    ]
    assert [(reply.status, reply.location) for reply in answers] == [
        (201, "/rsps/1/rsp/1"),
        (204, "/rsps/1/rsp/1"),
    ]


def test_a_reservation_is_granted_under_the_name_that_the_device_gave_it(device: Peer) -> None:
    request = (
        f"<mRID>0b</mRID><creationTime>{NOON}</creationTime><durationRequested>3600</durationRequested>"
        "<energyRequested><multiplier>3</multiplier><value>1</value></energyRequested>"
        f"<intervalRequested><duration>7200</duration><start>{NOON}</start></intervalRequested>"
        "<powerRequested><multiplier>3</multiplier><value>1</value></powerRequested>"
        f"<RequestStatus><dateTime>{NOON}</dateTime><requestStatus>0</requestStatus></RequestStatus>"
    )
    assert submit(device, "POST", "/edev/1/frq", "FlowReservationRequest", request).status == 201
    assert (
        submit(device, "POST", "/edev/1/frq", "FlowReservationRequest", request.replace("0b", "000B")).status
        == 204
    )
    assert device.get("/edev/1/frq").data["all"] == 1
    assert "<subject>0b<" in device.get("/edev/1/frp").body.decode()


# --- what a list of a client's lacks --------------------------------------------------------------

def test_a_posted_list_needs_no_counts(device: Peer) -> None:
    mirror = (
        "<mRID>ab</mRID><roleFlags>0049</roleFlags><serviceCategoryKind>0</serviceCategoryKind><status>1</status>"
        f"<deviceLFDI>{device.lfdi}</deviceLFDI>"
    )
    assert submit(device, "POST", "/mup", "MirrorUsagePoint", mirror).status == 201
    readings = "".join(f"<MirrorMeterReading><mRID>0{number}</mRID><Reading><value>{number}</value></Reading>"
                       "<ReadingType><uom>38</uom></ReadingType></MirrorMeterReading>" for number in (1, 2))
    assert submit(device, "POST", "/mup/1", "MirrorMeterReadingList", readings).status == 201
    assert device.get("/upt/1/mr?l=9").data["all"] == 2


# --- CSIP-AUS -------------------------------------------------------------------------------------

def test_envelope_modes_are_served_in_the_order_of_the_schema(device: Peer, program: str) -> None:
    watts = {"multiplier": 0, "value": 5}
    names = ["opModLoadLimW", "opModGenLimW", "opModExpLimW", "opModImpLimW"]
    modes = {f"csipaus:{name}": watts for name in names}
    store.put("/derp/1/dderc", {"mRID": "DD", "DERControlBase": {**modes, "opModConnect": True}})
    store.add(
        "DERControl", "/derp/1/derc", {"interval": {"start": NOON, "duration": 60}, "DERControlBase": modes}
    )
    for href in ("/derp/1/dderc", "/derp/1/derc", "/derp/1/derc/1", "/derp/1/actderc"):
        text = device.get(href, Accept=PLUS_S1).body.decode()
        assert sorted(names, key=text.index) == [*reversed(names)], href
