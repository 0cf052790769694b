"""Our schemas against the standard's, type by type: all that an edition has, and nothing that no edition
has."""
from __future__ import annotations

from typing import Any, Callable, NamedTuple

import pytest
from xmlschema.validators import XsdAnyElement, XsdComponent

from tests.schemas.editions import CSIPAUS, EDITIONS, SEP, mark, roots, types

# Two types changed their base in 2023. Ours keep 2018's base, so that they can stand in for it by xsi:type,
# and take what 2023's holds: one holder of the other branch is thereby let in wherever a
# SubscribableIdentifiedObject is.
BASES_OF_2023 = {f"{{{SEP}}}DefaultDERControl", f"{{{SEP}}}MirrorUsagePointList"}
HOLDER_OF_ANOTHER_BRANCH = f"{{{SEP}}}RespondableResource_r2_3"
FORBIDDEN_IN_2023 = {"CurrentDERProgramLink", "potentiallySupersededTime", "genConnectStatus",
                     "storConnectStatus"}


class Part(NamedTuple):
    """An element of a type, or a slot for foreign ones (name `##other`, `##targetNamespace`)."""
    name: str
    type: str
    least: int
    most: int | None
    default: str | None


def parts(xsd_type: XsdComponent) -> list[Part]:
    """What a type holds, inherited parts included, in order."""
    return [_part(particle) for particle in particles(xsd_type)]


def particles(xsd_type: XsdComponent) -> list[XsdComponent]:
    plain = xsd_type.is_simple() or xsd_type.has_simple_content()
    return [] if plain else list(xsd_type.content.iter_elements())


def _part(particle: XsdComponent) -> Part:
    if isinstance(particle, XsdAnyElement):
        slot = "##targetNamespace" if {SEP, "##targetNamespace"} & set(particle.namespace) else "##other"
        return Part(slot, "", particle.min_occurs, particle.max_occurs, None)
    return Part(particle.name, particle.type.name, particle.min_occurs, particle.max_occurs, particle.default)


def attributes(xsd_type: XsdComponent) -> dict[str | None, XsdComponent]:
    """By name; None is the slot for foreign attributes."""
    return dict(xsd_type.attributes) if xsd_type.is_complex() else {}


def facets(xsd_type: XsdComponent) -> dict[str, Any]:
    simple = xsd_type.content if xsd_type.is_complex() else xsd_type
    return {
        "primitive": simple.primitive_type.local_name,
        "length": simple.max_length,
        "least": simple.min_value,
        "most": simple.max_value,
        "patterns": simple.patterns and simple.patterns.regexps,
        "codes": simple.enumeration,
    }


def same_or_wider(stated: str, ours: str) -> bool:
    """Whether our element's type is the edition's, or the one that 2023 widened it to by `disabled`."""
    return ours in (stated, f"{stated}ControlType")


@pytest.mark.parametrize("edition", EDITIONS)
def test_parts_and_their_order(edition: str) -> None:
    for tag, wanted in types(edition).items():
        _compare_parts(tag, parts(wanted), parts(types("ours")[tag]))


def _compare_parts(tag: str, theirs: list[Part], ours: list[Part]) -> None:
    remaining, extra = list(ours), []
    for wanted in theirs:
        while remaining:
            mine = remaining.pop(0)
            if mine.name == wanted.name and same_or_wider(wanted.type, mine.type):
                assert mine.least <= wanted.least, (tag, wanted)
                assert mine.most is None or wanted.most is not None and wanted.most <= mine.most, (
                    tag,
                    wanted,
                )
                assert wanted.default in (None, mine.default), (tag, wanted)
                break
            if mine.name == "##other" and wanted.name.startswith("{" + CSIPAUS):
                assert roots("ours")[wanted.name].type.name == wanted.type, (tag, wanted)
                remaining.insert(0, mine)  # the slot takes as many as come
                break
            extra.append(mine)
        else:
            pytest.fail(f"{tag}: {wanted} is missing, or not in this place")
    assert all(mine.least == 0
               for mine in (*extra, *remaining)), f"{tag}: an edition's document need not have it"


@pytest.mark.parametrize("edition", EDITIONS)
def test_attributes(edition: str) -> None:
    for tag, xsd_type in types(edition).items():
        ours, wanted = attributes(types("ours")[tag]), attributes(xsd_type)
        assert set(wanted) <= set(ours), tag
        for name in set(wanted) - {None}:
            mine, theirs = ours[name], wanted[name]
            assert (mine.type.name, mine.use, mine.default) == (
                theirs.type.name,
                theirs.use,
                theirs.default,
            ), (tag, name)
        assert all(ours[name].use == "optional" for name in set(ours) - set(wanted) - {None}), tag


@pytest.mark.parametrize("edition", EDITIONS)
def test_ranges(edition: str) -> None:
    for tag, wanted in types(edition).items():
        ours = types("ours")[tag]
        assert ours.is_complex() == wanted.is_complex(), tag
        if wanted.is_simple() or wanted.has_simple_content():
            assert facets(ours) == facets(wanted), tag


