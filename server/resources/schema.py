"""The types of the schemas: their attributes and elements in order, as `TypeSpec`s that are made once.

`schemas/sep.xsd` is read twice: by lxml, which validates, and as `schematypes`, which the TypeSpecs are made
from. Keys of data are the standard's own names; see `FieldSpec.key`.
"""
from __future__ import annotations

from functools import cached_property, lru_cache
from typing import Any, Callable, NamedTuple

from server.resources import ranges, schematypes
from server.resources.ranges import Range
from server.resources.schematypes import Component, TypeRecord

SEP = "urn:ieee:std:2030.5:ns"
CSIPAUS = "https://csipaus.org/ns"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
PREFIXES = {CSIPAUS: "csipaus"}
XSI_TYPE = f"{{{XSI}}}type"
# The key under which the data of an element has, by key, the submitted forms of hexadecimal values that
# differ from their comparable form.
SUBMITTED = "hex:submitted"
PUBLISHED = "event:published"  # of an event, see creation.py; it is served to nobody


class Simple(NamedTuple):
    """How the text of a simple type becomes a value and back.

    `kind` is "int", "bool", "hex" or "str", `width` the number of digits of a hexadecimal value.
    """
    kind: str
    read: Callable[[str], Any]
    write: Callable[[Any], str]
    width: int = 0


def key(tag: str) -> str:
    """Return the key of an element or attribute: its name.

    In another namespace it is `csipaus:name` or `{namespace}name`.
    """
    namespace, _, local = tag.rpartition("}")
    if namespace in ("", "{" + SEP):
        return local
    prefix = PREFIXES.get(namespace[1:])
    return f"{prefix}:{local}" if prefix else tag


class FieldSpec:
    """An element or attribute of a type.

    `edition` is 2018 or 2023 where it belongs to that edition only, -1 where it belongs to none, else 0;
    `specific` is set for those and for what is CSIP-AUS's.
    `many` is true for an element that may be repeated; its value in data is always a list. `default` is the
    value of an empty element.
    """

    def __init__(self, component: Component, attribute: bool = False):
        self.attribute = attribute
        self.tag = component.tag
        self.key = key(self.tag)
        self.many, self.required = component.many, component.required
        self.default, self.edition = component.default, component.edition
        self._type = component.type
        name = self.key.rpartition("}")[2] if self.key.startswith("{") else self.key
        self.csipaus = self.tag.startswith("{" + CSIPAUS)
        self.specific = bool(self.edition) or self.csipaus
        self.open, self.close = f"<{name}", f"</{name}>"

    @cached_property
    def _record(self) -> TypeRecord:
        return schematypes.load().record(self._type)

    @cached_property
    def spec(self) -> TypeSpec | None:
        """The TypeSpec of a type that has elements; None for a plain value."""
        return _type_spec_of(self._type) if self._record.has_elements else None

    @cached_property
    def simple(self) -> Simple:
        """How the text of a plain value is read and written, with attributes or without."""
        return _simple_of(self._type)

    @cached_property
    def type_names(self) -> tuple[str, ...]:
        """The names of the type and of those that it extends, the nearest first."""
        return tuple(filter(None, self._record.names))

    @cached_property
    def range(self) -> Range | None:
        """The range of a plain value, where it is narrower than its XML type."""
        return ranges.of_type(self._record.names)

    @cached_property
    def attributes(self) -> dict[str, FieldSpec]:
        """The attributes of a plain value: the one of `opModFixedW` has the key `opModFixedW@disabled`."""
        if self.attribute or self.spec:
            return {}
        return {component.tag: FieldSpec(component, True) for component in self._record.attributes}


class TypeSpec:
    """The attributes and elements of one complex type, in the order of the schema.

    `slot` is the number of elements after which foreign elements go; -1 where the type has none.
    `csipaus_slot` is true where CSIP-AUS has elements of its own in that slot (DERControlBase).
    """

    def __init__(self, record: TypeRecord):
        self.name = record.names[0]
        self.edition, self.specific, self.csipaus = record.edition, bool(record.edition), False
        self.attributes = [FieldSpec(component, True) for component in record.attributes]
        self.elements = [FieldSpec(component) for component in record.elements if component]
        self.slot = record.elements.index(None) if None in record.elements else -1
        self.csipaus_slot = record.csipaus_slot
        self.order = {field.key: index for index, field in enumerate(self.elements)}
        self.by_tag = {field.tag: field for field in self.elements}
        self.by_attribute = {field.tag: field for field in self.attributes}
        self.by_key = {field.key: field for field in (*self.attributes, *self.elements)}
        self.known = {"xsi:type", SUBMITTED, PUBLISHED, *self.by_key,
                      *(f"{field.key}@{name}" for field in self.elements for name in field.attributes)}

    def field_at(self, path: str) -> FieldSpec | None:
        """Return the field at a path inside the type (`interval/start`); None where there is none."""
        spec: TypeSpec | None = self
        field = None
        for step in path.split("/"):
            field = spec.by_key.get(step) if spec else None
            if field is None:
                return None
            spec = field.spec
        return field


