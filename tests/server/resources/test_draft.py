"""Documents of the draft of 2013: one table, read both ways."""
from __future__ import annotations

from random import Random

import pytest
from lxml import etree

from server.resources import codec, draft, schema
from server.resources.codes import DERControlType, DERCurveType
from server.resources.variants import DRAFT, EXTENDED
from tests.schemas import editions, generate

CAPABILITY = b"""<DERCapability xmlns="http://ieee.org/2030.5"><modesSupported>0001A001</modesSupported>
<rtgA><multiplier>-2</multiplier><value>2083</value></rtgA>
<rtgMinPF><displacement>800</displacement><multiplier>-3</multiplier></rtgMinPF>
<rtgMinPFNeg><displacement>-850</displacement><multiplier>-3</multiplier></rtgMinPFNeg>
<rtgVA><multiplier>0</multiplier><value>5500</value></rtgVA>
<rtgW><multiplier>0</multiplier><value>5000</value></rtgW><type>4</type></DERCapability>"""


def test_what_a_client_of_the_draft_reports() -> None:
    name, data = codec.decode(CAPABILITY)
    modes = (DERControlType.opModVoltVar, DERControlType.opModMaxLimW, DERControlType.opModFixedPFInjectW,
             DERControlType.opModFixedW)
    assert name == "DERCapability" and int(data["modesSupported"], 16) == sum(1 << mode for mode in modes)
    assert data["rtgMaxW"] == {"multiplier": 0, "value": 5000} and data["rtgMaxA"]["value"] == 2083
    assert data["rtgMinPFOverExcited"]["displacement"] == 800
    assert data["rtgMinPFUnderExcited"]["displacement"] == 850
    shown = codec.encode(name, data, DRAFT)
    plain = b"".join(line.strip() for line in CAPABILITY.splitlines())
    assert shown == plain


def test_a_control_as_the_draft_has_it() -> None:
    base = {"opModConnect": True, "opModMaxLimW": 5000, "opModLVRTMayTrip": {"href": "/derp/1/dc/1"},
            "opModFixedPFInjectW": {"displacement": 950, "excitation": True, "multiplier": -3},
            "opModMaxLimWInject": {"multiplier": 0, "value": 5},
            "csipaus:opModExpLimW": {"multiplier": 0, "value": 5}}
    body = codec.encode("DefaultDERControl", {
        "href": "/derp/1/dderc", "mRID": "AB" * 16, "DERControlBase": base, "setESRampTms": 1, "setGradW": 2},
        DRAFT)
    assert body == (
        b'<DefaultDERControl xmlns="http://ieee.org/2030.5" href="/derp/1/dderc">'
        b"<mRID>ABABABABABABABABABABABABABABABAB</mRID><DERControlBase>"
        b"<opModConnect>true</opModConnect><opModFixedPF><displacement>-950</displacement>"
        b"<multiplier>-3</multiplier></opModFixedPF><opModMaxLimW>5000</opModMaxLimW></DERControlBase>"
        b"<setGradW>2</setGradW></DefaultDERControl>")
    _, data = codec.decode(body)
    assert data["DERControlBase"]["opModFixedPFInjectW"] == base["opModFixedPFInjectW"]


def test_codes_go_both_ways() -> None:
    for curve in DERCurveType:
        text = codec.fragment("DERCurve", {"curveType": int(curve)}, DRAFT)
        element = etree.fromstring(b"<DERCurve" + text + b"</DERCurve>").find("curveType")
        if curve.name in draft._CURVES:
            assert element.text == str(draft._CURVES.index(curve.name))
            draft._curve_type(element, to_draft=False)
            assert element.text == str(int(curve))
        else:
            assert element.text == "255"


def test_the_category_has_its_older_name() -> None:
    body = codec.encode(
        "EndDevice", {"deviceCategory": "00000001", "sFDI": 1, "changedTime": 2, "postRate": 9}, DRAFT)
    assert b"<loadShedDeviceCategory>00000001</loadShedDeviceCategory><sFDI>1" in body
    assert b"postRate" not in body
    assert codec.decode(body)[1]["deviceCategory"] == "00000001"


def test_every_name_here_is_one_of_2018() -> None:
    for name, parts in draft.TABLE.items():
        assert {part.name for part in parts} <= set(schema.type_spec(name).by_key), name
        assert len({part.draft_name for part in parts}) == len(parts)


@pytest.mark.parametrize("name", draft.TABLE)
def test_what_is_written_is_understood(name: str) -> None:
    """What the draft keeps of a document of 2018 comes back valid, and is then the same for ever."""
    if not schema.is_element(name):
        return
    for seed in range(6):
        root = generate.document(editions.model("2018"), f"{{{editions.SEP}}}{name}", Random(seed))
        _, data = codec.decode(etree.tostring(root))
        once = codec.encode(name, data, DRAFT)
        again = codec.decode(once)
        assert codec.encode(*again, DRAFT) == codec.encode(*codec.decode(codec.encode(*again, DRAFT)), DRAFT)
        assert b"urn:ieee" not in once
        assert codec.decode(codec.encode(*again, EXTENDED))[0] == name


def test_what_is_no_number_is_refused_as_ever() -> None:
    with pytest.raises(Exception, match="modesSupported"):
        codec.decode(CAPABILITY.replace(b"0001A001", b"many"))
