"""Random documents that are valid under a schema, made from its component model.

`document(schema, name, random)` is deterministic by the state of `random`. It likes limits: empty and longest
texts, least and greatest numbers, optional parts there and away, derived types in place of the declared
(`xsi:type`), foreign elements and attributes wherever the schema has a slot for them.
"""
from __future__ import annotations

from functools import cache
from random import Random
from typing import Iterator

import xmlschema
from lxml import etree
from xmlschema.validators import XsdAnyElement, XsdComponent

from server.resources import ranges
from tests.schemas.editions import CSIPAUS, SEP, mark

XSI = "http://www.w3.org/2001/XMLSchema-instance"
DEEP = 4  # below this only what must be there
TEXTS = ("", " ", "a", "Ä", "日本", "𝛥", "<&>\"'", "]]>", "line\nend", "\ttab", "  spaced  ")
URIS = ("", "/", "/derp/1/derc/17", "https://example.org:8443/ntfy?a=1&b=2", "../x", "urn:example:1")
VERSIONS = ("2.1", "2.2", "10.0", "999.999")
EXTENSION = "urn:example:extension"
NAMESPACES = {None: SEP, "csipaus": CSIPAUS, "xsi": XSI, "x": EXTENSION}
XML = "http://www.w3.org/XML/1998/namespace"
FOREIGN_ATTRIBUTES = {
    f"{{{EXTENSION}}}hint": TEXTS, f"{{{EXTENSION}}}more": TEXTS, f"{{{EXTENSION}:2}}hint": TEXTS,
    f"{{{XML}}}lang": ("", "en", "de-AT"), f"{{{XML}}}base": URIS, f"{{{XML}}}space": ("default", "preserve")}


def document(schema: xmlschema.XMLSchema10, name: str, random: Random, edition: str = "") -> etree._Element:
    """A document whose root is the schema's element of this name (or tag).

    With an `edition` ("2018", "2023", "CSIP-AUS", which builds on 2018) only what that edition knows is used,
    by the marks of our schemas.
    """
    tag = name if name.startswith("{") else f"{{{SEP}}}{name}"
    element = schema.maps.elements[tag]
    return _Maker(schema, random, edition).element(element, None, 0)


@cache
def _derived(schema: xmlschema.XMLSchema10, declared: XsdComponent) -> list[XsdComponent]:
    """The complex types that are derived from one, by name."""
    return [derived for _, derived in sorted(schema.maps.types.items())
            if derived is not declared and derived.is_complex() and derived.is_derived(declared)]


