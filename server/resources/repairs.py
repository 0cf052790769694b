"""Repairs of documents that the schema refuses although their meaning is plain.

Drafts of the standard let hexadecimal values have an odd number of digits, and clients in the field leave out
the counts of a list that they send. `validation` calls this for invalid documents only.
"""
from __future__ import annotations

from typing import TYPE_CHECKING

from server.resources import schema
from server.resources.schema import Simple, TypeSpec

if TYPE_CHECKING:
    from lxml import etree

_COUNTS = ("all", "results")
_LARGEST_COUNT = (1 << 32) - 1


def repair(root: etree._Element) -> bool:
    """Repair a document in place; return whether there was anything to repair."""
    name = schema.key(root.tag).rpartition(":")[2]
    try:
        return schema.is_element(name) and _repair(root, schema.actual(root, schema.type_spec(name)))
    except KeyError:  # an xsi:type that the schema does not have
        return False


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
