"""What the schemas say of each type, asked once: its attributes and elements in order, as `TypeSpec`s.

`schemas/sep.xsd` is read twice: by lxml, which validates, and by xmlschema, whose component model the plans
are made from. Keys of data are the standard's own names; see `FieldSpec.key`.
"""
from __future__ import annotations

from functools import cached_property, lru_cache
from importlib import resources
from typing import Any, Callable, Iterator, NamedTuple

import xmlschema
from xmlschema.validators import XsdAnyElement, XsdElement

SEP = "urn:ieee:std:2030.5:ns"
CSIPAUS = "https://csipaus.org/ns"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
PREFIXES = {CSIPAUS: "csipaus"}
XSI_TYPE = f"{{{XSI}}}type"
# Key under which the data of an element keeps the hexadecimal values, by their own keys, that were submitted
# in another form than the one compared by.
SUBMITTED = "hex:submitted"


def path() -> str:
    """The file that holds, or includes, the whole schema."""
    return str(resources.files("schemas") / "sep.xsd")


@lru_cache(maxsize=1)
def model() -> xmlschema.XMLSchema10:
    """The component model of the whole schema, built once.

    The schema itself is not checked again, which would take a second at the start of every process: tests do.
    """
    return xmlschema.XMLSchema10(path(), validation="skip")


class Simple(NamedTuple):
    """How a simple type's text becomes a value and back."""
    kind: str
    read: Callable[[str], Any]
    write: Callable[[Any], str]
    width: int = 0


def key(tag: str) -> str:
    """The key of an element or attribute: its name; `csipaus:name` or `{namespace}name` where it is
    foreign."""
    namespace, _, local = tag.rpartition("}")
    if namespace in ("", "{" + SEP):
        return local
    prefix = PREFIXES.get(namespace[1:])
    return f"{prefix}:{local}" if prefix else tag


class FieldSpec:
    """An element or attribute of a type.

    `edition` is 2018 or 2023 where it belongs to that edition only, else 0. `many` says that it may be
    repeated; data then always holds a list. `default` is what an empty element means.
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
        prefixed = (
            self.key if ":" in self.key and not self.key.startswith("{") else self.key.rpartition("}")[2]
        )
        self.csipaus = self.tag.startswith("{" + CSIPAUS)
        self.open, self.close = f"<{prefixed}", f"</{prefixed}>"

    @cached_property
    def plan(self) -> TypeSpec | None:
        """The plan of a type that has elements or attributes; None for a plain value."""
        return (
            type_spec_of(self._type)
            if self._type.is_complex() and not self._type.has_simple_content()
            else None
        )

    @cached_property
    def simple(self) -> Simple:
        """How the value's text is read and written (for a plain value, or one that carries attributes)."""
        return simple_of(self._type)

    @cached_property
    def attributes(self) -> dict[str, FieldSpec]:
        """Attributes that a plain value carries: opModFixedW's `disabled` has the key
        `opModFixedW@disabled`."""
        if self.attribute or self.plan or not self._type.is_complex():
            return {}
        return {name: FieldSpec(component, True) for name, component in self._type.attributes.items() if name}


class TypeSpec:
    """The attributes and elements of one complex type, in the order in which the schema wants them."""

    def __init__(self, xsd_type: Any):
        self.name: str = (xsd_type.local_name or "").rpartition("}")[2]
        self.edition = edition(xsd_type)
        self.attributes = [
            FieldSpec(component, True) for name, component in xsd_type.attributes.items() if name
        ]
        self.elements: list[FieldSpec] = []
        self.slot = -1  # where foreign elements go: after so many elements; -1: there is no place for them
        if xsd_type.has_complex_content() or xsd_type.has_mixed_content():
            for component in xsd_type.content.iter_elements():
                if isinstance(component, XsdAnyElement):
                    self.slot = len(self.elements)
                elif isinstance(component, XsdElement):
                    self.elements.append(FieldSpec(component))
        self.order = {field.key: index for index, field in enumerate(self.elements)}
        self.by_tag = {field.tag: field for field in self.elements}
        self.by_attribute = {field.tag: field for field in self.attributes}
        self.by_key = {field.key: field for field in (*self.attributes, *self.elements)}
        self.known = {"xsi:type", SUBMITTED, *self.by_key,
                      *(f"{field.key}@{name}" for field in self.elements for name in field.attributes)}

    def walk(self, dotted: str) -> FieldSpec | None:
        """The field at a path inside the type, as list orders name them: `interval/start`."""
        plan: TypeSpec | None = self
        field = None
        for step in dotted.split("/"):
            field = plan.by_key.get(step) if plan else None
            if field is None:
                return None
            plan = field.plan
        return field


