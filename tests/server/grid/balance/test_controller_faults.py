"""An area kept in balance while something is wrong with a member: opted out, known late, rated wrongly, gone
elsewhere."""
from __future__ import annotations

import pytest

from server import alarms, clock
from server.devices import enrolment
from server.grid.balance import areasettings, evaluation, planning
from server.grid.groups import virtualders
from server.grid.series import signals
from server.models import Balance, DispatchOrder, Participation, Share
from tests.conftest import NOON
from tests.server.grid.balancedarea import STEP, T, at, controls


@pytest.fixture
def batteries(battery):
    """Four batteries of 5 kW and 10 kWh, half full, kept in balance."""
    homes = [battery(number) for number in range(1, 5)]
    virtualders.create("town")
    virtualders.create("batteries", rule="kind = battery", parent="town", purpose="kind")
    areasettings.set_automatic("town", replan_steps=1)
    return homes


def needs(watts):
    """So much too much is drawn for two hours, so much too little for the next two."""
    signals.put("town", "imbalance", [watts] * 8 + [-watts] * 8 + [0.0] * 88, NOON, STEP)


def shares(start):
    return {
        row.lfdi: row.planned_w
        for row in Share.select().join(DispatchOrder).where(DispatchOrder.start == start)
    }


def test_who_opts_out_is_out_until_the_event_is_over_and_it_is_held_against_nobody(batteries):
    needs(4000.0)
    at(T - 300)
    control, = controls("batteries")
    clock.turn_to(T + 100)
    batteries[0].answer(control["mRID"], 4)
    for home in batteries:
        home.post(0 if home is batteries[0] else 1000, start=T, duration=60)
    assert Participation.get(Participation.device == batteries[0].device).opted_out_until == T + STEP
    at(T + 600)
    assert batteries[0].lfdi not in shares(T + STEP) and batteries[1].lfdi in shares(T + STEP)
    assert Participation.get(Participation.device == batteries[0].device).response_rate == 1
    at(T + STEP + 600)
    assert batteries[0].lfdi in shares(T + 2 * STEP)


def test_a_charge_that_is_half_an_hour_old_breaks_no_reserve(batteries):
    needs(20_000.0)
    batteries[0].charge(0.2)  # 1000 Wh above its reserve
    at(T - 300)
    clock.turn_to(T + STEP)
    for home in batteries[1:]:
        home.charge(0.5)  # the first has no values more
    for home in batteries:
        home.post(shares(T)[home.lfdi], start=T, duration=STEP)
    at(T + 600)
    at(T + STEP + 600)
    injection_w = sum(shares(start).get(batteries[0].lfdi, 0.0) for start in (T, T + STEP, T + 2 * STEP)) / 4
    assert 0 < injection_w <= 1000 * 0.95 + 1


def test_a_rating_that_is_twice_the_truth_is_made_up_for(batteries):
    needs(4000.0)
    at(T - 300)
    for step in (T, T + STEP, T + 2 * STEP, T + 3 * STEP, T + 4 * STEP):
        at(step + 600)
        clock.turn_to(step + STEP)
        planned_w = shares(step)
        done = {home: planned_w[home.lfdi] / (2 if home in batteries[:2] else 1) for home in batteries}
        for home, watts in done.items():
            home.post(watts, start=step, duration=STEP)
        signals.put("town", "measured", [4000.0 - sum(done.values())], step, STEP)
        if step == T:
            first = 4000.0 - sum(done.values())
    assert first == pytest.approx(1000, abs=20) and abs(4000.0 - sum(done.values())) < 0.5 * first
    assert Participation.get(Participation.device == batteries[0].device).response_rate < 0.9


def test_who_leaves_its_group_in_an_event_is_asked_for_nothing_more(batteries):
    needs(4000.0)
    at(T - 300)
    clock.turn_to(T + 100)
    program = virtualders.find("batteries").program
    assert batteries[0].client.get(f"{program}/derc?l=9").status == 200
    enrolment.relabel(batteries[0].device, {}, kind="storage")
    assert batteries[0].client.get(f"{program}/derc?l=9").status in (403, 404)
    assert batteries[1].client.get(f"{program}/derc?l=9").status == 200
    at(T + 600)
    planned_w = shares(T + STEP)
    assert batteries[0].lfdi not in planned_w and sum(planned_w.values()) == pytest.approx(4000, abs=60)


def test_an_unexpected_error_of_one_area_leaves_the_others_alone(batteries, battery, monkeypatch):
    """Whatever a member has reported: it is logged, said, and recorded, and the other area is decided."""
    enrolment.relabel(battery(90, feeder="other").device, {}, kind="storage")  # so it is not in town
    virtualders.create("other", "feeder = other")
    needs(6000.0)
    signals.put("other", "imbalance", [1000.0] * 100, NOON, STEP)
    areasettings.set_automatic("other", approval=False)
    forecast_area = planning.forecast_area

    def fail(area, *arguments):
        if area.name == "town":
            raise ValueError("year 58874 is out of range")
        return forecast_area(area, *arguments)

    monkeypatch.setattr(planning, "forecast_area", fail)
    assert at(T - 300) == 1
    errors = {balance.vder.name: balance.last_error for balance in Balance.select()}
    assert "failed unexpectedly" in errors["town"] and "failed" not in errors["other"]
    alarm, = alarms.rows()
    assert (alarm["kind"], alarm["source"]) == ("work", "area town")
    assert at(T - 299) == 0, "the step is given up, not tried each second"
    monkeypatch.undo()
    assert at(T + 600) == 2


def test_an_evaluation_that_fails_does_not_stop_the_next_step(batteries, monkeypatch):
    needs(6000.0)

    def fail(*arguments):
        raise ValueError("year 58874 is out of range")

    monkeypatch.setattr(evaluation, "evaluate_due", fail)
    assert at(T - 300) == 1 and controls("batteries", T)
    alarm, = alarms.rows()
    assert alarm["source"] == "area town" and "evaluation" in alarm["detail"]
