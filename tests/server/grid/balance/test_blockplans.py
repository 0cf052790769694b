"""Businesses in the plan of an area: planned, called when their notice comes, within their contracts."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from server.grid.balance import areasettings, planning
from server.grid.fleet import contracts, fleetstate
from server.grid.groups import virtualders
from server.grid.optimisation.blockterms import Period
from server.grid.series import signals
from server.models import BlockCall, DispatchOrder, Plan, Share
from server.resources import store
from tests.conftest import NOON
from tests.server.grid.balancedarea import STEP, at

pytestmark = pytest.mark.usefixtures("server")
Create = Callable[..., Any]
HOUR, PEAK = 3600, NOON + 3 * 3600
STORE = {"power_w": 25e3, "notice_s": 1800, "shortest_s": 900, "longest_s": 2 * HOUR, "events_day": 1,
         "price_kwh": 0.2, "price_event": 3.0}


@pytest.fixture(autouse=True)
def town(cold_store: Create, generator: Create) -> None:
    """An area with a cold store and an engine, which lacks 25 kW for two hours from 15:00 on."""
    cold_store(1, 30_000)
    generator(2)
    contracts.set_block("d1", "compressors", "load", STORE)
    virtualders.create("town", "*")
    areasettings.set_automatic("town", on=True)
    needed_w = [0.0] * 12 + [25e3] * 8 + [0.0] * 96
    signals.put("town", "imbalance", needed_w, NOON, STEP)


def test_a_plan_says_who_is_called_when_at_what_cost_and_how_far_it_is_from_the_best() -> None:
    plan = planning.make_plan("town")
    assert [dict(call) for call in plan["calls"]] == [
        {"device": "d1", "block": "compressors", "start": PEAK, "end": PEAK + 2 * HOUR, "called_w": 25e3}]
    assert plan["rms_after_w"] == 0.0 and plan["rms_before_w"] > 0
    assert plan["cost"] == pytest.approx(50 * 0.2 + 3, abs=0.01)
    assert (plan["bound"] or 0) <= (plan["cost"] or 0) + 1e-3 and 0 <= (plan["gap"] or 0) < 0.2
    assert not BlockCall.select().exists(), "a plan alone calls nobody"


def test_a_call_is_made_when_its_notice_comes_and_then_stands() -> None:
    made_at = None
    for instant in range(NOON + 300, PEAK + HOUR, STEP):
        at(instant)
        if made_at is None and BlockCall.select().exists():
            made_at = instant
    assert made_at is not None and PEAK - 2 * STEP - 1800 <= made_at <= PEAK - 1800
    call = BlockCall.get()
    assert BlockCall.select().count() == 1
    assert (call.start, call.until, call.called_w) == (PEAK, PEAK + 2 * HOUR, 25e3)
    order = DispatchOrder.get(DispatchOrder.id == call.order_id)
    assert (order.quantity, order.plan_id is not None) == ("call", True)
    share = Share.get(Share.order == order)
    assert (share.baseline_w, share.planned_w) == (-30e3, -5e3)
    event = store.get(share.event_href)
    assert event is not None and event.submitted["TargetReduction"] == {"type": 2, "value": 25_000}
    newest = Plan.select().order_by(Plan.id.desc()).get()
    assert PEAK - 2 * HOUR < newest.start < PEAK + 2 * HOUR - STEP
    first = (PEAK + HOUR - newest.start) // STEP
    assert newest.body["net"][first] == 0.0, "a plan goes around what is called"


def test_what_a_plan_wants_against_a_contract_is_not_called() -> None:
    contracts.set_block("d1", "compressors", None, {"events_day": 0})
    assert planning.make_plan("town")["calls"] == []


def test_a_generator_without_a_contract_is_not_called_by_a_plan() -> None:
    contracts.set_block("d1", "compressors", None, {"power_w": 1.0})
    assert {call["device"] for call in planning.make_plan("town")["calls"]} <= {"d1"}


def test_calls_that_were_made_bound_what_can_be_planned() -> None:
    BlockCall.create(device=1, block="compressors", start=NOON - HOUR, until=NOON - 60, called_w=25e3,
                     called_at=NOON - 2 * HOUR, terms={"power_w": 25e3})
    assert planning.make_plan("town")["calls"] == []
    block = fleetstate.read(virtualders.find("town"), NOON).blocks[0]
    assert block.calls == (Period(NOON - HOUR, NOON - 60),)
