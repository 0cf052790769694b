"""The types and elements of `schemas/*.xsd` as plain data, and how they are made and kept.

xmlschema reads the schemas, which takes a second: too long for the start of a command. So what is needed of
its component model stands in `schemas/types.json`, written by `python -m server.resources.schematypes`. It is
used as long as it has the digest of the schemas; else they are read anew. A test holds the two equal.
"""
from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any, Iterator, NamedTuple

import schemas

_XSD = "{http://www.w3.org/2001/XMLSchema}"
_EDITIONS = {"2018": 2018, "2023": 2023, "superset": -1}  # by mark; what only ours lets through is of none
_CSIPAUS = "CSIP-AUS"  # marks a slot for foreign elements in which CSIP-AUS has elements of its own


class Component(NamedTuple):
    """An element or attribute.

    `tag` is its qualified name, `many` whether it may be repeated, `default` the value of an empty element,
    `edition` the one that it belongs to alone (0 for all, -1 for none), `type` the number of its type.
    """
    tag: str
    many: bool
    required: bool
    default: str
    edition: int
    type: int


class TypeRecord(NamedTuple):
    """A type of the schemas.

    `names` are those of the type, empty where it has none, and of the types that it extends. `elements` has
    None where foreign elements go; `csipaus_slot` is true where CSIP-AUS has elements of its own there.
    `is_complex` is true for a type with elements or attributes, `has_elements` for one whose content is
    elements; `text` is the primitive type and the greatest number of bytes of one whose content is text.
    """
    names: list[str]
    edition: int
    attributes: list[Component]
    elements: list[Component | None]
    csipaus_slot: bool
    is_complex: bool
    has_elements: bool
    text: tuple[str, int] | None


class Types(NamedTuple):
    """All types by number, as they are in JSON; named ones and global elements by their qualified names."""
    types: list[Any]
    named: dict[str, int]
    elements: dict[str, Any]

    def record(self, number: int) -> TypeRecord:
        """Return the type of a number."""
        record = TypeRecord(*self.types[number])
        return record._replace(
            attributes=[Component(*fields) for fields in record.attributes],
            elements=[Component(*fields) if fields else None for fields in record.elements],
            text=(record.text[0], record.text[1]) if record.text else None)

    def element(self, tag: str) -> Component | None:
        """Return a global element by its qualified name; None where there is none."""
        fields = self.elements.get(tag)
        return Component(*fields) if fields else None


def path() -> str:
    """Return the path of the file that includes the whole schema."""
    return str(Path(str(schemas.__file__)).with_name("sep.xsd"))


@lru_cache(maxsize=1)
def load() -> Types:
    """Return the types of the schemas, from `types.json` where that is of these schemas."""
    kept = Path(path()).with_name("types.json")
    if kept.exists():
        content = json.loads(kept.read_bytes())
        if content.pop("digest") == digest():
            return Types(**content)
    return read()


def digest(suffix: str = ".xsd") -> str:
    """Return the digest of the files in `schemas` that end so."""
    content = hashlib.sha256()
    for file in sorted(Path(path()).parent.glob(f"*{suffix}")):
        content.update(file.name.encode() + b"\0" + file.read_bytes())
    return content.hexdigest()


def read() -> Types:
    """Make the types from the schemas themselves.

    Those are not checked again: tests do.
    """
    import xmlschema
    model = xmlschema.XMLSchema10(path(), validation="skip")
    reader = _Reader()
    named = {tag: reader.number(kind) for tag, kind in model.maps.types.items() if not tag.startswith(_XSD)}
    elements = {tag: list(reader.component(element)) for tag, element in model.maps.elements.items()
                if not tag.startswith(_XSD)}
    return Types(reader.types(), named, elements)