def edition(component: Any) -> int:
    """The one edition that a component is marked to belong to (`<xs:appinfo>2023</xs:appinfo>`), or 0."""
    annotation = getattr(component, "annotation", None)
    for mark in annotation.appinfo if annotation is not None else ():
        if (mark.text or "").strip() in ("2018", "2023"):
            return int(mark.text)
    return 0


@lru_cache(maxsize=None)
def type_spec_of(xsd_type: Any) -> TypeSpec:
    return TypeSpec(xsd_type)


@lru_cache(maxsize=None)
def type_spec(name: str) -> TypeSpec:
    """The plan of a root element, or of a type with this name; KeyError where the schema has neither."""
    return type_spec_of(_component(name))


@lru_cache(maxsize=None)
def descends(name: str, ancestor: str) -> bool:
    """Whether an element's type is, or extends, the named type: `descends("DERControl", "Event")`."""
    return any(base.local_name == ancestor for base in _bases(_component(name)))


@lru_cache(maxsize=None)
def foreign(tag: str) -> FieldSpec | None:
    """The field of a global element of another namespace that our schemas know, such as CSIP-AUS's."""
    element = model().maps.elements.get(tag)
    return FieldSpec(element) if element is not None and not tag.startswith("{" + SEP) else None


@lru_cache(maxsize=1)
def foreign_order() -> dict[str, int]:
    """The place of each global element of a foreign namespace in its schema, by its key."""
    return {key(tag): place for place, tag in enumerate(model().maps.elements)}


def stated_type(element: Any) -> str | None:
    """The key of the type that an element names by xsi:type; None where it names none."""
    name = element.attrib.get(XSI_TYPE)
    if name is None:
        return None
    prefix, _, local = name.strip().rpartition(":")
    return key(f"{{{element.nsmap.get(prefix or None, SEP)}}}{local}")


def actual(element: Any, declared: TypeSpec) -> TypeSpec:
    """The plan of an element: of the type it names by xsi:type, else of the declared one. KeyError for a type
    that the schema does not have."""
    name = stated_type(element)
    return declared if name is None else type_spec(name)


def is_element(name: str) -> bool:
    """Whether documents may have this name at their root."""
    return name in model().elements or foreign_name(name) is not None


@lru_cache(maxsize=None)
def foreign_name(name: str) -> str | None:
    """The full tag of a known root element outside 2030.5's namespace, by its local name: ConnectionPoint."""
    return next((tag for tag in model().maps.elements
                 if tag.endswith("}" + name) and not tag.startswith("{" + SEP)), None)


def _component(name: str) -> Any:
    known = model()
    if name in known.elements:
        return known.elements[name].type
    if name in known.types:
        return known.types[name]
    if name.startswith("csipaus:"):
        return known.maps.types[f"{{{CSIPAUS}}}{name.removeprefix('csipaus:')}"]
    tag = foreign_name(name)
    if tag is None:
        raise KeyError(name)
    return known.maps.elements[tag].type


def _bases(xsd_type: Any) -> Iterator[Any]:
    while xsd_type is not None:
        yield xsd_type
        xsd_type = xsd_type.base_type


@lru_cache(maxsize=None)
def simple_of(xsd_type: Any) -> Simple:
    content = xsd_type.content if xsd_type.is_complex() else xsd_type
    primitive = content.primitive_type.local_name
    if primitive == "hexBinary":
        width = 2 * (content.max_length or 0)
        return Simple(
            "hex", lambda text: hexadecimal(text, width), lambda value: hexadecimal(value, width), width
        )
    if primitive == "decimal":
        return Simple("int", int, lambda value: str(int(value)))
    if primitive == "boolean":
        return Simple(
            "bool", lambda text: text.strip() in ("true", "1"), lambda value: "true" if value else "false"
        )
    return Simple("str", str, str)


def hexadecimal(text: str, width: int = 0) -> str:
    """Hexadecimal digits in the form they are compared in: upper case, with the leading zeros of the type's
    full width."""
    digits = text.strip().upper()
    return digits.zfill(width or len(digits) + len(digits) % 2)
