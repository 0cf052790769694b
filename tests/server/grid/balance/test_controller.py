"""An area kept in balance: what is decided, told, kept, and learnt."""
from __future__ import annotations

import threading

import numpy as np
import pytest

from server import audit, clock
from server.errors import Refused
from server.grid.balance import areasettings, controller, planning, plans, publish
from server.grid.fleet import fleetstate, participation, projection
from server.grid.groups import virtualders
from server.grid.optimisation.clusters import BATTERY
from server.grid.series import forecastvalues, measurements, signals
from server.grid.series.intervals import Span
from server.models import Balance, Device, DispatchOrder, Meter, Participation, Plan, Share, ThermalState, db
from server.resources import store
from server.resources.codes import EventStatus
from server.resources.quantities import base_value
from tests.conftest import NOON
from tests.ordered import create_order

STEP = 900
T = NOON + STEP
NEED = {
    "energyRequested": {"multiplier": 0, "value": 14_000},
    "powerRequested": {"multiplier": 0, "value": 7000},
    "RequestStatus": {"dateTime": NOON, "requestStatus": 0},
}


def asks(home, energy=14_000, hours=10, start=None):
    start = clock.now() if start is None else start
    data = {**NEED, "mRID": f"F{home.device.id:05X}", "creationTime": start,
            "energyRequested": {"multiplier": 0, "value": energy},
            "intervalRequested": {"start": start, "duration": hours * 3600}}
    reply = home.client.post(f"/edev/{home.device.id}/frq", "FlowReservationRequest", data)
    assert reply.status == 201
    return reply.location


def has(home, watts):
    """What a thermostat says of the heat pump that it switches."""
    assert (
        home.client.put(
            f"/edev/{home.device.id}/di",
            "DeviceInformation",
            {
                "functionsImplemented": f"{1 << 13:016X}",
                "lFDI": home.lfdi,
                "mfDate": 0,
                "mfHwVer": "1",
                "mfID": 0,
                "mfModel": "m",
                "mfSerNum": "1",
                "primaryPower": 1,
                "secondaryPower": 0,
                "swActTime": 0,
                "swVer": "1",
                "DRLCCapabilities": {
                    "averageEnergy": {"multiplier": 0, "value": 500},
                    "maxDemand": {"multiplier": 0, "value": watts},
                    "optionsImplemented": "0001",
                },
            },
        ).status
        == 204
    )


@pytest.fixture
def neighbourhood(home, battery):
    """Four batteries of 5 kW and 10 kWh, two chargers whose cars want 14 kWh in ten hours, two heat pumps of
    2 kW that draw 1 kW: by kind, below one area."""
    virtualders.create("town")
    for name, kind in (("batteries", "battery"), ("chargers", "evcharger"), ("warmth", "thermostat")):
        virtualders.create(name, rule=f"kind = {kind}", parent="town", purpose="kind")
    batteries = [battery(number) for number in (1, 2, 3, 4)]
    chargers = [home(number, "evcharger") for number in (5, 6)]
    thermostats = [home(number, "thermostat", category=1) for number in (7, 8)]
    for charger in chargers:
        charger.rate(82, 0, 7000)
    for thermostat in thermostats:
        has(thermostat, 2000)
        thermostat.post(-1000)
    for other in (*batteries, *chargers):
        other.post(0)
    areasettings.set_automatic("town", on=True)
    for charger in chargers:
        asks(charger)
    return [*batteries, *chargers, *thermostats]


AT_ONCE = 14_000  # what the cars draw if they charge when they come, which is in the signal


def needs(watts, start=NOON):
    """A day's signal: so much too much is drawn for an hour from `start` on, the cars' charging in it, so
    much too little for the next."""
    signals.put("town", "imbalance", [watts] * 4 + [-watts] * 4 + [0.0] * 100, start, STEP)


def controls(vder, start=T):
    """What the virtual DER's events say of a step."""
    return [control.submitted for control in store.items(f"{virtualders.find(vder).program}/derc")
            if control.submitted["interval"]["start"] == start]


def at(instant):
    """The worker's turn at this instant; everyone has been heard of just before."""
    clock.turn_to(instant)
    Device.update(last_contact_at=instant).execute()
    Meter.update(read_at=instant).execute()
    with audit.acting("test"):
        return controller.run_due()


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


