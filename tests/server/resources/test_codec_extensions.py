"""Types that stand in for others, elements of other namespaces, and what only some editions know."""
from __future__ import annotations

import itertools

import pytest
from lxml import etree

from server.errors import Refused
from server.resources import codec, schema
from server.resources.variants import EDITION_2023, EXTENDED, PLAIN, WHOLE
from tests.schemas import editions
from tests.server.resources.xmldocuments import canonical, document, program


def test_a_response_of_another_type_keeps_it() -> None:
    inside = (
        "<Response xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' xsi:type='DrResponse'>"
        "<endDeviceLFDI>01</endDeviceLFDI><subject>02</subject><overrideDuration>7</overrideDuration></Response>"
    )
    name, data = codec.decode(document(inside, "ResponseList", 'all="1" results="1"'))
    assert data["Response"][0]["xsi:type"] == "DrResponse" and data["Response"][0]["overrideDuration"] == 7
    assert b'xsi:type="DrResponse"' in codec.encode(name, data)


@pytest.mark.parametrize("prefix", ["", "s:"])
def test_a_notification_carries_any_resource(prefix: str) -> None:
    inside = (
        "<subscribedResource>/x</subscribedResource><Resource "
        "xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' "
        f"xmlns:s='urn:ieee:std:2030.5:ns' xsi:type='{prefix}Time' "
        "href='/tm'><currentTime>1</currentTime><dstEndTime>2"
        "</dstEndTime><dstOffset>3</dstOffset><dstStartTime>4</dstStartTime><quality>5</quality><tzOffset>6"
        "</tzOffset></Resource><status>0</status><subscriptionURI>/s</subscriptionURI>"
    )
    name, data = codec.decode(document(inside, "Notification"))
    assert data["Resource"] == {
        "xsi:type": "Time",
        "href": "/tm",
        "currentTime": 1,
        "dstEndTime": 2,
        "dstOffset": 3,
        "dstStartTime": 4,
        "quality": 5,
        "tzOffset": 6,
    }
    assert codec.decode(codec.encode(name, data)) == (name, data)


def test_a_type_of_another_namespace_stands_in_too() -> None:
    inside = (
        "<subscribedResource>/x</subscribedResource><Resource "
        "xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' "
        "xmlns:c='https://csipaus.org/ns' xsi:type='c:ConnectionPointType'><c:connectionPointId>1"
        "</c:connectionPointId></Resource><status>0</status><subscriptionURI>/s</subscriptionURI>"
    )
    name, data = codec.decode(document(inside, "Notification"))
    assert data["Resource"] == {"xsi:type": "csipaus:ConnectionPointType", "csipaus:connectionPointId": "1"}
    assert codec.decode(codec.encode(name, data)) == (name, data)


def test_a_list_names_the_type_of_items_that_are_not_its_own() -> None:
    inside = codec.fragment("DERControlResponse", {"endDeviceLFDI": "01", "subject": "02"})
    page = codec.page(
        "ResponseList",
        {"all": 2, "results": 2},
        "Response",
        [("Response", inside), ("DERControlResponse", inside)],
    )
    decoded = codec.decode(codec.wrap("ResponseList", page))[1]
    kinds = [response.get("xsi:type") for response in decoded["Response"]]
    assert kinds == [None, "DERControlResponse"]


def test_an_extension_keeps_its_xml_and_its_place() -> None:
    notes = '<n:note xmlns:n="urn:x"><n:a b="1">é</n:a></n:note>', '<n:note xmlns:n="urn:x">2</n:note>'
    for note in notes:
        name, data = codec.decode(document(f"{note}<mRID>AB</mRID><primacy>1</primacy>"))
        assert canonical(data["{urn:x}note"][0].encode()) == canonical(note.encode())
        body = codec.encode(name, data, EDITION_2023)
        assert body.index("é".encode() if "é" in note else b">2<") < body.index(b"mRID")


def test_an_extension_is_not_for_clients_of_2018() -> None:
    data = {"mRID": "01", "primacy": 1, "{urn:x}note": ['<note xmlns="urn:x"/>'], "@{urn:x}hint": "h"}
    assert codec.encode("DERProgram", data) == codec.encode("DERProgram", {"mRID": "01", "primacy": 1})
    assert b' xmlns:x1="urn:x" x1:hint="h"' in codec.encode("DERProgram", data, EDITION_2023)


def test_csipaus_is_data_with_its_prefix_declared_once() -> None:
    limit = {"multiplier": 0, "value": 5000}
    data = {"mRID": "01", "DERControlBase": {"csipaus:opModImpLimW": limit, "csipaus:opModExpLimW": limit}}
    body = codec.encode("DefaultDERControl", data)
    assert body.count(b"xmlns:csipaus=") == 1
    assert (
        b"<csipaus:opModImpLimW><multiplier>0</multiplier><value>5000</value></csipaus:opModImpLimW>" in body
    )
    assert codec.decode(body)[1]["DERControlBase"] == data["DERControlBase"]