class _Reader:
    """Numbers the types of a component model as they are met."""

    def __init__(self) -> None:
        self._numbers: dict[Any, int] = {}
        self._met: list[Any] = []

    def number(self, xsd_type: Any) -> int:
        if xsd_type not in self._numbers:
            self._numbers[xsd_type] = len(self._met)
            self._met.append(xsd_type)
        return self._numbers[xsd_type]

    def types(self) -> list[Any]:
        """The records of all types that were met, those that their fields have included."""
        records: list[Any] = []
        for number in count():  # the list grows while it is read
            if number == len(self._met):
                return records
            records.append(list(self._record(self._met[number])))
        raise AssertionError("a count has no end")

    def component(self, component: Any, attribute: bool = False) -> Component:
        return Component(
            tag=component.name,
            many=not attribute and (component.max_occurs is None or component.max_occurs > 1),
            required=component.use == "required" if attribute else component.min_occurs > 0,
            default=component.default or "",
            edition=_edition(component),
            type=self.number(component.type),
        )

    def _record(self, xsd_type: Any) -> TypeRecord:
        from xmlschema.validators import XsdAnyElement
        is_complex = xsd_type.is_complex()
        is_text = not is_complex or xsd_type.has_simple_content()
        attributes = xsd_type.attributes.items() if is_complex else ()
        return TypeRecord(
            names=[base.local_name or "" for base in _bases(xsd_type)],
            edition=_edition(xsd_type),
            attributes=[self.component(component, True) for name, component in attributes if name],
            elements=list(self._elements(xsd_type)),
            csipaus_slot=any(_CSIPAUS in _marks(slot) for slot in self._content(xsd_type)
                             if isinstance(slot, XsdAnyElement)),
            is_complex=is_complex,
            has_elements=not is_text,
            text=_text(xsd_type) if is_text else None,
        )

    def _elements(self, xsd_type: Any) -> Iterator[Component | None]:
        from xmlschema.validators import XsdAnyElement, XsdElement
        for component in self._content(xsd_type):
            if isinstance(component, XsdAnyElement):
                yield None
            elif isinstance(component, XsdElement):
                yield self.component(component)

    def _content(self, xsd_type: Any) -> Iterator[Any]:
        """The elements and slots of a type."""
        if xsd_type.is_complex() and (xsd_type.has_complex_content() or xsd_type.has_mixed_content()):
            yield from xsd_type.content.iter_elements()


def _bases(xsd_type: Any) -> Iterator[Any]:
    while xsd_type is not None:
        yield xsd_type
        xsd_type = xsd_type.base_type


def _edition(component: Any) -> int:
    """The edition that a component is marked with (`<xs:appinfo>2023</xs:appinfo>`); 0 for none."""
    return next((_EDITIONS[mark] for mark in _marks(component) if mark in _EDITIONS), 0)


def _marks(component: Any) -> list[str]:
    annotation = getattr(component, "annotation", None)
    return [(mark.text or "").strip() for mark in (annotation.appinfo if annotation is not None else ())]


def _text(xsd_type: Any) -> tuple[str, int] | None:
    content = xsd_type.content if xsd_type.is_complex() else xsd_type
    primitive = getattr(content, "primitive_type", None)
    if primitive is None:
        return None
    return primitive.local_name, getattr(content, "max_length", None) or 0


def main() -> None:
    """Write `types.json`, a type or element a line, so that a change is seen as one; and `table.json`."""
    from server.resources import table

    types, lines = read(), []
    for key, values in types._asdict().items():
        listed = isinstance(values, list)
        items = [json.dumps(value) for value in values] if listed else [
            f"{json.dumps(name)}: {json.dumps(value)}" for name, value in values.items()]
        opening, closing = "[]" if listed else "{}"
        lines.append(f'"{key}": {opening}\n' + ",\n".join(items) + f"\n{closing}")
    text = f'{{"digest": "{digest()}",\n' + ",\n".join(lines) + "}\n"
    Path(path()).with_name("types.json").write_text(text)
    table.write()


if __name__ == "__main__":
    main()
