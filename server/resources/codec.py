"""XML to data and back, for every type of the schemas.

Data is the content of the XML in plain Python: a dict with the standard's names as keys, attributes among
them. A repeated element is always a list. Values are integers, booleans and strings; hexadecimal values are
strings in upper case and full width, so that they compare equal whatever form a client writes, and are
written as they were submitted (see `hexbinary`). `xsi:type` names the type that replaces the declared one
(subtypes of Response, Notification.Resource). An element of another namespace is data where our schemas know
it (`csipaus:opModImpLimW`), else XML under the key `{namespace}name`; both are written where the schema has a
slot for them, in the order of the schema.

A document is stored as its fragment, which is all that follows `<Name`: the same bytes serve as a document
and as an item of a list.
"""
from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from server.resources import draft, foreign, hexbinary, ranges, schema, validation
from server.resources.schema import CSIPAUS, XSI, FieldSpec, Simple, TypeSpec
from server.resources.variants import EXTENDED, PLAIN, WHOLE, Variant
from server.resources.xmltext import escape, quoteattr

if TYPE_CHECKING:
    from lxml import etree

Data = dict[str, Any]
_SCHEMA_LOCATION = f"{{{XSI}}}schemaLocation"
DECLARED = f' xmlns:csipaus="{CSIPAUS}"'


# --- reading --------------------------------------------------------------------------------------

def decode(body: bytes) -> tuple[str, Data]:
    """Return the name of a document's root element, or of the subtype that its xsi:type names, and its data.

    Refused (400) where it is no XML or not valid; the message names line and element.
    """
    is_draft = draft.is_draft(body)
    root = validation.parse(draft.renamed(body) if is_draft else body)
    if is_draft:
        draft.read(root)
    validation.validate(root)
    name = schema.key(root.tag).rpartition(":")[2]
    subtype = schema.xsi_type(root)
    if subtype is not None and schema.is_element(subtype):
        name = subtype  # the rules of the subtype hold, as if the document had its name
    data = _read(root, schema.actual(root, schema.type_spec(name)))
    return name, {key: value for key, value in data.items() if key != "xsi:type" or value != name}


def _read(element: etree._Element, spec: TypeSpec) -> Data:
    data: Data = {}
    for name, text in element.attrib.items():
        field = spec.by_attribute.get(name)
        if field is not None:
            data[field.key] = _read_text(text, field.key, field.simple, data)
        elif name == schema.XSI_TYPE:
            data["xsi:type"] = schema.xsi_type(element)
        elif name != _SCHEMA_LOCATION:
            data[f"@{name}"] = text
    for child in element:
        field = spec.by_tag.get(child.tag) or schema.foreign(child.tag)
        if field is None:
            data.setdefault(child.tag, []).append(foreign.text_of(child))
        elif field.many:
            data.setdefault(field.key, []).append(_read_value(child, field, data))
        else:
            data[field.key] = _read_value(child, field, data)
    return data


def _read_value(element: etree._Element, field: FieldSpec, owner: Data) -> Any:
    if field.spec is not None:
        return _read(element, schema.actual(element, field.spec))
    for name, text in element.attrib.items():
        attribute = field.attributes.get(name)
        if attribute is not None:
            owner[f"{field.key}@{name}"] = attribute.simple.read(text)
    value = _read_text(element.text or field.default, field.key, field.simple, owner)
    if field.range is not None and field.range.of_devices:
        ranges.check(value, field.range, element)
    return value


def _read_text(text: str, key: str, simple: Simple, owner: Data) -> Any:
    value = simple.read(text)
    if simple.kind == "hex":
        hexbinary.record(owner, key, value, text)
    return value


# --- writing --------------------------------------------------------------------------------------