def test_everyone_is_told_why(neighbourhood):
    needs(22_000.0)
    at(T - 300)
    shares = list(Share.select(Share, DispatchOrder).join(DispatchOrder).where(DispatchOrder.start == T))
    assert {share.lfdi for share in shares} == {home.lfdi for home in neighbourhood}
    assert all("imbalance +22000 W" in share.reason for share in shares)
    batteries_w = [share.planned_w for share in shares if share.order.quantity == "percent"]
    assert sum(batteries_w) == pytest.approx(sum(row.planned_w for row in DispatchOrder.select().where(
        (DispatchOrder.start == T) & (DispatchOrder.quantity == "percent"))))
    assert sum(batteries_w) > 5000


def test_whoever_comes_second_leaves_it(neighbourhood):
    needs(6000.0)
    clock.turn_to(T - 300)
    area = virtualders.find("town")
    assert controller.decide(area, T) == 1 and controller.decide(area, T) == 0
    assert len(controls("batteries")) == 1


def test_a_worker_that_is_killed_half_way_leaves_nothing(neighbourhood, monkeypatch):
    needs(6000.0)
    clock.turn_to(T - 300)

    def killed(*_):
        raise KeyboardInterrupt
    with monkeypatch.context() as patched:
        patched.setattr(publish, "_curtailment_commands", killed)
        with pytest.raises(KeyboardInterrupt):
            controller.run_due()
    assert not controls("batteries") and not DispatchOrder.select().exists() and not Plan.select().exists()
    assert at(T - 200) == 1 and len(controls("batteries")) == 1


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


def reads(homes, step, powers):
    """Everyone posts what it did in a step; power by home, W of injection."""
    for home, watts in zip(homes, powers, strict=True):
        home.post(watts, start=step, duration=STEP)


def as_asked(neighbourhood):
    """W of injection of each home in the step at T, pumps that nobody asked of anything as usual."""
    planned_w = {
        row.lfdi: row.planned_w for row in Share.select().join(DispatchOrder).where(DispatchOrder.start == T)
    }
    return [planned_w.get(home.lfdi, -1000.0 if home in neighbourhood[6:] else 0.0) for home in neighbourhood]


def test_what_was_measured_puts_the_next_step_right(neighbourhood):
    needs(0.0)
    signals.put("town", "imbalance", [0.0] * 100, NOON, STEP)
    areasettings.set_automatic("town", replan_steps=1)
    at(T - 300)
    clock.turn_to(T + STEP)
    reads(neighbourhood, T, as_asked(neighbourhood))
    signals.put("town", "measured", [3000.0], T, STEP)  # 3 kW more than anybody had said
    at(T + STEP + 600)
    assert Plan.get(Plan.start == T + 2 * STEP).body["before"][:3] == pytest.approx(
        [2750, 2634, 2522], abs=40
    )


def test_what_stores_failed_to_do_is_made_up_for_and_soon_forgotten(neighbourhood):
    signals.put("town", "imbalance", [4000.0] * 100, NOON, STEP)
    areasettings.set_automatic("town", replan_steps=1)
    at(T - 300)
    clock.turn_to(T + STEP)
    planned_w = as_asked(neighbourhood)
    failed = sum(planned_w[:4]) / 2
    reads(neighbourhood, T, [*(watts / 2 for watts in planned_w[:4]), *planned_w[4:]])
    signals.put("town", "measured", [float(measurements.read("town", "expected", T, 1)[0]) + failed], T, STEP)
    at(T + STEP + 600)
    before = Plan.get(Plan.start == T + 2 * STEP).body["before"]
    assert abs(failed) > 300 and [imbalance_w - 4000 for imbalance_w in before[:3]] == pytest.approx(
        [failed, failed / 2, failed / 4], abs=5
    )


def test_stores_that_nobody_reads_are_not_taken_to_have_failed(neighbourhood):
    signals.put("town", "imbalance", [4000.0] * 100, NOON, STEP)
    areasettings.set_automatic("town", replan_steps=1)
    at(T - 300)
    clock.turn_to(T + STEP)
    for home, watts in list(zip(neighbourhood, as_asked(neighbourhood), strict=True))[2:]:
        home.post(watts, start=T, duration=STEP)
    signals.put("town", "measured", [float(measurements.read("town", "expected", T, 1)[0])], T, STEP)
    at(T + STEP + 600)
    assert (
        abs(
            measurements.read("town", "planned_storage", T, 1)[0]
            - measurements.read("town", "storage", T, 1)[0]
        )
        > 300
    )
    assert Plan.get(Plan.start == T + 2 * STEP).body["before"][:3] == pytest.approx([4000] * 3, abs=5)