@pytest.mark.parametrize("edition", EDITIONS)
def test_a_type_can_stand_in_for_the_same_bases(edition: str) -> None:
    for tag, wanted in types(edition).items():
        base = wanted.base_type.name if wanted.base_type is not None else None
        if base in types("ours") and not (edition == "2023" and tag in BASES_OF_2023):
            assert types("ours")[tag].is_derived(types("ours")[base]), (tag, base)


@pytest.mark.parametrize("edition", EDITIONS)
def test_roots(edition: str) -> None:
    for tag, root in roots(edition).items():
        # 2023 adds schemaVer to the root's type, namelessly
        named = root.type.name or root.type.base_type.name
        assert roots("ours")[tag].type.name == named


def test_no_root_of_our_own() -> None:
    assert set(roots("ours")) == {tag for edition in EDITIONS for tag in roots(edition)}


def test_nothing_of_our_own() -> None:
    for tag, ours in types("ours").items():
        homes = [types(edition)[tag] for edition in EDITIONS if tag in types(edition)]
        assert homes, f"{tag} is in no edition"
        known = [*homes, *inherited(ours)]
        for mine in parts(ours):
            like = [part for home in known for part in parts(home)
                    if part.name == mine.name and same_or_wider(part.type, mine.type)]
            if mine.name == HOLDER_OF_ANOTHER_BRANCH and not like:
                continue
            assert mine.type in {part.type for part in like}, f"{tag}: {mine} is in no edition"
            everywhere = all(mine.name in {part.name for part in parts(home)} for home in homes)
            assert mine.least == (min(part.least for part in like) if everywhere else 0), (tag, mine)
            assert mine.most in {part.most for part in like}, (tag, mine)
            assert mine.default in {part.default for part in like}, (tag, mine)
        assert set(attributes(ours)) <= {name for home in known for name in attributes(home)}, tag


def inherited(ours: XsdComponent) -> list[XsdComponent]:
    """What the editions have under the names of our type's bases."""
    names, base = [], ours.base_type
    while base is not None:
        names.append(base.name)
        base = base.base_type
    return [types(edition)[name] for name in names for edition in EDITIONS if name in types(edition)]


# --- the marks: <xs:appinfo>2023</xs:appinfo> ---

def belongs(name: str, of: Callable[[str], Any]) -> str:
    """The edition that alone has this name among `of(edition)`; CSIP-AUS builds on 2018."""
    old, new = name in {*of("2018"), *of("CSIP-AUS")}, name in of("2023")
    return "" if name.startswith("{" + CSIPAUS) or old == new else "2018" if old else "2023"


def test_marks_of_types_and_roots() -> None:
    for tag, ours in types("ours").items():
        assert mark(ours) == belongs(tag, types), tag
    for tag, root in roots("ours").items():
        assert mark(root) == belongs(tag, roots), tag


ATTRIBUTES_FORBIDDEN_IN_2023 = {("Registration", "pollRate")}  # "SHALL NOT be included by servers"


def _not_sent_in_2023(element: XsdComponent) -> bool:
    """Whether the 2023 edition has an element in its schema that its words forbid servers to send."""
    name = str(element.local_name)
    return name in FORBIDDEN_IN_2023 or name.startswith("Active") and name.endswith("ListLink")


def test_marks_of_parts_and_attributes() -> None:
    """In a type that both editions have, what belongs to one of them says so."""
    for tag in set(types("2018")) & set(types("2023")):
        ours = types("ours")[tag]

        def part_names(edition: str, tag: str = tag) -> set[str]:
            return {part.name for part in parts(types(edition)[tag])}

        def attribute_names(edition: str, tag: str = tag) -> set[Any]:
            return set(attributes(types(edition)[tag]))

        for particle in particles(ours):
            if not isinstance(particle, XsdAnyElement) and not particle.name.endswith("_r2_3"):
                expected = "2018" if _not_sent_in_2023(particle) else belongs(particle.name, part_names)
                assert mark(particle) == expected, (tag, particle.name)
        for name in set(attributes(ours)) - {None}:
            if (tag.rpartition("}")[2], name) not in ATTRIBUTES_FORBIDDEN_IN_2023:
                assert mark(ours.attributes[name]) == belongs(str(name), attribute_names), (tag, name)
    for tag, name in ATTRIBUTES_FORBIDDEN_IN_2023:
        assert mark(types("ours")[f"{{{SEP}}}{tag}"].attributes[name]) == "2018"


def test_holders_of_later_revisions_are_marked_everywhere() -> None:
    holders = [particle for ours in types("ours").values() for particle in particles(ours)
               if (particle.name or "").endswith("_r2_3")]
    assert len({particle.name for particle in holders}) > 300
    assert {mark(particle) for particle in holders} == {"2023", "superset"}
    assert {particle.name.rpartition("}")[2] for particle in holders if mark(particle) == "superset"} == {
        "RespondableResource_r2_3"}