class Output(list[str]):
    """The text written so far, in one variant.

    `specific` is set once some of the data is not in every variant, `csipaus` once the prefix has to be
    declared.
    """
    specific = csipaus = False

    def __init__(self, variant: Variant):
        super().__init__()
        self.edition, self.extensions, self.whole = variant.edition, variant.extensions, variant.whole
        self.foreign = variant.foreign

    def accepts(self, part: FieldSpec | TypeSpec) -> bool:
        """Return whether the variant has this element, attribute or type."""
        if not part.specific:
            return True
        self.specific = True
        if part.csipaus:
            return self.extensions
        return part.edition == self.edition or self.whole and part.edition > 0


def encode(name: str, data: Data, variant: Variant = EXTENDED) -> bytes:
    """Return the document, in the order of the schema, in this variant.

    ValueError names the path of a key that its type does not have. Validity is not checked (see `check`).
    """
    return wrap(name, fragment(name, data, variant), variant)


def check(name: str, fragment: bytes) -> None:
    """Validate a document (its fragment, WHOLE) that was made from an operator's data. Refused (400)."""
    root = validation.check(wrap(name, fragment))
    _read(root, schema.type_spec(name))
    ranges.check_all(root, schema.type_spec(name))


def check_data(name: str, data: Data) -> None:
    """Validate the data of a document. Refused (400)."""
    check(name, fragment(name, data, WHOLE))


def fragment(name: str, data: Data, variant: Variant = EXTENDED) -> bytes:
    """Return the part of a document between `<Name` and `</Name>`."""
    return written(name, data, variant)[0]


def written(name: str, data: Data, variant: Variant) -> tuple[bytes, bool]:
    """Return the fragment, and whether other variants may have another."""
    if variant.draft:
        return draft.fragment(name, written(name, data, PLAIN)[0]), True
    out = Output(variant)
    if schema.foreign_name(name) is not None:
        out.csipaus = out.extensions = True
    _write(out, schema.type_spec(name), data, name)
    if out.csipaus:
        out.insert(0, DECLARED)
    return "".join(out).encode(), out.specific


def wrap(name: str, fragment: bytes, variant: Variant = EXTENDED) -> bytes:
    """Return the document with this fragment, in UTF-8 without an XML declaration (5.6.2)."""
    tag, attributes = _root(name, variant)
    return b"<%s%s%s</%s>" % (tag, attributes, fragment, tag)


@lru_cache(maxsize=1024)
def _root(name: str, variant: Variant) -> tuple[bytes, bytes]:
    """Return the tag of a root element, and the attributes that it has in a variant."""
    tag = f"csipaus:{name}" if schema.foreign_name(name) else name
    version = ""
    if variant.schema_version and schema.root_edition(name) in (0, 2023):
        version = f' schemaVer="{variant.schema_version}"'
    return tag.encode(), f' xmlns="{variant.namespace}"{version}'.encode()


def page(
    name: str, attributes: Data, item: str, fragments: list[tuple[str, bytes]], variant: Variant = EXTENDED
) -> bytes:
    """Return the fragment of a list with these items, each as its type and fragment.

    An item of another type than `item` has xsi:type.
    """
    head = _head(name, tuple(attributes.items()), variant)
    tag = item.encode()
    between = b"</%s><%s" % (tag, tag)
    items = [
        body if kind == item else b' xmlns:xsi="%s" xsi:type="%s"%s' % (XSI.encode(), kind.encode(), body)
        for kind, body in fragments
    ]
    return b"%s<%s%s</%s>" % (head, tag, between.join(items), tag) if items else head


@lru_cache(maxsize=4096)
def _head(name: str, attributes: tuple[tuple[str, Any], ...], variant: Variant) -> bytes:
    return fragment(name, dict(attributes), variant)