def test_a_step_that_is_over_is_reckoned_up(neighbourhood):
    needs(6000.0)
    at(T - 300)
    clock.turn_to(T + STEP)
    done = as_asked(neighbourhood)
    reads(neighbourhood, T, done)
    remaining_w = 6000 - (sum(done) + 2000 + AT_ONCE)  # beside pumps as usual and cars at once
    signals.put("town", "measured", [remaining_w], T, STEP)
    at(T + STEP + 600)
    before, after = (float(measurements.read("town", quantity, T, 1)[0]) for quantity in ("before", "after"))
    assert after == pytest.approx(remaining_w) and before == pytest.approx(6000, abs=300)
    assert 0.4 < measurements.read("town", "charge", T + STEP, 1)[0] <= 0.5


def test_who_does_not_respond_is_left_out_and_others_do_it(neighbourhood):
    needs(24_000.0)
    areasettings.set_automatic("town", replan_steps=1)
    at(T - 300)
    for step in (T, T + STEP):
        at(step + 600)
        share = {
            row.lfdi: row.planned_w
            for row in Share.select().join(DispatchOrder).where(DispatchOrder.start == step)
        }
        clock.turn_to(step + STEP)
        reads(neighbourhood, step, [0.0 if home is neighbourhood[0] else share.get(home.lfdi, -1000.0)
                                    for home in neighbourhood])
        signals.put("town", "measured", [0.0], step, STEP)
    at(T + 2 * STEP + 600)
    planned_w = {
        row.lfdi for row in Share.select().join(DispatchOrder).where(DispatchOrder.start == T + 3 * STEP)
    }
    assert neighbourhood[0].lfdi not in planned_w and neighbourhood[1].lfdi in planned_w


def test_a_plan_is_made_shown_approved_by_a_second_person_published_and_carried_out(neighbourhood):
    needs(22_000.0)
    areasettings.set_automatic("town", on=False, approval=True)
    with audit.acting("ann"):
        plan = planning.make_plan("town", horizon_steps=16)
        assert plan["state"] == "draft" and plan["rms_after_w"] < 0.6 * plan["rms_before_w"]
        assert len(plan["steps"]) == 16 and plan["steps"][0]["injection_w"]["batteries storage"] > 1000
        for act in (plans.approve, plans.publish):
            with pytest.raises(Refused):
                act(plan["id"])
    with audit.acting("bob"):
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


def test_each_battery_is_told_by_itself_where_that_is_wanted(neighbourhood):
    needs(6000.0)
    neighbourhood[0].charge(0.9)
    areasettings.set_automatic("town", addressing="device")
    at(T - 300)
    assert not controls("batteries")
    shares = {row.lfdi: row.planned_w for row in Share.select().join(DispatchOrder).where(
        (DispatchOrder.start == T) & (DispatchOrder.quantity == "watts"))}
    assert shares[neighbourhood[0].lfdi] > 1.5 * max(shares[home.lfdi] for home in neighbourhood[1:4])


def test_a_price_moves_charging_to_where_it_is_cheap(neighbourhood):
    signals.put("town", "price", [0.5] * 8 + [0.1] * 100, NOON, STEP)
    at(T - 300)
    assert controls("batteries")[0]["DERControlBase"]["opModFixedW"] >= 0
    plan = plans.restore(Plan.get())[0]
    cheap, dear = plan.power[:, 8:].sum(), plan.power[:, :6].sum()
    assert cheap > dear and np.isfinite(plan.power).all()


