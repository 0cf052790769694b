"""What was probably meant by a name."""
from __future__ import annotations

import pytest

from server.resources import namehints


@pytest.mark.parametrize("name, names, expected", [
    ("evcharger", ["ev_charger", "battery"], ["ev_charger"]), ("Battery", ["battery", "pv"], ["battery"]),
    ("baterry", ["battery", "pv"], ["battery"]), ("feedr", ["feeder", "phase"], ["feeder"]),
    ("opModImpLimW", ["opModMaxLimW", "csipaus:opModImpLimW"], ["csipaus:opModImpLimW"]),
    ("xyz", ["battery"], []),
])
def test_the_most_similar_names_are_found(name: str, names: list[str], expected: list[str]) -> None:
    assert namehints.similar(name, names) == expected


def test_candidates_are_said_as_a_question() -> None:
    assert namehints.meant("batery", ["battery"]) == "; did you mean battery?"
    assert namehints.meant("x", []) == ""
