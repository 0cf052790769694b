"""Orders that begin and end, and responses, are noted by the worker: together, and once."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from server import clock, statechanges
from server.devices import enrolment, lastcontact
from server.grid.controls import dercontrols
from server.grid.dispatch import ordernotes
from server.grid.groups import virtualders
from server.models import DispatchOrder, StateChange, vder_audience
from tests import peers
from tests.conftest import NOON
from tests.ordered import create_order

INVERTER = {"modesSupported": "00100084", "rtgMaxW": {"multiplier": 0, "value": 5000}, "type": 4}


@pytest.fixture
def device(peer: Callable[[int], peers.Peer]) -> peers.Peer:
    """A member of the virtual DER street, for which the worker has looked once."""
    enrolment.enrol(peers.lfdi(1), name="one")
    virtualders.create("street", members=["one"])
    assert peer(1).put("/edev/1/der/1/dercap", "DERCapability", INVERTER).status == 204
    lastcontact.flush()
    ordernotes.note_due()
    return peer(1)


def noted() -> list[tuple[str, str, str, dict[str, Any]]]:
    """What is new of orders and responses."""
    ordernotes.note_due()
    statechanges.arrange()
    rows = statechanges.after(0, 100)
    StateChange.delete().execute()
    return [(row.kind, row.change, row.subject, row.data) for row in rows
            if row.kind in ("order", "responses")]


def respond(device: peers.Peer, mrid: str, status: int) -> None:
    answer = device.post("/rsps/1/rsp", "DERControlResponse", {
        "createdDateTime": clock.now(), "endDeviceLFDI": device.lfdi, "status": status, "subject": mrid})
    assert answer.status == 201, answer


def test_an_order_begins_and_ends_once(device: peers.Peer) -> None:
    order = DispatchOrder.create(vder=virtualders.find("street"), quantity="target", value=0.0,
                                 start=NOON + 60, addressing="broadcast", duration_s=600, created_at=NOON)
    assert [change for _, change, _, _ in noted()] == ["created"]
    for seconds, change in ((60, "begun"), (660, "over")):
        clock.turn_to(NOON + seconds - 1)
        assert noted() == []
        clock.turn_to(NOON + seconds + ordernotes.EVERY_S)
        assert noted() == [("order", change, str(order.id), {"vder": "street", "plan": None})]
        assert noted() == []


def test_a_cancelled_order_is_not_over_later(device: peers.Peer) -> None:
    DispatchOrder.create(vder=virtualders.find("street"), quantity="target", value=0.0, start=NOON - 60,
                         addressing="broadcast", duration_s=120, created_at=NOON, cancelled_at=NOON + 1)
    noted()
    clock.turn_to(NOON + 300)
    assert noted() == []


def test_responses_are_counted_by_order_and_by_event(device: peers.Peer) -> None:
    order = create_order("street", 600, limit=50.0)
    control = dercontrols.post("street", {"opModConnect": True}, 600, NOON + 3600)
    noted()
    mrid = DispatchOrder.get_by_id(order["id"]).share_set.get().mrid
    respond(device, mrid, 1)
    respond(device, mrid, 2)
    respond(device, control["mrid"], 1)
    clock.turn_to(NOON + 10)
    assert [row for row in noted() if row[0] == "responses"] == [
        ("responses", "received", str(order["id"]),
         {"to": "order", "responses": {"received": 1, "started": 1}}),
        ("responses", "received", control["href"], {"to": "event", "responses": {"received": 1}})]
    clock.turn_to(NOON + 20)
    assert noted() == []


def test_who_sees_them(device: peers.Peer) -> None:
    order = create_order("street", 600, limit=50.0)
    noted()
    respond(device, DispatchOrder.get_by_id(order["id"]).share_set.get().mrid, 1)
    clock.turn_to(NOON + 10)
    ordernotes.note_due()
    assert StateChange.get(StateChange.kind == "responses").audience == vder_audience(
        virtualders.find("street").id)
