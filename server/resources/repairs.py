"""Repairs of documents that the schema refuses although their meaning is plain.

Drafts of the standard let hexadecimal values have an odd number of digits, and clients in the field leave out
the counts of a list that they send. Elements of namespaces that nobody here knows are ignored where the
schema has no place for them (11.4); the beta of CSIP-AUS for storage repeats the elements of CSIP-AUS in a
namespace of its own, and those are taken as what they repeat. `validation` calls this for invalid documents
only.
"""
from __future__ import annotations

from typing import TYPE_CHECKING

from server.resources import schema
from server.resources.schema import CSIPAUS, SEP, Simple, TypeSpec

if TYPE_CHECKING:
    from lxml import etree

_COUNTS = ("all", "results")
_ALIASES = {"https://csipaus.org/ns/v1.3-beta/storage": CSIPAUS}
_KNOWN = (f"{{{SEP}}}", f"{{{CSIPAUS}}}")
_LARGEST_COUNT = (1 << 32) - 1


def repair(root: etree._Element) -> bool:
    """Repair a document in place; return whether there was anything to repair."""
    repaired = _ignore_unknown(root)
    name = schema.key(root.tag).rpartition(":")[2]
    try:
        return (schema.is_element(name) and _repair(root, schema.actual(root, schema.type_spec(name)))
                or repaired)
    except KeyError:  # an xsi:type that the schema does not have
        return False


def _ignore_unknown(root: etree._Element) -> bool:
    """Remove elements of unknown namespaces, and give those of an alias the namespace that they repeat;
    return whether there were any."""
    found = [element for element in root.iter()
             if element.tag.startswith("{") and not element.tag.startswith(_KNOWN)]
    for element in found:
        namespace, _, local = element.tag.rpartition("}")
        parent, alias = element.getparent(), _ALIASES.get(namespace[1:])
        inside = parent is not None and parent.tag.startswith(f"{{{alias}}}")
        if alias and (inside or schema.foreign(f"{{{alias}}}{local}") is not None):
            element.tag = f"{{{alias}}}{local}"
        elif parent is not None:
            parent.remove(element)
    return bool(found)


def _repair(element: etree._Element, spec: TypeSpec) -> bool:
    repaired = _count_items(element, spec)
    for name, text in element.attrib.items():
        field = spec.by_attribute.get(name)
        if field is not None and _is_odd(text, field.simple):
            element.set(name, f"0{text.strip()}")
            repaired = True
    for child in element:
        field = spec.by_tag.get(child.tag) or schema.foreign(child.tag)
        if field is None:
            continue
        if field.spec is not None:
            repaired |= _repair(child, schema.actual(child, field.spec))
        elif _is_odd(child.text or "", field.simple):
            child.text = f"0{(child.text or '').strip()}"
            repaired = True
    return repaired


def _count_items(element: etree._Element, spec: TypeSpec) -> bool:
    """Add the counts of a list where they are missing or not numbers; return whether they were."""
    missing = [name for name in _COUNTS if name in spec.by_attribute and not _is_count(element.get(name))]
    if not missing or not spec.by_attribute.keys() >= {*_COUNTS}:
        return False
    items = sum(child.tag in spec.by_tag and spec.by_tag[child.tag].many for child in element)
    for name in missing:
        element.set(name, str(items))
    return True


def _is_count(text: str | None) -> bool:
    return text is not None and text.strip().isdecimal() and int(text) <= _LARGEST_COUNT


def _is_odd(text: str, simple: Simple) -> bool:
    return simple.kind == "hex" and len(text.strip()) % 2 == 1
