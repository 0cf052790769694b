"""Businesses in an order: called by their contracts, told in their language, recorded for settlement."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from server import clock
from server.errors import Refused
from server.grid.controls import dercontrols, drevents
from server.grid.dispatch import orderchanges, ordercreation
from server.grid.dispatch.orderrequest import OrderRequest
from server.grid.dispatch.results import CreatedOrder
from server.grid.fleet import contracts
from server.grid.groups import virtualders
from server.models import BlockCall
from server.resources import store
from tests.conftest import NOON
from tests.peers import Peer

pytestmark = pytest.mark.usefixtures("server")
Create = Callable[..., Any]
HOUR, START = 3600, NOON + 1800
STORE = {"power_w": 25e3, "notice_s": 1800, "shortest_s": 900, "longest_s": 2 * HOUR, "events_day": 1,
         "price_kwh": 0.2}
ENGINE = {"power_w": 150e3, "least_power_w": 60e3, "price_kwh": 0.4, "ramp_w_per_s": 5000.0}


@pytest.fixture(autouse=True)
def park(cold_store: Create, generator: Create) -> None:
    cold_store(1, 30_000)
    generator(2)
    contracts.set_block("d1", "compressors", "load", STORE)
    contracts.set_block("d2", "engine", "generator", ENGINE)
    virtualders.create("park", "*")


def order(watts: float = 100e3, start: int = START, hours: float = 2, **options: Any) -> CreatedOrder:
    return ordercreation.create_order(OrderRequest(
        vder="park", quantity="watts", value=watts, start=start, duration_s=round(hours * HOUR), **options))


def calls() -> list[tuple[str, int, int, float]]:
    return [(call.block, call.start - NOON, call.until - NOON, call.called_w)
            for call in BlockCall.select().order_by(BlockCall.id)]


def test_businesses_are_called_by_price_and_told_what_to_do() -> None:
    created = order()
    assert calls() == [("compressors", 1800, 9000, 25e3), ("engine", 1800, 9000, 75e3)]
    shares = {share["name"]: share for share in created["shares"]}
    assert (shares["d1"]["baseline_w"], shares["d1"]["planned_w"]) == (-30e3, -5e3)
    assert (shares["d2"]["baseline_w"], shares["d2"]["planned_w"]) == (0.0, 75e3)
    assert created["unserved_w"] == 0.0 and created["warnings"] == []
    reduction, output = (store.get(shares[name]["control"] or "") for name in ("d1", "d2"))
    assert reduction is not None and output is not None
    assert reduction.submitted["TargetReduction"] == {"type": 2, "value": 25_000}
    assert reduction.submitted["interval"] == {"start": START, "duration": 2 * HOUR}
    assert output.submitted["DERControlBase"] == {"opModFixedW": 3750, "rampTms": 1500}  # 75 of 200 kW


def test_a_load_finds_its_event_by_its_links(peer: Callable[[int], Peer]) -> None:
    control = next(share["control"] or "" for share in order()["shares"] if share["name"] == "d1")
    client = peer(1)
    assignments = client.get("/edev/1/fsa?l=9").data["FunctionSetAssignments"]
    lists = [row["DemandResponseProgramListLink"]["href"] for row in assignments
             if "DemandResponseProgramListLink" in row]
    programs = [program["href"] for href in lists
                for program in client.get(f"{href}?l=9").data["DemandResponseProgram"]]
    assert control.rpartition("/edc")[0] in programs and client.get(control).status == 200


def test_a_dry_run_calls_nobody() -> None:
    assert order(dry_run=True)["unserved_w"] == 0.0
    assert calls() == []


def test_who_cannot_be_called_is_left_out_and_named() -> None:
    created = order(start=NOON + 60)
    assert [call[0] for call in calls()] == ["engine"]
    assert created["warnings"][0].startswith("d1, compressors is not called: notice_s: 1800 s are agreed")


def test_an_order_that_only_breaks_contracts_is_refused_with_the_clauses() -> None:
    contracts.remove_block("d2", "engine")
    contracts.set_block("d2", "engine", "generator", {"power_w": 1e5, "longest_s": HOUR})
    with pytest.raises(Refused, match="notice_s: 1800 s.*longest_s: an event lasts at most 3600 s, not 7200"):
        order(start=NOON + 60)
    assert calls() == []


def test_a_call_is_not_made_twice_on_one_day() -> None:
    order(25e3)
    contracts.set_block("d2", "engine", None, {"longest_s": 60})
    with pytest.raises(Refused, match="events_day: 1 are agreed, and used up"):
        order(25e3, NOON + 5 * HOUR, 1)
    assert len(calls()) == 1


def test_a_call_that_is_cancelled_before_it_starts_counts_for_nothing() -> None:
    number = order(25e3)["id"] or 0
    orderchanges.cancel(number)
    assert calls() == [("compressors", 1800, 1800, 25e3)]
    order(25e3)
    clock.turn_to(START + HOUR)
    orderchanges.cancel(number + 1)
    assert calls()[1] == ("compressors", 1800, 1800 + HOUR, 25e3)


def test_an_extension_goes_on_with_calls_as_far_as_the_contract_allows() -> None:
    number = order(25e3, hours=1)["id"] or 0
    with pytest.raises(Refused, match="d1, compressors: longest_s: an event lasts at most 7200 s, not 9000"):
        orderchanges.extend(number, 5400)
    orderchanges.extend(number, HOUR)
    assert calls() == [("compressors", 1800, 5400, 25e3), ("compressors", 5400, 9000, 25e3)]


def test_blocks_of_one_device_are_told_together_while_both_are_called() -> None:
    contracts.set_block("d1", "compressors", None, {"power_w": 10e3})
    contracts.set_block("d1", "fans", "load", {"power_w": 5e3, "price_kwh": 0.3})
    order(10e3, hours=2)
    created = order(5e3, START + HOUR, 2)
    events = [event.submitted for event in store.items(
        (created["shares"][0]["control"] or "").rpartition("/")[0])]
    assert sorted((event["interval"]["start"] - START, event["interval"]["duration"],
                   event["TargetReduction"]["value"]) for event in events) == [
        (0, 2 * HOUR, 10_000), (HOUR, HOUR, 15_000), (2 * HOUR, HOUR, 5000)]


@pytest.mark.parametrize("quantity, value", [("percent", 50.0), ("target", 40e3)])
def test_a_control_for_all_does_not_start_a_generator_under_contract(
    battery: Create, quantity: str, value: float
) -> None:
    battery(3)
    with pytest.raises(Refused, match="d2 would follow a control for all of park"):
        ordercreation.create_order(OrderRequest(
            vder="park", quantity=quantity, value=value, duration_s=HOUR))
    with pytest.raises(Refused, match="d2 would follow opModFixedW"):
        dercontrols.post("park", {"opModFixedW": 5000}, HOUR)


def test_batteries_come_before_businesses(battery: Create) -> None:
    battery(3)
    created = order(30e3, addressing="device", hours=0.5)
    assert {share["name"]: share["planned_w"] for share in created["shares"]} == pytest.approx(
        {"d3": 5000, "d1": -5e3})


def test_a_load_control_event_by_hand_is_a_call() -> None:
    with pytest.raises(Refused, match="d1, compressors: notice_s"):
        drevents.create("park", {"DutyCycle": {"normalValue": 0}}, HOUR)
    event = drevents.create("park", {"DutyCycle": {"normalValue": 0}}, HOUR, START)
    assert calls() == [("compressors", 1800, 5400, 25e3)]
    drevents.cancel(event["href"])
    assert calls() == [("compressors", 1800, 1800, 25e3)]


def test_what_a_load_reports_can_be_dispatched_without_a_contract(cold_store: Create) -> None:
    contracts.remove_block("d1", "compressors")
    contracts.remove_block("d2", "engine")
    cold_store(3, 20_000, 12_000)
    virtualders.create("other", "name = d3")
    created = ordercreation.create_order(OrderRequest(
        vder="other", quantity="watts", value=12e3, duration_s=HOUR))
    assert calls() == [("", 0, 3600, 12e3)] and created["unserved_w"] == 0
