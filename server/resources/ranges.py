"""Ranges of values in documents beyond those of their XML types: what no calendar, scale or text can hold.

Texts have as many octets as the words of the schema say, where XML counts characters.
"""
from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from server.errors import Refused

if TYPE_CHECKING:
    from lxml import etree

    from server.resources.schema import FieldSpec, TypeSpec

YEAR_10000 = 253_402_300_800  # UTC, s; calendars of most programs end before it
LONGEST_S = 1 << 32  # a duration is a UInt32, and the end of an interval has to be an instant, too
FIRST = -62_000_000_000  # UTC, s; in the year 5


class Range(NamedTuple):
    """The least and greatest value of a type, of a text its octets, and what is wrong with others, to go on
    from the value.

    One that does not hold `of_devices` holds of what operators say alone: what devices report is kept as they
    say it, since many say 65535 for what they do not know, and a full battery of 100.5 %.
    """
    least: int
    most: int
    fault: str
    of_devices: bool = True


RANGES = {
    "TimeType": Range(
        FIRST, YEAR_10000 - LONGEST_S - 1,
        "is not an instant in seconds since 1970. Send seconds, not milliseconds."),
    "PowerOfTenMultiplierType": Range(-9, 9, "is not a multiplier from -9 to 9."),
    "OneHourRangeType": Range(-3600, 3600, "is more than an hour either way, in seconds."),
    "PerCent": Range(0, 10_000, "is not a percentage in hundredths, from 0 to 10000.", of_devices=False),
    "SignedPerCent": Range(-10_000, 10_000, "is not a percentage in hundredths, from -10000 to 10000.",
                           of_devices=False),
}


_STRING = re.compile(r"String(\d+)")


def of_type(names: Iterable[str | None]) -> Range | None:
    """Return the range of a type of the schema by its name and those of the types that it extends; None where
    it has none. String32 and its like have one of octets of UTF-8, by the words of the schema."""
    for name in filter(None, names):
        if name in RANGES:
            return RANGES[name]
        if match := _STRING.fullmatch(name):
            return Range(0, int(match[1]), f"is longer than {match[1]} octets of UTF-8. Shorten it.")
    return None


def check(value: int | str, allowed: Range, element: etree._Element) -> None:
    """Refuse (400) a value out of range, with the line and the path of its element."""
    size = len(value.encode()) if isinstance(value, str) else value
    if not allowed.least <= size <= allowed.most:
        path = [above.tag.rpartition("}")[2] for above in (*reversed(list(element.iterancestors())), element)]
        shown = repr(value) if isinstance(value, str) else value
        raise Refused(400, f"line {element.sourceline}: {'/'.join(path)}: {shown} {allowed.fault}")


@lru_cache(maxsize=None)
def _ranged(spec: TypeSpec) -> Mapping[str, FieldSpec]:
    """Return the elements, by tag, whose values have a range, or that contain such elements."""
    return {field.tag: field for field in spec.elements
            if (_ranged(field.spec) if field.spec else field.range is not None)}


def check_all(element: etree._Element, spec: TypeSpec) -> None:
    """Refuse (400) values in an operator's document, which is valid, that are out of their range."""
    fields = _ranged(spec)
    for child in element:
        field = fields.get(child.tag)
        if field is None:
            continue
        if field.spec is not None:
            check_all(child, field.spec)
        elif field.range is not None:
            check(field.simple.read(child.text or field.default), field.range, child)
