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
