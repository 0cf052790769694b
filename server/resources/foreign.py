"""Content of other namespaces in a document: how much of it is accepted, and how it is kept and written.

The limits come before validation: the time that libxml2 and lxml take for attributes, long numbers and
foreign elements grows with the square of their number or length.
"""
from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from server.errors import Refused
from server.resources.schema import CSIPAUS, SEP, XSI_TYPE
from server.resources.xmltext import escape, quoteattr

if TYPE_CHECKING:
    from lxml import etree

MAX_ATTRIBUTES = 64  # of one element; the schemas know types with five
MAX_NAMESPACE = 256  # characters of a namespace and a local name together
MAX_PREFIXES = 64  # in scope of a foreign element, or where an xsi:type is resolved
MAX_ELEMENTS = 1000  # foreign elements in a document: each is kept with its own declarations
MAX_TEXT = 8192  # characters of an element or attribute; the longest texts of the standard have 1,024 or so
XML = "http://www.w3.org/XML/1998/namespace"
_OWN = ("{" + SEP, "{" + CSIPAUS)
_OF_XML = f"{{{XML}}}"
# Attributes of XML itself and their values. There is no xml:id, since ids would meet again in a list.
_XML_ATTRIBUTES = {
    "base": re.compile(r".*"),
    "lang": re.compile(r"([a-zA-Z]{1,8}(-[a-zA-Z0-9]{1,8})*)?"),
    "space": re.compile(r"default|preserve"),
}


def check_limits(root: etree._Element) -> None:
    """Check that a document keeps to the limits, in one walk. Refused (400) with line and element."""
    foreign = 0
    for element in root.iter():
        tag = element.tag
        if len(tag) > MAX_NAMESPACE:
            why = f"name and namespace of an element have more than {MAX_NAMESPACE} characters"
            raise _refused(element, why)
        if not tag.startswith(_OWN):
            if tag.startswith(_OF_XML):  # it cannot be the default namespace, as `text_of` has it
                raise _refused(element, f"the element xml:{_name(tag)} is not accepted")
            foreign += 1
            if foreign > MAX_ELEMENTS:
                raise _refused(element, f"there are more than {MAX_ELEMENTS} elements of other namespaces")
            _check_prefixes(element)
        if len(element.text or "") > MAX_TEXT:
            raise _refused(element, f"{_name(tag)} has more than {MAX_TEXT} characters")
        attributes = element.attrib
        if attributes:
            _check_attributes(element, attributes)


def _check_attributes(element: etree._Element, attributes: etree._Attrib) -> None:
    if len(attributes) > MAX_ATTRIBUTES:
        raise _refused(element, f"{_name(element.tag)} has more than {MAX_ATTRIBUTES} attributes")
    for name, value in attributes.items():
        if len(name) > MAX_NAMESPACE or len(value) > MAX_TEXT:
            limits = f"{MAX_NAMESPACE} or {MAX_TEXT} characters"
            why = f"{_name(element.tag)} has an attribute whose name or value is longer than {limits}"
            raise _refused(element, why)
        if name == XSI_TYPE:
            _check_prefixes(element)
        elif name.startswith(_OF_XML):
            _check_xml_attribute(element, name.removeprefix(_OF_XML), value)


def _check_xml_attribute(element: etree._Element, name: str, value: str) -> None:
    """Check an attribute of the namespace XML, whose values strict readers know. Refused (400)."""
    values = _XML_ATTRIBUTES.get(name)
    if values is None:
        raise _refused(element, f"the attribute xml:{name} is not accepted")
    if not values.fullmatch(value.strip()):
        raise _refused(element, f"xml:{name} has a value that it cannot have")


def _check_prefixes(element: etree._Element) -> None:
    if len(element.nsmap) > MAX_PREFIXES:
        raise _refused(element, f"more than {MAX_PREFIXES} prefixes are declared for {_name(element.tag)}")


def _refused(element: etree._Element, why: str) -> Refused:
    return Refused(400, f"line {element.sourceline}: {why}.")


def _name(tag: str) -> str:
    return tag.rpartition("}")[2]


def text_of(element: etree._Element, default: str = SEP) -> str:
    """Return a foreign element as XML that can stand anywhere in a document with this default namespace.

    It has one form for one content, whatever prefixes it came with: every element is in the default
    namespace, which changes where it has to, and attributes are written as by `attributes_text`.
    """
    namespace, _, local = element.tag.rpartition("}")
    namespace = namespace[1:]
    declared = "" if namespace == default else f" xmlns={quoteattr(namespace)}"
    attributes = attributes_text(element.attrib, element.nsmap)
    content = _escaped(element.text) + "".join(
        text_of(child, namespace) + _escaped(child.tail) for child in element)
    return f"<{local}{declared}{attributes}" + (f">{content}</{local}>" if content else "/>")


def _escaped(text: str | None) -> str:
    return escape(text or "", {"\r": "&#13;"})


def attributes_text(
    attributes: Mapping[str, str], prefixed: Mapping[str | None, str] = MappingProxyType({})
) -> str:
    """Return foreign attributes as they stand in a start tag, each with a blank before it.

    `attributes` are values by name, `{namespace}local` or `local`. Each namespace is declared once, with a
    prefix of its own. `prefixed` are the namespaces of prefixes, for the type that an xsi:type names.
    """
    text = ""
    prefixes = {XML: "xml"}

    def prefix(namespace: str) -> str:
        nonlocal text
        if namespace not in prefixes:
            prefixes[namespace] = f"x{len(prefixes)}"
            text += f" xmlns:{prefixes[namespace]}={quoteattr(namespace)}"
        return prefixes[namespace]

    for name, value in attributes.items():
        namespace, _, local = name.rpartition("}")
        if name == XSI_TYPE:
            of_type, _, type_name = value.strip().rpartition(":")
            type_namespace = prefixed.get(of_type or None)
            value = f"{prefix(type_namespace)}:{type_name}" if type_namespace else value
        qualified = f"{prefix(namespace[1:])}:{local}" if namespace else local
        text += f" {qualified}={quoteattr(value)}"
    return text