def test_a_load_that_was_held_back_is_expected_as_it_would_have_been(neighbourhood):
    needs(40_000.0)
    at(T - 300)
    share = {
        row.lfdi: row.planned_w
        for row in Share.select()
        .join(DispatchOrder)
        .where((DispatchOrder.start == T) & (DispatchOrder.quantity == "offset"))
    }
    clock.turn_to(T + STEP)
    for home in neighbourhood[6:]:
        home.post(share[home.lfdi], start=T, duration=STEP)
    at(T + STEP + 600)
    assert sum(share.values()) > -1500 and measurements.read("warmth", "thermal_uncontrolled", T, 1)[
        0
    ] == pytest.approx(-2000, abs=2)
    assert forecastvalues.forecast("warmth", "thermal", T + 2 * STEP, 2).values == pytest.approx(
        [-2000] * 2, abs=2
    )


def test_a_load_is_silent_that_does_not_answer_and_not_because_it_rests(neighbourhood):
    needs(40_000.0)
    at(T - 300)
    for step in (T, T + STEP):
        at(step + 600)
        (load,) = [
            event
            for event in store.items(f"/dr/{virtualders.find('warmth').program.rpartition('/')[2]}/edc")
            if event.submitted["interval"]["start"] == step
        ]
        neighbourhood[6].answer(load.submitted["mRID"], 1, kind="DrResponse")
        clock.turn_to(step + STEP)
        reads(neighbourhood, step, [0.0] * 6 + [-1000.0] * 2)
        signals.put("town", "measured", [0.0], step, STEP)
    at(T + 2 * STEP + 600)
    assert {
        row.device_id
        for row in Participation.select().where(Participation.non_responding_since.is_null(False))
    } & {neighbourhood[6].device.id, neighbourhood[7].device.id} == {neighbourhood[7].device.id}


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
    assert shown["id"] != Plan.get().id and [step["before_w"] for step in shown["steps"]] == pytest.approx(
        [9000.0] * 2 + [-9000.0] * 4 + [0.0] * 2
    )


def test_a_car_that_is_to_stop_goes_on_until_then(neighbourhood):
    needs(-16_000.0)
    for step in range(4):
        at(T - 300 + step * STEP)
    stop = T + 4 * STEP     # when there is a new plan
    needs(40_000.0, stop)
    at(stop - 300)
    for car in neighbourhood[4:6]:
        grants = [grant for grant in store.items(f"/edev/{car.device.id}/frp", ended=True)]
        before = [
            document
            for document in grants
            if document.submitted["interval"]["start"] < stop - 60
            and base_value(document.submitted["powerAvailable"])
        ]
        pause, later = [
            document
            for document in grants
            if document.submitted["interval"]["start"] >= stop - 60
            and document.status["currentStatus"] <= EventStatus.ACTIVE
        ]
        statuses = {document.status["currentStatus"] for document in before}
        assert before and EventStatus.CANCELLED not in statuses
        assert (
            base_value(pause.submitted["powerAvailable"]) == 0
            and abs(pause.submitted["interval"]["start"] - stop) <= 60
        )
        assert (
            base_value(later.submitted["powerAvailable"]) == 7000
            and later.submitted["interval"]["start"] == pause.until
        )


def test_how_far_each_load_is_ahead_is_known_of_each(neighbourhood):
    neighbourhood[7].post(0)     # its pump rests: there is nothing that it could do without
    needs(40_000.0)
    at(T - 300)
    rows = [ThermalState.get(device=home.device) for home in neighbourhood[6:]]
    realised = [row.realised for row in rows]
    assert realised[0] < -0.1 and abs(realised[1]) < 0.01
    assert {row.at for row in ThermalState.select()} == {T + STEP}
    projected = projection.project(
        fleetstate.read(virtualders.find("town"), T - 300), Span(T + STEP, 4, STEP, T - 300)
    )
    loads = projected.fleet.thermals
    assert projected.thermal.realised_wh / loads.band == pytest.approx(realised)
    assert realised[0] == pytest.approx(round(realised[0], 2))
    assert (
        loads.state / loads.band == pytest.approx([row.intended for row in rows])
        and 0 < abs(rows[0].intended - realised[0]) < 0.025
    )


def test_of_two_who_publish_at_once_one_does_it(neighbourhood):
    needs(6000.0)
    number, results = planning.make_plan("town")["id"], []

    def publish():
        try:
            results.append(plans.publish(number)["state"])
        except Refused as refused:
            results.append(refused.why)
        finally:
            db.close()
    threads = [threading.Thread(target=publish) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [f"plan {number} is published already"] * 3 + ["published"]
    assert Balance.get().plan_id == number and Plan.get_by_id(number).state == "published"
