"""Hexadecimal values are compared at full width and written as they were submitted."""
from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

from server.errors import Refused
from server.resources import codec, hexbinary, schema
from server.resources.variants import WHOLE
from tests.server.resources.xmldocuments import SAMPLES, document


@pytest.mark.parametrize(
    "text, padded",
    [("1", "0" * 31 + "1"), ("abc", "0" * 29 + "ABC"), (" 0f ", "0" * 30 + "0F"), ("", "0" * 32)],
)
def test_hexadecimal_has_full_width_and_upper_case(text: str, padded: str) -> None:
    assert codec.decode(document(f"<mRID>{text}</mRID><primacy>1</primacy>"))[1]["mRID"] == padded


def test_hexadecimal_is_written_as_it_was_read_while_it_is_the_same_value() -> None:
    text = document("<mRID>ab</mRID><roleFlags>0a</roleFlags><serviceCategoryKind>0</serviceCategoryKind>"
                    "<status>1</status><deviceLFDI>3E</deviceLFDI>", "MirrorUsagePoint", 'href="/x"')
    name, data = codec.decode(text)
    assert (data["mRID"], data["roleFlags"], data["deviceLFDI"]) == (f"{0xAB:032X}", "000A", f"{0x3E:040X}")
    assert codec.encode(name, data) == text
    assert b"<roleFlags>000B</roleFlags>" in codec.encode(name, {**data, "roleFlags": "000B"})


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_every_hexadecimal_value_is_written_as_it_was_read(path: Path) -> None:
    """Lower case without leading zero bytes, wherever the schema has HexBinary; data compares equal all the
    same."""
    root = etree.fromstring(path.read_bytes())
    name, data = codec.decode(etree.tostring(root))
    values = shorten(root, schema.type_spec(name))
    name, short = codec.decode(etree.tostring(root))
    assert hexbinary.comparable(short) == hexbinary.comparable(data)
    written = etree.fromstring(codec.encode(name, short, WHOLE))
    assert shorten(written, schema.type_spec(name)) == [short_hexadecimal(value) for value in values]


def shorten(element: etree._Element, plan: schema.TypeSpec) -> list[str]:
    """Shorten the hexadecimal values of an element in place; those values, as they were before."""
    values = []
    for name, text in element.attrib.items():
        if name in plan.by_attribute and plan.by_attribute[name].simple.kind == "hex":
            values.append(text)
            element.set(name, short_hexadecimal(text))
    for child in element:
        field = plan.by_tag.get(child.tag) or schema.foreign(child.tag)
        if field is not None and field.spec is not None:
            values += shorten(child, schema.actual(child, field.spec))
        elif field is not None and field.simple.kind == "hex":
            values.append(child.text)
            child.text = short_hexadecimal(child.text)
    return values


def short_hexadecimal(text: str) -> str:
    digits = text.strip().lower()
    while digits.startswith("00") and len(digits) > 2:
        digits = digits[2:]
    return digits


def test_an_odd_digit_is_padded_everywhere_but_nothing_else_is_forgiven() -> None:
    odd = "<lFDI>abc</lFDI><sFDI>1</sFDI><changedTime>1</changedTime>"
    assert codec.decode(document(odd, "EndDevice"))[1]["lFDI"] == "0" * 37 + "ABC"
    with pytest.raises(Refused, match="line 1.*sFDI"):
        codec.decode(document(odd.replace("<sFDI>1<", "<sFDI>x<"), "EndDevice"))
