"""Signs that a quantity cannot have, and quantiles that cross."""
from __future__ import annotations

import numpy as np
import pytest

from server.errors import Refused
from server.grid.series import signs


@pytest.mark.parametrize("quantity, values, expected", [
    ("load", [-5.0, 5.0], "load is positive in 1 of 2 steps"),
    ("thermal", [5.0], "thermal is positive in 1 of 1"),
    ("pv", [-5.0, np.nan], "pv is negative in 1 of 2"), ("load", [-5.0], ""), ("pv", [0.0, 5.0], ""),
    ("premises", [-5.0, 5.0], ""), ("storage", [-5.0, 5.0], ""), ("ev", [-5.0, 5.0], "")])
def test_a_sign_that_cannot_be_is_warned_of(quantity: str, values: list[float], expected: str) -> None:
    warnings = signs.sign_warnings(quantity, np.array(values))
    assert [expected in warning for warning in warnings] == [True] * bool(expected)


@pytest.mark.parametrize("quantiles", [
    {"0.9": [-100.0], "0.1": [-900.0]}, {"0.1": [None, 1.0], "0.9": [0.0, 1.0]}, {"0.1": [1.0]}, {}])
def test_quantiles_in_order_are_taken(quantiles: dict[str, list[float | None]]) -> None:
    signs.check_quantiles(quantiles, 0, 900, "f")


def test_quantiles_that_cross_are_refused_with_the_instant() -> None:
    with pytest.raises(Refused, match="f: at 1970-01-01T00:15Z the quantile 0.1 is -100, more than -900"):
        signs.check_quantiles({"0.9": [0.0, -900.0], "0.1": [0.0, -100.0]}, 0, 900, "f")
