"""XML documents as tests of the codec write them."""
from __future__ import annotations

from pathlib import Path

from lxml import etree

SAMPLES = sorted((Path(__file__).parents[2] / "samples").glob("*.xml"))
SEP = 'xmlns="urn:ieee:std:2030.5:ns"'


def document(inside: str, name: str = "DERProgram", more: str = "") -> bytes:
    return f"<{name} {SEP} {more}>{inside}</{name}>".encode()


def program(inside: str = "", more: str = "") -> bytes:
    """A DERProgram with these elements in its first slot, mRID being all that it needs besides primacy."""
    return document(f"<mRID>AB</mRID>{inside}<primacy>1</primacy>", more=more)


def canonical(body: bytes) -> list[tuple[str, str]]:
    """Every element in order, with its text; hexadecimal is not to tell apart by case or leading zeros."""
    return [(str(element.tag), (element.text or "").strip().lower().lstrip("0"))
            for element in etree.fromstring(body).iter(etree.Element)]
