"""Random documents of each edition against ours, of ours against each edition, and damaged ones against
all."""
from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from random import Random

import pytest
from lxml import etree

from tests.schemas.editions import CSIPAUS, EDITIONS, SEP, model, path, roots, valid, validator
from tests.schemas.generate import XSI, document, documents

SEEDS = range(6)


def complaint(edition: str, label: str) -> str:
    return f"{edition}, {label}: {validator(edition).error_log}"


@pytest.mark.parametrize("edition", EDITIONS)
def test_what_is_valid_under_an_edition_is_valid_under_ours(edition: str) -> None:
    for label, root in documents(model(edition), sorted(roots(edition)), SEEDS):
        assert valid(edition, root), complaint(edition, label)
        assert valid("ours", root), complaint("ours", label)


@pytest.mark.parametrize("edition", EDITIONS)
def test_what_ours_marks_for_an_edition_is_valid_under_it(edition: str) -> None:
    for label, root in documents(model("ours"), sorted(roots(edition)), SEEDS, edition):
        assert valid("ours", root), complaint("ours", label)
        if not (edition == "2023" and _let_through(root)) and not _without_doe_modes(root):
            assert valid(edition, root), complaint(edition, label)


def _let_through(root: etree._Element) -> bool:
    """What schemas/README.md says ours let through beyond 2023."""
    if root.get(f"{{{XSI}}}type"):
        return True  # 2018 lets a root name a derived type, 2023 does not
    return any(
        parent.find(f"{{{SEP}}}{holder}") is not None
        for parent in root.iter()
        for holder in (
            "RespondableResource_r2_3",
            "SubscribableIdentifiedObject_r2_3",
            "SubscribableResource_r2_3",
            "List_r2_3",
        )
    )


def _mixes_editions(root: etree._Element) -> bool:
    """Whether an empty value stands for 2023's default beside something 2023 does not have: a root,
    CSIP-AUS."""
    older = (
        root.tag not in roots("2023")
        or root.get(f"{{{XSI}}}type")
        or root.find(f".//{{{CSIPAUS}}}*") is not None
    )
    return bool(older) and any(len(element) == 0 and not element.text for element in root.iter())


def _without_doe_modes(root: etree._Element) -> bool:
    """A DERCapability that leaves out what CSIP-AUS requires: it is 2018's, and valid as that."""
    named = [element for element in root.iter() if etree.QName(element).localname == "DERCapability"
             or element.get(f"{{{XSI}}}type") == "DERCapability"]
    return any(element.find(f"{{{CSIPAUS}}}doeModesSupported") is None for element in named)


def test_both_readers_agree() -> None:
    """lxml validates what comes in, xmlschema gives the plans: each must take what the other takes."""
    for label, root in documents(model("ours"), sorted(roots("ours")), range(1)):
        assert valid("ours", root), complaint("ours", label)
        assert model("ours").is_valid(etree.tostring(root)), label


@pytest.mark.parametrize("edition", EDITIONS)
def test_a_damaged_document_is_judged_as_the_editions_judge_it(edition: str) -> None:
    judged = {True: 0, False: 0}
    for label, root in documents(model(edition), sorted(roots(edition)), range(8)):
        damage(root, Random(label))
        # 2023 takes whatever stands in a namespace that it does not know; ours check CSIP-AUS's.
        judges = ("CSIP-AUS",) if root.find(f".//{{{CSIPAUS}}}*") is not None else EDITIONS
        expected = any(valid(judge, root) for judge in judges)
        if not _mixes_editions(root):
            assert valid("ours", root) == expected, f"{label}: {etree.tostring(root)!r}"
        judged[expected] += 1
    assert min(judged.values()) > 50, "the damage is to be neither harmless nor fatal every time"


def damage(root: etree._Element, random: Random) -> None:
    """Take out, double, move, rename or falsify one thing; nothing foreign is brought in."""
    inside = [element for element in root.iter() if element is not root and element.tag.startswith(f"{{{SEP}}}")
              and not any(etree.QName(above).localname.endswith("_r2_3") for above in element.iterancestors())]
    target = random.choice(inside) if inside else root
    parent = target.getparent()
    kind = random.choice(("out", "double", "move", "rename", "falsify")) if parent is not None else "falsify"
    if kind == "out":
        parent.remove(target)
    elif kind == "double":
        target.addnext(deepcopy(target))
    elif kind == "move":
        parent.insert(random.randrange(len(parent)), target)
    elif kind == "rename":
        target.tag = f"{{{SEP}}}" + random.choice(("mRID", "value", "description", "Link", "unheardOf"))
    elif len(target) == 0:
        target.text = random.choice(("", "0", "-1", "x", "00", "123456789012345678901234567890", "true"))
    else:
        target.text = "words between elements"


REFUSED = {
    "unknown root": "<Unheard/>",
    "other namespace": '<Time xmlns="urn:ieee:std:2030.5:ns:draft"/>',
    "unknown element": "<LogEventList all='0' results='0'><Surprise/></LogEventList>",
    "missing element": "<Registration><pIN>123455</pIN></Registration>",
    "wrong order": "<Registration><pIN>123455</pIN><dateTimeRegistered>1</dateTimeRegistered></Registration>",
    "missing attribute": "<DERList all='0'/>",
    "not a number": "<Registration><dateTimeRegistered>soon</dateTimeRegistered><pIN>123455</pIN></Registration>",
    "too large": "<Error><reasonCode>65536</reasonCode></Error>",
    "too long": "<SupportedLocale><locale>" + "x" * 43 + "</locale></SupportedLocale>",
    "odd hexadecimal": "<Response><endDeviceLFDI>ABC</endDeviceLFDI><subject>00</subject></Response>",
    "too many bits": f"<Response><endDeviceLFDI>{'00' * 21}</endDeviceLFDI><subject>00</subject></Response>",
    "unrelated type": '<ResponseList all="1" results="1" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
    '<Response xsi:type="DERControl"/></ResponseList>',
    "CSIP-AUS value": '<DERControlBase><opModLimW xmlns="https://csipaus.org/ns"/>'
    '<opModImpLimW xmlns="https://csipaus.org/ns">5000</opModImpLimW></DERControlBase>',
}


@pytest.mark.parametrize("why", REFUSED)
def test_refused(why: str) -> None:
    text = REFUSED[why]
    name = text.lstrip("<").split(">")[0].split()[0].rstrip("/")
    namespaced = text if "ns:draft" in text else text.replace(name, f'{name} xmlns="{SEP}"', 1)
    assert not valid("ours", etree.fromstring(namespaced))


def test_generation_is_deterministic_and_varied() -> None:
    def texts() -> list[bytes]:
        return [etree.tostring(document(model("ours"), "DERControl", Random(seed))) for seed in range(20)]
    assert texts() == texts()
    assert len(set(texts())) == 20


def test_the_entry_file_includes_every_file() -> None:
    entry = etree.parse(path("ours"))
    named = set(entry.xpath("//@schemaLocation"))
    assert named == {file.name for file in Path(path("ours")).parent.glob("*.xsd")} - {"sep.xsd"}
