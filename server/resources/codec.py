"""XML to data and back, for every type of the schemas.

Data is what the XML says in plain Python: a dict with the standard's names as keys, attributes among them; a
repeated element is always a list; integers, booleans and upper-case hexadecimal strings of full width, which
compare equal whatever their sender's habits, and are written as they were submitted (see `hexbinary`).
`xsi:type` names the type that stands in for the declared one (Response's subtypes, Notification.Resource). A
foreign element is kept as data where our schemas know it (`csipaus:opModImpLimW`), else under
`{namespace}name` as its XML; both are written where the schema has a slot for them, in the schema's order.

A document is kept as its `inner` part, all that follows `<Name`: the same bytes then serve as a document of
their own and as an item of a list.
"""
from __future__ import annotations

import re
import threading
from functools import lru_cache
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

from server.errors import Refused
from server.resources import hexbinary, repairs, schema
from server.resources.schema import CSIPAUS, SEP, XSI, FieldSpec, Simple, TypeSpec

Data = dict[str, Any]
_SCHEMA_LOCATION = f"{{{XSI}}}schemaLocation"
_REVISIONS = re.compile(r"([^\s(]+_r2_3|##other\{[^}]*\}\*)(, )?")
_local = threading.local()
# libxml2 sets up its table of built-in types at the first schema it reads, and two threads at once spoil it.
_reading_schema = threading.Lock()


# --- reading --------------------------------------------------------------------------------------

def decode(body: bytes) -> tuple[str, Data]:
    """A document's root element and its data. Refused (400) where it is no XML, not valid, or plays with
    DTDs.

    The refusal names line and element. What is invalid only by habits of clients in the field is read as what
    it means, see `repairs`.
    """
    root = parse(body)
    if not validator().validate(root):
        if not repairs.repair(root) or not validator().validate(root):
            raise Refused(400, complaint())
    name = schema.key(root.tag).rpartition(":")[2]
    return name, _read(root, schema.actual(root, schema.type_spec(name)))


