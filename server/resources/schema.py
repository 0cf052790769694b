"""The types of the schemas: their attributes and elements in order, as `TypeSpec`s that are made once.

`schemas/sep.xsd` is read twice: by lxml, which validates, and by xmlschema, whose component model the
TypeSpecs are made from. Keys of data are the standard's own names; see `FieldSpec.key`.
"""
from __future__ import annotations

from functools import cached_property, lru_cache
from importlib import resources as files
from typing import Any, Callable, Iterator, NamedTuple

import xmlschema
from xmlschema.validators import XsdAnyElement, XsdElement

from server.resources import ranges
from server.resources.ranges import Range

SEP = "urn:ieee:std:2030.5:ns"
CSIPAUS = "https://csipaus.org/ns"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
PREFIXES = {CSIPAUS: "csipaus"}
EDITIONS = {"2018": 2018, "2023": 2023, "superset": -1}  # by mark; what only ours lets through is of none
CSIPAUS_MARK = "CSIP-AUS"  # of a slot for foreign elements in which CSIP-AUS has elements of its own
XSI_TYPE = f"{{{XSI}}}type"
# The key under which the data of an element has, by key, the submitted forms of hexadecimal values that
# differ from their comparable form.
SUBMITTED = "hex:submitted"


def path() -> str:
    """Return the path of the file that includes the whole schema."""
    return str(files.files("schemas") / "sep.xsd")


@lru_cache(maxsize=1)
def model() -> xmlschema.XMLSchema10:
    """Return the component model of the whole schema, built once.

    The schema itself is not checked again, which would take a second at the start of every process: tests do.
    """
    return xmlschema.XMLSchema10(path(), validation="skip")


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

    `edition` is 2018 or 2023 where it belongs to that edition only, -1 where it belongs to none, else 0.
    `many` is true for an element that may be repeated; its value in data is always a list. `default` is the
    value of an empty element.
    """

    def __init__(self, component: Any, attribute: bool = False):
        self.attribute = attribute
        self.tag: str = component.name
        self.key = key(self.tag)
        self.many = not attribute and (component.max_occurs is None or component.max_occurs > 1)
        self.required = component.use == "required" if attribute else component.min_occurs > 0
        self.default: str = component.default or ""
        self.edition = edition(component)
        self._type = component.type
        name = self.key.rpartition("}")[2] if self.key.startswith("{") else self.key
        self.csipaus = self.tag.startswith("{" + CSIPAUS)
        self.open, self.close = f"<{name}", f"</{name}>"

    @cached_property
    def spec(self) -> TypeSpec | None:
        """The TypeSpec of a type that has elements; None for a plain value."""
        if not self._type.is_complex() or self._type.has_simple_content():
            return None
        return type_spec_of(self._type)

    @cached_property
    def simple(self) -> Simple:
        """How the text of a plain value is read and written, with attributes or without."""
        return simple_of(self._type)

    @cached_property
    def type_names(self) -> tuple[str, ...]:
        """The names of the type and of those that it extends, the nearest first."""
        return tuple(base.local_name for base in _bases(self._type) if base.local_name)

    @cached_property
    def range(self) -> Range | None:
        """The range of a plain value, where it is narrower than its XML type."""
        return ranges.of_type(self._type)

    @cached_property
    def attributes(self) -> dict[str, FieldSpec]:
        """The attributes of a plain value: the one of `opModFixedW` has the key `opModFixedW@disabled`."""
        if self.attribute or self.spec or not self._type.is_complex():
            return {}
        return {name: FieldSpec(component, True) for name, component in self._type.attributes.items() if name}


class TypeSpec:
    """The attributes and elements of one complex type, in the order of the schema.

    `slot` is the number of elements after which foreign elements go; -1 where the type has none.
    `csipaus_slot` is true where CSIP-AUS has elements of its own in that slot (DERControlBase).
    """

    def __init__(self, xsd_type: Any):
        self.name: str = (xsd_type.local_name or "").rpartition("}")[2]
        self.edition = edition(xsd_type)
        self.attributes = [
            FieldSpec(component, True) for name, component in xsd_type.attributes.items() if name
        ]
        self.elements: list[FieldSpec] = []
        self.slot, self.csipaus_slot = -1, False
        if xsd_type.has_complex_content() or xsd_type.has_mixed_content():
            for component in xsd_type.content.iter_elements():
                if isinstance(component, XsdAnyElement):
                    self.slot, self.csipaus_slot = len(self.elements), CSIPAUS_MARK in marks(component)
                elif isinstance(component, XsdElement):
                    self.elements.append(FieldSpec(component))
        self.order = {field.key: index for index, field in enumerate(self.elements)}
        self.by_tag = {field.tag: field for field in self.elements}
        self.by_attribute = {field.tag: field for field in self.attributes}
        self.by_key = {field.key: field for field in (*self.attributes, *self.elements)}
        self.known = {"xsi:type", SUBMITTED, *self.by_key,
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


def edition(component: Any) -> int:
    """Return the edition that a component is marked with (`<xs:appinfo>2023</xs:appinfo>`); 0 for none."""
    return next((EDITIONS[mark] for mark in marks(component) if mark in EDITIONS), 0)


def marks(component: Any) -> list[str]:
    """Return what a component is marked with."""
    annotation = getattr(component, "annotation", None)
    return [(mark.text or "").strip() for mark in (annotation.appinfo if annotation is not None else ())]


@lru_cache(maxsize=None)
def type_spec_of(xsd_type: Any) -> TypeSpec:
    """Return the TypeSpec of a type of the component model."""
    return TypeSpec(xsd_type)


@lru_cache(maxsize=None)
def type_spec(name: str) -> TypeSpec:
    """Return the TypeSpec of a root element, or of a type with elements or attributes. KeyError where the
    schema has neither."""
    component = _component(name)
    if not component.is_complex():
        raise KeyError(name)
    return type_spec_of(component)


@lru_cache(maxsize=None)
def descends(name: str, ancestor: str) -> bool:
    """Return whether an element's type is, or extends, a type: `descends("DERControl", "Event")`."""
    return any(base.local_name == ancestor for base in _bases(_component(name)))


