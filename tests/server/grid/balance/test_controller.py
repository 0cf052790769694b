"""An area kept in balance: what is decided, told, kept, and learnt."""
from __future__ import annotations

from server.grid.balance import areasettings, planning
from server.grid.groups import virtualders
from server.grid.series import signals
from server.models import Balance, Plan
from server.resources import store
from server.resources.codes import EventStatus
from server.resources.quantities import base_value
from tests.conftest import NOON
from tests.server.grid.balancedarea import STEP, T, at, controls, needs


def test_each_step_is_told_once_and_one_poll_ahead(neighbourhood):
    needs(6000.0)
    # the step that runs is published late rather than never
    assert at(T - 301) == 1 and not controls("batteries", T)
    assert at(T - 300) == 1 and at(T - 299) == 0
    control, = controls("batteries")
    assert control["interval"] == {"start": T, "duration": STEP}
    assert at(T + 599) == 0 and at(T + 600) == 1 and controls("batteries", T + STEP)


def test_too_much_is_drawn_so_batteries_give_and_cars_wait_and_pumps_rest(neighbourhood):
    needs(40_000.0)
    at(T - 300)
    control, = controls("batteries")
    assert control["DERControlBase"]["opModFixedW"] == 10_000
    for car in neighbourhood[4:6]:
        grants = [
            grant
            for grant in store.items(f"/edev/{car.device.id}/frp")
            if grant.status["currentStatus"] <= EventStatus.ACTIVE
        ]
        assert all(grant.submitted["interval"]["start"] > T + 3600 for grant in grants) and len(grants) == 1
    load, = store.items(f"/dr/{virtualders.find('warmth').program.rpartition('/')[2]}/edc")
    assert not load.submitted["loadShiftForward"] and load.submitted["Offset"]["heatingOffset"] > 0


def test_too_little_is_drawn_so_batteries_take_and_cars_charge(neighbourhood):
    needs(-16_000.0)
    at(T - 300)
    control, = controls("batteries")
    assert control["DERControlBase"]["opModFixedW"] < -5000
    grants = [grant.submitted for car in neighbourhood[4:6]
              for grant in store.items(f"/edev/{car.device.id}/frp")
              if abs(grant.submitted["interval"]["start"] - T) < 300]
    assert grants and all(base_value(grant["powerAvailable"]) >= 1380 for grant in grants)


def test_a_new_planner_goes_on_with_the_plan_in_force(neighbourhood):
    needs(6000.0)
    areasettings.set_automatic("town", replan_steps=4)
    for step in range(4):
        at(T - 300 + step * STEP)
    assert Plan.select().count() == 1
    at(T - 300 + 4 * STEP)
    assert [plan.state for plan in Plan.select().order_by(Plan.id)] == ["superseded", "published"]
    assert Balance.get().plan_id == Plan.select().order_by(Plan.id.desc()).get().id


def test_a_solver_that_finds_nothing_in_its_time_leaves_the_last_plan_standing_and_says_so(neighbourhood,
                                                                                           monkeypatch):
    needs(6000.0)
    areasettings.set_automatic("town", replan_steps=1)
    at(T - 300)
    monkeypatch.setattr(planning, "SOLVER_LIMIT_S", 0.0)
    at(T + 600)
    assert controls("batteries", T + STEP) and Plan.select().count() == 1
    assert f"plan {Plan.get().id} stands" in areasettings.set_automatic("town", on=None)["last_error"]


def test_without_a_signal_nothing_is_told_and_it_is_said(neighbourhood):
    at(T - 300)
    assert not controls("batteries")
    assert "no signal" in areasettings.set_automatic("town", on=None)["last_error"]


def test_a_signal_that_is_withdrawn_is_like_none(neighbourhood):
    needs(6000.0)
    areasettings.set_automatic("town", replan_steps=1)
    at(T - 300)
    assert controls("batteries")
    signals.withdraw("town", "imbalance")
    at(T + 600)
    assert (
        not controls("batteries", T + STEP)
        and "no signal" in areasettings.set_automatic("town", on=None)["last_error"]
    )


def test_a_signal_that_stops_is_noticed(neighbourhood):
    signals.put("town", "imbalance", [6000.0] * 8, NOON, STEP, issue_interval_s=600)
    at(T + 600)
    assert "stopped arriving" in areasettings.set_automatic("town", on=None)["last_error"]
