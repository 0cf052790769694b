"""The values that the fields of a virtual DER may have. Trees and names are in test_virtualders."""
from __future__ import annotations

import math

import pytest

from server.errors import Refused
from server.grid.groups import vdervalidation


@pytest.mark.parametrize("primacy", [-1, 256])
def test_a_primacy_is_an_octet(primacy: int) -> None:
    assert vdervalidation.check_primacy(0) == 0 and vdervalidation.check_primacy(255) == 255
    with pytest.raises(Refused, match=f"primacy {primacy}: specify 0"):
        vdervalidation.check_primacy(primacy)


@pytest.mark.parametrize("name, taken", [("a" * 32, True), ("é" * 16, True), ("é" * 17, False),
                                         ("a" * 33, False), ("42", False), ("", False)])
def test_a_name_fits_the_description_of_a_program(server: None, name: str, taken: bool) -> None:
    """The schema's String32 is of 32 octets."""
    if taken:
        assert vdervalidation.check_name(name) == name
    else:
        with pytest.raises(Refused, match="a name has 1 to 32 characters"):
            vdervalidation.check_name(name)


@pytest.mark.parametrize("limit, checked", [(None, None), (math.inf, None), (0, 0), (5.5, 5.5)])
def test_no_limit_is_none_or_infinity(limit: float | None, checked: float | None) -> None:
    assert vdervalidation.check_limit(limit) == checked


@pytest.mark.parametrize("limit", [-1.0, math.nan, 2e12])
def test_a_limit_is_a_magnitude(limit: float) -> None:
    with pytest.raises(Refused, match="magnitude") as refused:
        vdervalidation.check_limit(limit)
    assert refused.value.status == 400


def test_a_rule_is_checked() -> None:
    assert vdervalidation.check_rule("kind = pv") == "kind = pv"
    with pytest.raises(Refused, match="character 7"):
        vdervalidation.check_rule("kind =")