def parse(body: bytes) -> etree._Element:
    """The root element of well-formed XML; entities, DTDs, the network and giant trees are refused."""
    if not hasattr(_local, "parser"):
        _local.parser = etree.XMLParser(
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
        )
    try:
        root = etree.fromstring(body, _local.parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Refused(400, f"not well-formed XML: {error}") from None
    if root.getroottree().docinfo.doctype:
        raise Refused(400, "a document type declaration is not accepted")
    return root


def validator() -> etree.XMLSchema:
    """This thread's validator (its error log is not to be shared)."""
    if not hasattr(_local, "validator"):
        with _reading_schema:
            _local.validator = etree.XMLSchema(etree.parse(schema.path()))
    return _local.validator


def complaint() -> str:
    """What this thread's validator found wrong first, with line and element; without the places that an
    edition keeps for its revisions, which nobody writes."""
    error = validator().error_log[0]
    words = _REVISIONS.sub("", error.message).replace(f"{{{SEP}}}", "")
    if "No matching global declaration" in words:
        words += f" Documents are in the namespace {SEP}."
    return f"line {error.line}: {words}"


def _read(element: etree._Element, plan: TypeSpec) -> Data:
    data: Data = {}
    for name, text in element.attrib.items():
        field = plan.by_attribute.get(name)
        if field is not None:
            data[field.key] = _read_text(text, field.key, field.simple, data)
        elif name == schema.XSI_TYPE:
            data["xsi:type"] = schema.stated_type(element)
        elif name != _SCHEMA_LOCATION:
            data[f"@{name}"] = text
    for child in element:
        field = plan.by_tag.get(child.tag) or schema.foreign(child.tag)
        if field is None:
            data.setdefault(child.tag, []).append(etree.tostring(child, encoding="unicode", with_tail=False))
        elif field.many:
            data.setdefault(field.key, []).append(_read_value(child, field, data))
        else:
            data[field.key] = _read_value(child, field, data)
    return data


def _read_value(element: etree._Element, field: FieldSpec, owner: Data) -> Any:
    if field.plan is not None:
        return _read(element, schema.actual(element, field.plan))
    for name, text in element.attrib.items():
        attribute = field.attributes.get(name)
        if attribute is not None:
            owner[f"{field.key}@{name}"] = attribute.simple.read(text)
    return _read_text(element.text or field.default, field.key, field.simple, owner)


def _read_text(text: str, key: str, simple: Simple, owner: Data) -> Any:
    value = simple.read(text)
    if simple.kind == "hex":
        hexbinary.record(owner, key, value, text)
    return value


# --- writing --------------------------------------------------------------------------------------

class _Text(list[str]):
    """What has been written so far for clients of one edition.

    `bound` says that some of the data belongs to one edition alone, `csipaus` that its prefix has to be
    declared.
    """
    bound = csipaus = False

    def __init__(self, edition: int):
        super().__init__()
        self.edition = edition

    def takes(self, part: FieldSpec | TypeSpec) -> bool:
        """Whether clients of the edition are sent this."""
        if not part.edition:
            return True
        self.bound = True
        return part.edition == self.edition


def encode(name: str, data: Data, edition: int = 2018) -> bytes:
    """The document, in schema order, shaped for clients of this edition.

    ValueError names the place of a key that the type does not have. Whether it is valid is asked of `check`.
    """
    return wrap(name, fragment(name, data, edition))


def check(name: str, inside: bytes) -> None:
    """Validate a document (its inner part) that an operator's words led to; Refused (400) says what is wrong
    where."""
    if not validator().validate(parse(wrap(name, inside))):
        raise Refused(400, complaint().partition(": ")[2])


def fragment(name: str, data: Data, edition: int = 2018) -> bytes:
    """All of a document that stands between `<Name` and `</Name>`."""
    return _fragment(name, data, edition)[0]


def fragments(name: str, data: Data) -> tuple[bytes, bytes | None]:
    """The same for clients of 2018, and for those of 2023 where that differs."""
    old, bound = _fragment(name, data, 2018)
    return old, _fragment(name, data, 2023)[0] if bound else None


def _fragment(name: str, data: Data, edition: int) -> tuple[bytes, bool]:
    out = _Text(edition)
    out.csipaus = schema.foreign_name(name) is not None
    _write(out, schema.type_spec(name), data, name)
    if out.csipaus:
        out.insert(0, f' xmlns:csipaus="{CSIPAUS}"')
    return "".join(out).encode(), out.bound


def wrap(name: str, inside: bytes) -> bytes:
    """A document of its own around an inner part, in UTF-8 without an XML declaration (5.6.2)."""
    tag = (f"csipaus:{name}" if schema.foreign_name(name) else name).encode()
    return b'<%s xmlns="%s"%s</%s>' % (tag, SEP.encode(), inside, tag)


def page(
    name: str, attributes: Data, item: str, inners: list[tuple[str, bytes]], edition: int = 2018
) -> bytes:
    """A list document around its items' inner parts; an item of another type than `item` says so by
    xsi:type."""
    head = _head(name, tuple(attributes.items()), edition)
    tag = item.encode()
    between = b"</%s><%s" % (tag, tag)
    parts = [
        inside if kind == item else b' xmlns:xsi="%s" xsi:type="%s"%s' % (XSI.encode(), kind.encode(), inside)
        for kind, inside in inners
    ]
    return wrap(name, b"%s<%s%s</%s>" % (head, tag, between.join(parts), tag) if parts else head)


@lru_cache(maxsize=4096)
def _head(name: str, attributes: tuple[tuple[str, Any], ...], edition: int) -> bytes:
    return fragment(name, dict(attributes), edition)


def _write(out: _Text, plan: TypeSpec, data: Data, place: str) -> None:
    if "xsi:type" in data:
        plan, data = _write_type(out, plan, data)
    foreign = [key for key in data if key not in plan.known]
    _write_attributes(out, plan, data, foreign)
    out.append(">")
    for index in sorted([plan.order[key] for key in data if key in plan.order]):
        if foreign and -1 < plan.slot <= index:
            _write_foreign(out, data, foreign, place)
            foreign = []
        field = plan.elements[index]
        value = data[field.key]
        if value is not None and out.takes(field):
            for each in value if field.many else (value,):
                _write_value(out, field, each, data, f"{place}/{field.key}")
    _write_foreign(out, data, foreign, place)


def _write_type(out: _Text, declared: TypeSpec, data: Data) -> tuple[TypeSpec, Data]:
    """Write xsi:type where the edition knows that type; the type and the data to go on with."""
    actual = schema.type_spec(data["xsi:type"])
    if not out.takes(actual):
        return declared, {key: value for key, value in data.items() if key in declared.known}
    out.append(f' xmlns:xsi="{XSI}" xsi:type="{data["xsi:type"]}"')
    out.csipaus |= data["xsi:type"].startswith("csipaus:")
    return actual, data


def _write_attributes(out: _Text, plan: TypeSpec, data: Data, foreign: list[str]) -> None:
    for field in plan.attributes:
        if field.key in data and out.takes(field):
            out.append(
                f" {field.key}={quoteattr(_write_text(data[field.key], field.key, field.simple, data))}"
            )
    for key in foreign:
        if key.startswith("@"):
            out.bound = True
            if out.edition == 2023:
                out.append(_foreign_attribute(key[1:], data[key]))


def _write_value(out: _Text, field: FieldSpec, value: Any, owner: Data, place: str) -> None:
    out.append(field.open)
    out.csipaus |= field.csipaus
    if field.plan is not None:
        if not isinstance(value, dict):
            raise ValueError(f"{place} wants a mapping, not {value!r}")
        _write(out, field.plan, value, place)
        if out[-1] == ">":
            out[-1] = "/>"
            return
    else:
        for name, attribute in field.attributes.items():
            stated = owner.get(f"{field.key}@{name}")
            if stated is not None and out.takes(attribute):
                out.append(f" {name}={quoteattr(attribute.simple.write(stated))}")
        try:
            out.append(f">{escape(_write_text(value, field.key, field.simple, owner))}")
        except (TypeError, ValueError, AttributeError):
            raise ValueError(f"{place}: {value!r} is not a value of its type") from None
    out.append(field.close)


def _write_text(value: Any, key: str, simple: Simple, owner: Data) -> str:
    text = simple.write(value)
    return hexbinary.served(owner, key, text) if simple.kind == "hex" else text


def _write_foreign(out: _Text, data: Data, foreign: list[str], place: str) -> None:
    order = schema.foreign_order()
    for key in sorted(foreign, key=lambda key: order.get(key, len(order))):
        if key.startswith("@"):
            continue
        if key.startswith("{"):
            out.bound = True
            out.extend(data[key] if out.edition == 2023 else ())
            continue
        prefix, _, local = key.rpartition(":")
        field = schema.foreign(f"{{{CSIPAUS}}}{local}") if prefix == "csipaus" else None
        if field is None:
            raise ValueError(f"{place} has no element or attribute {key!r}")
        _write_value(out, field, data[key], data, f"{place}/{key}")


def _foreign_attribute(name: str, value: str) -> str:
    namespace, _, local = name.rpartition("}")
    if not namespace:
        return f" {local}={quoteattr(value)}"
    return f" xmlns:x={quoteattr(namespace[1:])} x:{local}={quoteattr(value)}"
