"""The table of prices, and tariffs without gaps."""
from __future__ import annotations

import numpy as np
import pytest

from server.config.contradictions import PRICE_ORDER
from server.grid.optimisation.prices import Prices, tariff

NAN, LOAD = float("nan"), np.zeros(3)


def test_what_is_kept_costs_at_least_four_times_what_it_is_kept_at_the_expense_of() -> None:
    costs = [getattr(Prices(), name.removeprefix("price_")) for name in PRICE_ORDER]
    assert all(higher >= 4 * lower for higher, lower in zip(costs, costs[1:], strict=False))
    assert Prices().lateness * 24 < Prices().wear, "a whole day of lateness breaks ties only"
    assert 4 * Prices().spread <= 2 * Prices().wear, "to share steps evenly is not worth a cycle"
    assert Prices().curtailment > 2 * Prices().wear, "a battery stores what would be curtailed"


@pytest.mark.parametrize("buy, sell, paid, earned", [
    ([0.1, 3.0, 0.3], None, [0.1, 3.0, 0.3], [0.1, 3.0, 0.3]),  # nothing is normalised or centred
    ([0.1, NAN, 0.3], None, [0.1, 0.2, 0.3], [0.1, 0.2, 0.3]),
    ([0.1, 0.2, 0.3], [0.08, NAN, 0.5], [0.1, 0.2, 0.3], [0.08, 0.2, 0.3]),
    ([-0.1, 0.2, 0.3], [0.0, 0.0, 0.0], [-0.1, 0.2, 0.3], [-0.1, 0.0, 0.0]),
])
def test_a_tariff_has_no_gaps_and_injection_never_earns_more_than_drawing_costs(
    buy: list[float], sell: list[float] | None, paid: list[float], earned: list[float]
) -> None:
    made = tariff(np.array(buy), None if sell is None else np.array(sell), LOAD)
    assert made.buy == pytest.approx(paid) and made.sell == pytest.approx(earned)
    assert made.single == (paid == earned)
