"""What an operator's order means for a plan. The queries are in tests/server/grid/balance."""
from __future__ import annotations

import pytest

from server.grid.fleet.manualdispatch import NO_DISPATCH, ManualDispatch


@pytest.mark.parametrize(
    "planned_w, baseline_w, fraction, change_w, load_w",
    [
        (3000.0, 0.0, 1.0, -3000.0, -3000.0),  # storage that discharges
        (-3000.0, 0.0, 0.5, 1500.0, 1500.0),  # that charges in half of the step
        (-1000.0, -4000.0, 1.0, -3000.0, 1000.0),  # a load that is reduced
    ],
)
def test_an_order_is_a_change_of_the_baseline(
    planned_w: float, baseline_w: float, fraction: float, change_w: float, load_w: float
) -> None:
    order = ManualDispatch(planned_w, baseline_w, fraction)
    assert (order.change_w, order.load_w) == (change_w, load_w)


def test_no_order_changes_nothing() -> None:
    assert NO_DISPATCH.change_w == 0.0 and NO_DISPATCH.load_w == 0.0
