"""Plans of an area: made, approved, published, with limits, prices and manual orders."""
from __future__ import annotations

import numpy as np
import pytest

from server import actors, audit, clock
from server.errors import Refused
from server.grid.balance import areasettings, planning, plans
from server.grid.fleet import participation
from server.grid.groups import virtualders
from server.grid.optimisation.clusters import BATTERY
from server.grid.series import measurements, signals
from server.models import Balance, DispatchOrder, Plan, Share
from tests.conftest import NOON
from tests.ordered import create_order
from tests.server.grid.balancedarea import AT_ONCE, STEP, T, at, controls, needs


def test_a_plan_is_made_shown_approved_by_a_second_person_published_and_carried_out(neighbourhood):
    needs(22_000.0)
    areasettings.set_automatic("town", on=False, approval=True)
    with actors.acting("ann"):
        plan = planning.make_plan("town", horizon_steps=16)
        assert plan["state"] == "draft" and plan["rms_after_w"] < 0.6 * plan["rms_before_w"]
        assert len(plan["steps"]) == 16 and plan["steps"][0]["injection_w"]["batteries storage"] > 1000
        for act in (plans.approve, plans.publish):
            with pytest.raises(Refused):
                act(plan["id"])
    with actors.acting("bob"):
        assert plans.approve(plan["id"])["approved_by"] == "bob"
        plans.publish(plan["id"])
    at(plan["start"] - 300)
    assert controls("batteries", plan["start"])
    assert [row["operation"] for row in audit.entries() if row["operation"].startswith("plan")] == [
        "plan run", "plan approve", "plan publish"]


def test_a_dry_run_leaves_nothing(neighbourhood):
    needs(6000.0)
    assert planning.make_plan("town", dry_run=True)["id"] is None and not Plan.select().exists()


def test_of_two_plans_published_the_newer_is_in_force(neighbourhood):
    needs(6000.0)
    first = planning.make_plan("town")["id"]
    clock.advance(1)
    needs(3000.0)
    second = planning.make_plan("town")["id"]
    assert plans.diff(first, second)[0]["net_w"] == pytest.approx(-3000, abs=100)
    plans.publish(second)
    with pytest.raises(Refused, match="was made after"):
        plans.publish(first)
    with pytest.raises(Refused, match="already"):
        plans.publish(second)
    at(T + 600)
    assert len(controls("batteries", T + STEP)) == 1 and Balance.get().plan_id == second


def test_what_cannot_be_met_is_said_by_how_much_and_who_is_left_out(neighbourhood):
    needs(60_000.0)
    participation.opt_out(neighbourhood[0].lfdi, NOON + 9000)
    warnings = planning.make_plan("town")["warnings"]
    assert (
        any("remain" in warning for warning in warnings) and "1 members are left out: 1 opted out" in warnings
    )
    virtualders.create("moor")
    signals.put("moor", "imbalance", [1.0] * 100, NOON, STEP)
    assert "moor has no member that could be dispatched now" in planning.make_plan("moor")["warnings"]


def test_a_limit_over_a_virtual_der_is_kept(neighbourhood):
    needs(-30_000.0)
    virtualders.update("batteries", import_limit_w=4000.0)
    at(T - 300)
    assert controls("batteries")[0]["DERControlBase"]["opModFixedW"] == pytest.approx(-2000, abs=10)


def test_a_price_moves_charging_to_where_it_is_cheap(neighbourhood):
    signals.put("town", "price", [0.5] * 8 + [0.1] * 100, NOON, STEP)
    at(T - 300)
    assert controls("batteries")[0]["DERControlBase"]["opModFixedW"] >= 0
    plan = plans.restore(Plan.get())[0]
    cheap, dear = plan.power[:, 8:].sum(), plan.power[:, :6].sum()
    assert cheap > dear and np.isfinite(plan.power).all()


def test_what_people_have_ordered_stands(neighbourhood):
    needs(22_000.0)
    create_order("batteries", STEP, T, percent=10.0)
    at(T - 300)
    control, = controls("batteries")
    assert control["DERControlBase"] == {"opModFixedW": 1000}
    planned_w = {
        row.lfdi
        for row in Share.select()
        .join(DispatchOrder)
        .where((DispatchOrder.start == T) & DispatchOrder.plan_id.is_null(False))
    }
    assert not planned_w & {home.lfdi for home in neighbourhood[:4]} and neighbourhood[4].lfdi in planned_w
    at(T + 600)
    assert controls("batteries", T + STEP)[0]["DERControlBase"]["opModFixedW"] != 1000


def test_who_is_under_an_order_has_a_part_in_the_plan_for_later(neighbourhood):
    needs(22_000.0)
    virtualders.create("one", rule="name = d5")
    create_order("batteries", STEP, T, percent=10.0)
    create_order("one", STEP, T, watts=-2000)
    at(T - 300)
    schedule, labels = plans.restore(Plan.get())
    assert schedule.power[labels.kind == BATTERY, 1].sum() < -5000, "when the order is over"
    assert measurements.read("town", "planned_storage", T, 1)[0] == pytest.approx(2000)
    cars = {
        row.lfdi: row
        for row in Share.select()
        .join(DispatchOrder)
        .where((DispatchOrder.start == T) & (DispatchOrder.quantity == "reservation"))
    }
    assert cars.keys() == {neighbourhood[5].lfdi} and cars[neighbourhood[5].lfdi].baseline_w == pytest.approx(
        -7000)
    assert measurements.read("town", "planned_ev", T, 1)[0] == pytest.approx(
        -2000 + cars[neighbourhood[5].lfdi].planned_w, abs=2
    )
    moved = sum(
        measurements.read("town", f"planned_{quantity}", T, 1)[0] for quantity in ("storage", "ev", "thermal")
    )
    assert measurements.read("town", "expected", T, 1)[0] == pytest.approx(22_000 - AT_ONCE - moved, abs=5)


def test_a_plan_is_made_anew_whatever_is_in_force(neighbourhood):
    needs(6000.0)
    at(T - 300)
    needs(9000.0)
    shown = planning.make_plan("town", horizon_steps=8)
    before_w = [step["before_w"] for step in shown["steps"]]
    assert shown["id"] != Balance.get().plan_id
    assert before_w == pytest.approx([9000.0] * 2 + [-9000.0] * 4 + [0.0] * 2)


def test_of_two_areas_that_share_a_battery_one_commands_it(neighbourhood):
    needs(22_000.0)
    virtualders.create("street", members=["d1"])
    signals.put("street", "imbalance", [4000.0] * 100, NOON, STEP)
    Balance.create(vder=virtualders.find("street"), automatic=True)  # as it was before that was refused
    at(T - 300)
    orders_of = [row.order.vder.name for row in Share.select().join(DispatchOrder).where(
        (Share.lfdi == neighbourhood[0].lfdi) & (DispatchOrder.start == T))]
    assert orders_of == ["batteries"]
    assert "1 members are commanded by the area town and left out" in areasettings.set_automatic(
        "street", None)["last_error"]
