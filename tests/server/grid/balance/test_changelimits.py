"""The automatic balance moves no more power than the limit of its area, and of those above it."""
from __future__ import annotations

from typing import Any

import pytest

from server import clock
from server.grid.balance import areasettings, planning, plans
from server.grid.groups import powerlimits, virtualders
from server.models import Balance, DispatchOrder, Share
from tests.conftest import NOON, on_sqlite
from tests.ordered import create_order
from tests.server.grid.balancedarea import STEP, T, at, controls, needs


def changed_w(start: int = T) -> float:
    """By how much the orders of a step change the injection of the area."""
    rows = Share.select(Share.planned_w, Share.baseline_w).join(DispatchOrder).where(
        (DispatchOrder.start <= start) & (DispatchOrder.requested_by == "automatic")
        & (DispatchOrder.start + DispatchOrder.duration_s > start)).tuples()
    return float(sum(planned_w - baseline_w for planned_w, baseline_w in rows))


@pytest.mark.parametrize("need_w", [40_000.0, -40_000.0])
def test_it_moves_as_much_as_it_may(neighbourhood: Any, need_w: float) -> None:
    needs(need_w)
    powerlimits.put("town", automatic_w=3000.0)
    assert at(T - 300) == 1
    assert abs(changed_w()) <= 3000.0 + 1 and abs(changed_w()) > 2000.0, Balance.get().last_error
    assert changed_w() * need_w > 0


def test_the_least_limit_above_holds_and_infinity_is_none(neighbourhood: Any) -> None:
    virtualders.create("country")
    virtualders.update("town", parent="country")
    powerlimits.put("country", 500.0, automatic_w=2000.0)
    powerlimits.put("town", automatic_w=4000.0)
    assert powerlimits.of_balance(virtualders.find("town")) == 2000.0
    needs(40_000.0)
    at(T - 300)
    assert changed_w() == pytest.approx(2000.0, abs=1)
    powerlimits.put("country", automatic_w=float("inf"))
    assert powerlimits.list_limits() == [
        {"vder": "country", "orders_w": 500.0, "automatic_w": None},
        {"vder": "town", "orders_w": None, "automatic_w": 4000.0}]
    areasettings.set_automatic("town", replan_steps=1)
    at(T - 300 + STEP)
    assert changed_w(T + STEP) == pytest.approx(4000.0, abs=1)


@on_sqlite
def test_an_order_of_an_operator_is_not_held_against_it(neighbourhood: Any) -> None:
    """Else it would undo the order."""
    needs(0.0)
    powerlimits.put("town", automatic_w=1000.0)
    create_order("batteries", 3600, NOON + 60, target=12_000.0)
    at(T - 300)
    assert abs(changed_w()) <= 1001.0


@on_sqlite
def test_a_plan_that_was_published_is_carried_out_whole(neighbourhood: Any) -> None:
    """Whoever published it might, or had it approved."""
    needs(40_000.0)
    areasettings.set_automatic("town", on=False)
    clock.turn_to(NOON)
    plan = planning.make_plan("town")
    plans.publish(plan["id"] or 0)
    powerlimits.put("town", automatic_w=1000.0)
    start = plan["start"]
    at(start - 300)
    assert controls("batteries", start)[0]["DERControlBase"]["opModFixedW"] == 10_000


@on_sqlite
def test_a_step_whose_limit_is_nothing_moves_nothing(neighbourhood: Any) -> None:
    needs(40_000.0)
    powerlimits.put("town", automatic_w=0.0)
    at(T - 300)
    assert abs(changed_w()) <= 1.0