class _Maker:
    def __init__(self, schema: xmlschema.XMLSchema10, random: Random, edition: str):
        self.random = random
        self.year = edition and ("2023" if edition == "2023" else "2018")
        self.csipaus = edition in ("", "CSIP-AUS")
        self.schema = schema
        self.foreign = [component for tag,
                        component in schema.maps.elements.items() if tag.startswith("{" + CSIPAUS)]

    def element(self, declared: XsdComponent, parent: etree._Element | None, depth: int) -> etree._Element:
        node = etree.SubElement(parent, declared.name) if parent is not None else \
            etree.Element(declared.name, nsmap=NAMESPACES)
        if declared.default is not None and self.year != "2018" and self.random.random() < 0.2:
            return node
        xsd_type = self.stand_in(declared.type, node, depth)
        if xsd_type.is_complex():
            self.attributes(xsd_type, node)
        if xsd_type.has_simple_content() or xsd_type.is_simple():
            node.text = self.value(xsd_type)
        else:
            for particle in xsd_type.content.iter_elements():
                self.particle(particle, node, depth + 1)
        return node

    def stand_in(self, declared: XsdComponent, element: etree._Element, depth: int) -> XsdComponent:
        """The declared type, or now and then one derived from it, named by xsi:type."""
        if not declared.is_complex() or declared.name is None or depth > DEEP or self.random.random() < 0.5:
            return declared
        derived = [derived for derived in _derived(self.schema, declared) if self.allows(derived)]
        if not derived:
            return declared
        chosen = self.random.choice(derived)
        prefix = "csipaus:" if chosen.target_namespace == CSIPAUS else ""
        element.set(f"{{{XSI}}}type", prefix + chosen.local_name)
        return chosen

    def allows(self, component: XsdComponent) -> bool:
        if component.target_namespace == CSIPAUS and not self.csipaus:
            return False
        marked = mark(component)  # what is marked superset is accepted and served to nobody
        return marked != "superset" and (not self.year or marked in ("", self.year))

    def particle(self, particle: XsdComponent, parent: etree._Element, depth: int) -> None:
        wild = isinstance(particle, XsdAnyElement)
        if wild and self.year == "2018" or not wild and not self.allows(particle):
            return
        least, most = particle.min_occurs, particle.max_occurs
        most = least + 2 if most is None else most
        if depth > DEEP:
            most = least
        elif wild:
            most = max(least, int(self.random.random() < 0.15))
        for _ in range(self.random.choice((least, most, self.random.randint(least, most)))):
            if not wild:
                self.element(particle, parent, depth)
            elif SEP in particle.namespace or "##targetNamespace" in particle.namespace:
                etree.SubElement(parent, f"{{{SEP}}}novelty").text = "of a later revision"
            elif self.csipaus and self.foreign and self.random.random() < 0.5:
                self.element(self.random.choice(self.foreign), parent, depth)
            else:
                self.extension(parent, depth)

    def attributes(self, xsd_type: XsdComponent, element: etree._Element) -> None:
        for name, attribute in xsd_type.attributes.items():
            if name is None:
                if self.year != "2018" and self.random.random() < 0.05:
                    self.foreign_attributes(element)
            elif self.allows(attribute) and (attribute.use == "required" or self.random.random() < 0.5):
                element.set(name, self.value(attribute.type))

    def extension(self, parent: etree._Element, depth: int) -> None:
        """A foreign element, now and then with others inside: of its namespace, of ours, or of none."""
        inside = depth > 1 and parent.tag.startswith(f"{{{EXTENSION}")
        name = self.random.choice((f"{{{EXTENSION}}}note", "note", f"{{{SEP}}}note", f"{{{EXTENSION}:2}}note")
                                  if inside else (f"{{{EXTENSION}}}note", f"{{{EXTENSION}:2}}note"))
        declared = self.random.choice(({}, {None: EXTENSION}, {"n": EXTENSION}))
        element = etree.SubElement(parent, name, nsmap=declared)
        element.text = self.random.choice(TEXTS)
        self.foreign_attributes(element)
        if depth <= DEEP and self.random.random() < 0.5:
            self.extension(element, depth + 1)

    def foreign_attributes(self, element: etree._Element) -> None:
        for name in self.random.sample(sorted(FOREIGN_ATTRIBUTES), self.random.choice((1, 1, 2, 5))):
            element.set(name, self.random.choice(FOREIGN_ATTRIBUTES[name]))

    def value(self, xsd_type: XsdComponent) -> str:
        """Text of a simple type, or of the simple content of a complex one."""
        simple = xsd_type.content if xsd_type.is_complex() else xsd_type
        if simple.patterns:  # SEPVersion is the only type that has one
            return self.random.choice(VERSIONS)
        if simple.primitive_type.local_name == "decimal":
            return self.decimal(simple, ranges.of_type(_names(xsd_type)))
        return getattr(self, simple.primitive_type.local_name)(simple)

    def decimal(self, simple: XsdComponent, allowed: ranges.Range | None) -> str:
        least, most = int(simple.min_value), int(simple.max_value)
        if allowed is not None:
            least, most = max(least, allowed.least), min(most, allowed.most)
        near = [value for value in (0, 1, -1, 10000, least + 1, most - 1) if least <= value <= most]
        return str(self.random.choice((least, most, *near, self.random.randint(least, most))))

    def boolean(self, simple: XsdComponent) -> str:
        return self.random.choice(("true", "false", "1", "0"))

    def hexBinary(self, simple: XsdComponent) -> str:
        size = self.random.choice((0, 1, simple.max_length, self.random.randint(0, simple.max_length)))
        digits = self.random.randbytes(min(size, simple.max_length)).hex()
        return digits.upper() if self.random.random() < 0.7 else digits

    def string(self, simple: XsdComponent) -> str:
        text = self.random.choice(TEXTS) * self.random.randint(1, 3)
        longest = simple.max_length
        if longest is None:
            return text
        # in octets, as the words of the schema have it
        cut = text.encode()[:longest].decode(errors="ignore")
        return cut if self.random.random() < 0.8 else "x" * longest

    def anyURI(self, simple: XsdComponent) -> str:
        return self.random.choice(URIS)


def documents(schema: xmlschema.XMLSchema10, names: list[str], seeds: range, edition: str = "",
              ) -> Iterator[tuple[str, etree._Element]]:
    """Documents of every name for every seed, each with a label that tells how to make it again."""
    for name in names:
        for seed in seeds:
            yield f"{name} seed {seed}", document(schema, name, Random(f"{name} {seed}"), edition)


def _names(xsd_type: XsdComponent | None) -> Iterator[str]:
    """The names of a type and of those that it extends."""
    while xsd_type is not None:
        yield xsd_type.local_name or ""
        xsd_type = xsd_type.base_type
