"""Levels of media types, and what profiles send for them."""
from __future__ import annotations

import pytest

from server.config import SETTINGS
from server.resources import variants
from server.resources.variants import EDITION_2023, EXTENDED, PLAIN, PROFILES


@pytest.mark.parametrize("media_type, level", [
    ("application/sep+xml", ""), ("application/sep+xml; level=-S1", "-S1"),
    ("application/sep+xml;level=+S1", "+S1"), ("Application/SEP+XML; Level=-s2", "-S2"),
    ('application/sep+xml; level="+S2"', "+S2"), ("application/sep+xml; level=S2", "-S2"),
    ("application/sep+xml; level=-S7", ""), ("application/sep+xml; q=0.5; level=-S1", "-S1"),
    ("application/sep+xml; charset=S2", "")])
def test_the_level_of_a_media_type(media_type: str, level: str) -> None:
    assert variants.level_of(media_type) == level


@pytest.mark.parametrize("text, level", [("-S1", "-S1"), (" +s2 ", "+S2"), ("", ""), ("x", "")])
def test_a_level_by_itself(text: str, level: str) -> None:
    assert variants.level_named(text) == level


def test_what_each_profile_sends() -> None:
    """5.7.2: nothing of others to who declares -S1, save for CSIP-AUS (docs/decisions/0021)."""
    for level, sent in {"": PLAIN, "-S1": PLAIN, "+S1": EXTENDED, "-S2": EDITION_2023}.items():
        assert variants.variant("2030.5-2018", level) is sent
    assert {variants.variant("csip", level) for level in ("", "-S1", "+S1")} == {PLAIN}
    assert {variants.variant("csip-aus", level) for level in ("", "-S1", "+S1")} == {EXTENDED}
    assert variants.variant("2030.5-2023", "") is EDITION_2023
    assert variants.variant("2030.5-2023", "-S1") is PLAIN


def test_every_profile_knows_every_level_and_can_be_set() -> None:
    choices = next(setting.choices for setting in SETTINGS.values() if setting.name == "profile")
    assert choices == tuple(PROFILES)
    assert len({frozenset(by_level) for by_level in PROFILES.values()}) == 1


def test_tags_tell_variants_apart() -> None:
    served = {variant for by_level in PROFILES.values() for variant in by_level.values()}
    assert len({variant.tag for variant in served}) == len(served)
