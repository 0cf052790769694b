"""A step that is over is evaluated: what was measured corrects the next, who did not respond is left out."""
from __future__ import annotations

import pytest

from server import clock
from server.grid.balance import areasettings
from server.grid.groups import virtualders
from server.grid.series import measurements, signals
from server.models import DispatchOrder, Participation, Plan, Share
from server.resources import store
from tests.conftest import NOON
from tests.server.grid.balancedarea import AT_ONCE, STEP, T, as_asked, at, believes_its_meter, needs, reads


def test_what_was_measured_puts_the_next_step_right(neighbourhood):
    needs(0.0)
    signals.put("town", "imbalance", [0.0] * 100, NOON, STEP)
    areasettings.set_automatic("town", replan_steps=1)
    believes_its_meter()
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
    believes_its_meter()
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
