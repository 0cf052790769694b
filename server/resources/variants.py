"""Variants: the forms in which documents are served, and which a profile sends for which level. Pure.

A client declares by the parameter `level` of a media type what it can read (IEEE 2030.5-2018, 5.7.2): `-S1`
the 2018 edition alone, `+S1` the same with elements of others between, `-S2` or `+S2` the 2023 edition. The
profile says what that means for a device, and what is sent to one that declares nothing.
"""
from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

SEP_XML = "application/sep+xml"


class Variant(NamedTuple):
    """A form in which documents are served.

    `edition` is that of the standard. With `extensions` there are the elements of CSIP-AUS where its schema
    has them, with `foreign` those of other namespaces too. `whole` has what any edition has. `draft` is in
    the words of the draft of 2013 (see draft.py). `schema_version` is the attribute of that name of root
    elements, "" for none; `media_type` is that of answers, `tag` ends their ETags.
    """
    name: str
    edition: int = 2018
    extensions: bool = False
    foreign: bool = False
    whole: bool = False
    draft: bool = False
    schema_version: str = ""
    media_type: str = SEP_XML
    namespace: str = "urn:ieee:std:2030.5:ns"
    tag: str = ""


PLAIN = Variant("2018")
EXTENDED = Variant("2018 with extensions", extensions=True, tag="x")
EDITION_2023 = Variant("2023", 2023, foreign=True, schema_version="2.2",
                       media_type=f"{SEP_XML}; level=-S2", tag="s2")
DRAFT = Variant("draft", draft=True, namespace="http://ieee.org/2030.5", tag="d")
WHOLE = Variant("whole", extensions=True, foreign=True, whole=True)
"""What is validated; it is served to nobody."""

NO_LEVEL = ""
# By profile, what is sent for a level. CSIP knows no extensions; CSIP-AUS has its own whatever its devices
# declare, since many of them declare -S1.
_BY_LEVEL: dict[str, dict[str, Variant]] = {
    "2030.5-2018": {NO_LEVEL: PLAIN, "-S1": PLAIN, "+S1": EXTENDED, "-S2": EDITION_2023, "+S2": EDITION_2023},
    "csip": {NO_LEVEL: PLAIN, "-S1": PLAIN, "+S1": PLAIN, "-S2": EDITION_2023, "+S2": EDITION_2023},
    "csip-aus": {NO_LEVEL: EXTENDED, "-S1": EXTENDED, "+S1": EXTENDED,
                 "-S2": EDITION_2023, "+S2": EDITION_2023},
    "2030.5-2023": {NO_LEVEL: EDITION_2023, "-S1": PLAIN, "+S1": EXTENDED,
                    "-S2": EDITION_2023, "+S2": EDITION_2023},
    "draft": {NO_LEVEL: DRAFT, "-S1": DRAFT, "+S1": DRAFT, "-S2": DRAFT, "+S2": DRAFT},
}
PROFILES: Mapping[str, Mapping[str, Variant]] = _BY_LEVEL
CSIP_AUS = "csip-aus"
OF_DRAFT = "draft"
_LEVEL = re.compile(r";\s*level\s*=\s*\"?([+-]?)s(\d)", re.IGNORECASE)


@lru_cache(maxsize=1024)
def level_of(media_type: str) -> str:
    """Return the level that a media type declares (`-S1`); NO_LEVEL for none, or one of no edition."""
    return _level(_LEVEL.search(media_type))


@lru_cache(maxsize=1024)
def level_named(level: str) -> str:
    """Return a level in the form of the tables, such as Subscription/level has it."""
    return _level(_LEVEL.search(f";level={level.strip()}"))


def _level(match: re.Match[str] | None) -> str:
    return f"{match[1] or '-'}S{match[2]}" if match and match[2] in "12" else NO_LEVEL


def variant(profile: str, level: str) -> Variant:
    """Return what a profile sends for a level."""
    return PROFILES[profile][level]