def _write(out: Output, spec: TypeSpec, data: Data, path: str) -> None:
    if "xsi:type" in data:
        spec, data = _write_type(out, spec, data)
    unknown = [key for key in data if key not in spec.known]
    write_attributes(out, spec, data, unknown)
    out.append(">")
    for index in sorted([spec.order[key] for key in data if key in spec.order]):
        if unknown and -1 < spec.slot <= index:
            _write_foreign(out, spec, data, unknown, path)
            unknown = []
        field = spec.elements[index]
        value = data[field.key]
        if value is not None and out.accepts(field):
            for occurrence in value if field.many else (value,):
                write_value(out, field, occurrence, data, f"{path}/{field.key}")
    _write_foreign(out, spec, data, unknown, path)


def _write_type(out: Output, declared: TypeSpec, data: Data) -> tuple[TypeSpec, Data]:
    """Write xsi:type where the variant has that type; return the type and the data to write next."""
    actual = schema.type_spec(data["xsi:type"])
    csipaus = data["xsi:type"].startswith("csipaus:")
    out.specific |= csipaus
    if not out.accepts(actual) or csipaus and not out.extensions:
        return declared, {key: value for key, value in data.items() if key in declared.known}
    out.append(f' xmlns:xsi="{XSI}" xsi:type="{data["xsi:type"]}"')
    out.csipaus |= csipaus
    return actual, data


def write_attributes(out: Output, spec: TypeSpec, data: Data, unknown: Sequence[str]) -> None:
    """Write the attributes of an element, known ones and, of the `unknown` keys, those of other schemas."""
    for field in spec.attributes:
        if field.key in data:
            write_attribute(out, field, data)
    attributes = {key[1:]: data[key] for key in unknown
                  if key.startswith("@") and (out.whole or key != "@schemaVer")}
    if attributes:
        out.specific = True
        if out.foreign:
            out.append(foreign.attributes_text(attributes))


def write_attribute(out: Output, field: FieldSpec, data: Data) -> None:
    """Write an attribute of an element with this data, where the variant has it."""
    if out.accepts(field):
        out.append(f" {field.key}={quoteattr(_write_text(data[field.key], field.key, field.simple, data))}")


def write_value(out: Output, field: FieldSpec, value: Any, owner: Data, path: str) -> None:
    """Write an element of `owner`. ValueError names the path of what is no value of its type."""
    out.append(field.open)
    out.csipaus |= field.csipaus
    if field.spec is not None:
        if not isinstance(value, dict):
            raise ValueError(f"{path} wants a mapping, not {value!r}")
        _write(out, field.spec, value, path)
        if out[-1] == ">":
            out[-1] = "/>"
            return
    else:
        for name, attribute in field.attributes.items():
            attribute_value = owner.get(f"{field.key}@{name}")
            if attribute_value is not None and out.accepts(attribute):
                out.append(f" {name}={quoteattr(attribute.simple.write(attribute_value))}")
        try:
            out.append(f">{escape(_write_text(value, field.key, field.simple, owner))}")
        except (TypeError, ValueError, AttributeError):
            raise ValueError(f"{path}: {value!r} is not a value of its type") from None
    out.append(field.close)


def _write_text(value: Any, key: str, simple: Simple, owner: Data) -> str:
    text = simple.write(value)
    return hexbinary.served(owner, key, text) if simple.kind == "hex" else text


def _write_foreign(out: Output, spec: TypeSpec, data: Data, unknown: list[str], path: str) -> None:
    """Write the elements for the slot: of CSIP-AUS those alone that it has there, but for WHOLE."""
    order = schema.foreign_order()
    for key in sorted(unknown, key=lambda key: order.get(key, len(order))):
        if key.startswith("@"):
            continue
        out.specific = True
        if key.startswith("{"):
            out.extend(data[key] if out.foreign else ())
            continue
        prefix, _, local = key.rpartition(":")
        field = schema.foreign(f"{{{CSIPAUS}}}{local}") if prefix == "csipaus" else None
        if field is None:
            raise ValueError(f"{path} has no element or attribute {key!r}")
        if out.whole or spec.csipaus_slot and out.extensions:
            write_value(out, field, data[key], data, f"{path}/{key}")