@lru_cache(maxsize=None)
def foreign(tag: str) -> FieldSpec | None:
    """Return the field of a global element of another namespace that our schemas know; None for others.

    The component model also has the elements of XML Schema itself, which are foreign like any other.
    """
    element = model().maps.elements.get(tag) if tag[1:].partition("}")[0] in PREFIXES else None
    return FieldSpec(element) if element is not None else None


def element_field(type_name: str, name: str) -> FieldSpec | None:
    """Return the field of an element of a type by its key, `csipaus:` ones too; None where there is none."""
    field = type_spec(type_name).by_key.get(name)
    if field is None and name.startswith("csipaus:"):
        return foreign(f"{{{CSIPAUS}}}{name.partition(':')[2]}")
    return field


@lru_cache(maxsize=1)
def foreign_order() -> dict[str, int]:
    """Return the position of each global element in its schema, by its key."""
    return {key(tag): position for position, tag in enumerate(model().maps.elements)}


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
    return name in model().elements or foreign_name(name) is not None


@lru_cache(maxsize=None)
def foreign_name(name: str) -> str | None:
    """Return the tag of a root element of another namespace, by its local name (ConnectionPoint)."""
    tags = (f"{{{namespace}}}{name}" for namespace in PREFIXES)
    return next((tag for tag in tags if tag in model().maps.elements), None)


def _component(name: str) -> Any:
    """Return the type of a root element, or the type, with this name. KeyError where there is neither."""
    components = model()
    if name in components.elements:
        return components.elements[name].type
    if name in components.types:
        return components.types[name]
    if name.startswith("csipaus:"):
        return components.maps.types[f"{{{CSIPAUS}}}{name.removeprefix('csipaus:')}"]
    tag = foreign_name(name)
    if tag is None:
        raise KeyError(name)
    return components.maps.elements[tag].type


def _bases(xsd_type: Any) -> Iterator[Any]:
    while xsd_type is not None:
        yield xsd_type
        xsd_type = xsd_type.base_type


@lru_cache(maxsize=None)
def simple_of(xsd_type: Any) -> Simple:
    """Return how the text of a type is read and written."""
    content = xsd_type.content if xsd_type.is_complex() else xsd_type
    primitive = content.primitive_type.local_name
    if primitive == "hexBinary":
        width = 2 * (content.max_length or 0)
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