@lru_cache(maxsize=None)
def _type_spec_of(number: int) -> TypeSpec:
    return TypeSpec(schematypes.load().record(number))


@lru_cache(maxsize=None)
def type_spec(name: str) -> TypeSpec:
    """Return the TypeSpec of a root element, or of a type with elements or attributes. KeyError where the
    schema has neither."""
    number = _number(name)
    if not schematypes.load().record(number).is_complex:
        raise KeyError(name)
    return _type_spec_of(number)


@lru_cache(maxsize=None)
def descends(name: str, ancestor: str) -> bool:
    """Return whether an element's type is, or extends, a type: `descends("DERControl", "Event")`."""
    return ancestor in schematypes.load().record(_number(name)).names


@lru_cache(maxsize=None)
def foreign(tag: str) -> FieldSpec | None:
    """Return the field of a global element of another namespace that our schemas know; None for others."""
    element = schematypes.load().element(tag)
    return FieldSpec(element) if element is not None and not tag.startswith("{" + SEP) else None


def element_field(type_name: str, name: str) -> FieldSpec | None:
    """Return the field of an element of a type by its key, `csipaus:` ones too; None where there is none."""
    field = type_spec(type_name).by_key.get(name)
    if field is None and name.startswith("csipaus:"):
        return foreign(f"{{{CSIPAUS}}}{name.partition(':')[2]}")
    return field


def elements() -> list[str]:
    """Return the qualified name of each global element, in the order of the schemas."""
    return list(schematypes.load().elements)


@lru_cache(maxsize=1)
def foreign_order() -> dict[str, int]:
    """Return the position of each global element in its schema, by its key."""
    return {key(tag): position for position, tag in enumerate(elements())}


def xsi_type(element: Any) -> str | None:
    """Return the key of the type that an element names by xsi:type; None where it names none."""
    name = element.attrib.get(XSI_TYPE)
    if name is None:
        return None
    prefix, _, local = name.strip().rpartition(":")
    return key(f"{{{element.nsmap.get(prefix or None, SEP)}}}{local}")


def actual(element: Any, declared: TypeSpec) -> TypeSpec:
    """Return the TypeSpec of an element: that of its xsi:type if it has one, else the declared one.

    KeyError for a type that the schema does not have.
    """
    name = xsi_type(element)
    return declared if name is None else type_spec(name)


def is_element(name: str) -> bool:
    """Return whether a document may have this root element."""
    return f"{{{SEP}}}{name}" in schematypes.load().elements or foreign_name(name) is not None


def root_edition(name: str) -> int:
    """Return the edition that a root element belongs to alone; 0 for all, -1 where there is no such root."""
    element = schematypes.load().element(f"{{{SEP}}}{name}")
    return -1 if element is None else element.edition


@lru_cache(maxsize=None)
def foreign_name(name: str) -> str | None:
    """Return the tag of a root element of another namespace, by its local name (ConnectionPoint)."""
    tags = (f"{{{namespace}}}{name}" for namespace in PREFIXES)
    return next((tag for tag in tags if tag in schematypes.load().elements), None)


def _number(name: str) -> int:
    """Return the number of the type of a root element, or of the type, with this name.

    KeyError where there is neither.
    """
    types, tag = schematypes.load(), f"{{{SEP}}}{name}"
    if name.startswith("csipaus:"):
        return types.named[f"{{{CSIPAUS}}}{name.removeprefix('csipaus:')}"]
    if tag in types.named and tag not in types.elements:
        return types.named[tag]
    element = types.element(tag) or types.element(foreign_name(name) or "")
    if element is None:
        raise KeyError(name)
    return element.type


@lru_cache(maxsize=None)
def _simple_of(number: int) -> Simple:
    """Return how the text of a type is read and written."""
    primitive, most_bytes = schematypes.load().record(number).text or ("string", 0)
    if primitive == "hexBinary":
        width = 2 * most_bytes
        return Simple(
            "hex", lambda text: hexadecimal(text, width), lambda value: hexadecimal(value, width), width
        )
    if primitive == "decimal":
        return Simple("int", integer, lambda value: str(int(value)))
    if primitive == "boolean":
        return Simple(
            "bool", lambda text: text.strip() in ("true", "1"), lambda value: "true" if value else "false"
        )
    return Simple("str", str, str)


def integer(text: str) -> int:
    """Return the value of an integer of the schemas, whatever leading zeros it has (Python limits digits)."""
    if len(text) < 100:
        return int(text)
    digits = text.strip()
    return int(digits.lstrip("+-0") or "0") * (-1 if digits.startswith("-") else 1)


def hexadecimal(text: str, width: int = 0) -> str:
    """Return hexadecimal digits in their comparable form: upper case, with leading zeros up to `width`.

    Without a width, up to whole bytes.
    """
    digits = text.strip().upper()
    return digits.zfill(width or len(digits) + len(digits) % 2)