def test_a_root_of_csipaus() -> None:
    body = codec.encode("ConnectionPoint", {"href": "/edev/1/cp", "csipaus:connectionPointId": "4102"})
    assert etree.fromstring(body).tag == "{https://csipaus.org/ns}ConnectionPoint"
    assert codec.decode(body) == (
        "ConnectionPoint",
        {"href": "/edev/1/cp", "csipaus:connectionPointId": "4102"},
    )


def test_what_only_2023_knows_is_left_out_for_2018() -> None:
    name = "DERControl"
    only = next(
        field for field in schema.type_spec("DERControlBase").elements if field.edition == 2023 and field.spec
    )
    data = {"DERControlBase": {"opModConnect": True, only.key: {}}}
    assert only.key.encode() not in codec.fragment(name, data, PLAIN)
    assert only.key.encode() in codec.fragment(name, data, EDITION_2023)


def test_foreign_elements_are_written_in_the_order_of_their_schema() -> None:
    """CSIP-AUS states it as a sequence; what nobody knows follows as it came."""
    names = ["opModImpLimW", "opModExpLimW", "opModGenLimW", "opModLoadLimW"]
    unknown = {"{urn:b}z": ['<z xmlns="urn:b"/>'], "{urn:a}y": ['<y xmlns="urn:a"/>']}
    for turn in itertools.permutations(names):
        base = {
            **unknown,
            **{f"csipaus:{name}": {"multiplier": 0, "value": 1} for name in turn},
            "opModConnect": True,
        }
        body = codec.encode("DefaultDERControl", {"mRID": "01", "DERControlBase": base}, WHOLE)
        written = [
            etree.QName(element).localname for element in etree.fromstring(body).find("{*}DERControlBase")
        ]
        assert written == ["opModConnect", *names, "z", "y"]
        of_2018 = codec.encode("DefaultDERControl", {"mRID": "01", "DERControlBase": base})
        assert editions.valid("CSIP-AUS", etree.fromstring(of_2018))


def test_csipaus_where_it_has_no_elements_is_served_to_nobody() -> None:
    """Found by the fuzzer: 2018's form of it was valid under no schema."""
    limit = "<c:opModImpLimW xmlns:c='https://csipaus.org/ns'><multiplier>0</multiplier><value>5</value></c:opModImpLimW>"
    _, data = codec.decode(document(f"<gpsLocation><lat>1</lat><lon>2</lon>{limit}</gpsLocation>"
                                    "<lFDI>00</lFDI><mfDate>0</mfDate><mfHwVer>1</mfHwVer><mfID>0</mfID>"
                                    "<mfModel>m</mfModel><mfSerNum>1</mfSerNum><primaryPower>1</primaryPower>"
                                    "<secondaryPower>0</secondaryPower><swActTime>0</swActTime><swVer>1</swVer>",
                                    "DeviceInformation"))
    assert b"opModImpLimW" not in codec.encode("DeviceInformation", data)
    assert b"opModImpLimW" not in codec.encode("DeviceInformation", data, EDITION_2023)


@pytest.mark.parametrize("namespace", ["http://www.w3.org/2001/XMLSchema", "https://csipaus.org/ns"])
@pytest.mark.parametrize("name", ["all", "attribute", "element"])
def test_elements_of_xml_schema_itself_are_foreign(namespace: str, name: str) -> None:
    with pytest.raises(Refused):
        codec.decode(f'<{name} xmlns="{namespace}" href="/edev/1/cp"/>'.encode())
    foreign = f'<{name} xmlns="http://www.w3.org/2001/XMLSchema" name="x"/>'
    _, data = codec.decode(document(f"{foreign}<mRID>AB</mRID><primacy>1</primacy>"))
    assert foreign.encode() in codec.encode("DERProgram", data, EDITION_2023)


@pytest.mark.parametrize("type_name", ["s:string", "String32", "Unheard", "s:Unheard"])
def test_a_plain_type_in_place_of_one_with_elements_is_refused(type_name: str) -> None:
    body = program(f'<DERControlListLink xsi:type="{type_name}" all="1" href="/derp/1/derc"/>',
                   more='xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
                        'xmlns:s="http://www.w3.org/2001/XMLSchema"')
    with pytest.raises(Refused):
        codec.decode(body)


@pytest.mark.parametrize("inside, accepted", [
    ("<novelty>1</novelty>", True), ('<novelty xsi:type="Time">1</novelty>', False),
    ('<novelty xsi:type="Unheard">1</novelty>', False), ("<Registration>1</Registration>", False)])
def test_in_a_holder_what_is_known_is_checked(inside: str, accepted: bool) -> None:
    body = document(f'<Resource_r2_3 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">{inside}</Resource_r2_3>'
                    "<locale>en</locale>", "SupportedLocale")
    if accepted:
        codec.decode(body)
    else:
        with pytest.raises(Refused):
            codec.decode(body)


def test_a_holder_out_of_place_is_accepted_and_served_to_nobody() -> None:
    holder = "<RespondableResource_r2_3><novelty>1</novelty></RespondableResource_r2_3>"
    _, data = codec.decode(program(more="").replace(b"<mRID>", f"{holder}<mRID>".encode()))
    assert "RespondableResource_r2_3" in data
    for variant in (PLAIN, EXTENDED, EDITION_2023):
        assert b"Respondable" not in codec.encode("DERProgram", data, variant)
