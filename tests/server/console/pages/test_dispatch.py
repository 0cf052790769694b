"""Dispatch: trial, order or approval, what comes of it, extension and end."""
from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from server import audit
from server.grid.groups import powerlimits
from server.models import DispatchOrder
from server.operators.roles import Role
from tests.conftest import on_sqlite
from tests.load.scale import population
from tests.server.console.conftest import Person, text

pytestmark = on_sqlite
WISH = {"vder": "area", "delta_w": "2kW", "duration_s": "1h", "reason": "a test"}


@pytest.fixture
def operator(person: Callable[..., Person]) -> Person:
    """An operator of an area with three devices that have reported."""
    population.build(3)
    return person(Role.OPERATOR)


def test_the_way_from_a_wish_to_its_end(operator: Person) -> None:
    trial = operator.send("/console/dispatch", **WISH).data.decode()
    said = text(trial)
    assert "Tried: nothing was changed" in said and "Expected energy 2 kWh" in said and "device 0" in said
    assert "DERControl" in said and "Order it" in said and not DispatchOrder.select().exists()
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', trial.split("<main")[1]))
    answer = operator.send("/console/dispatch", 303, **hidden)
    assert answer.headers["Location"] == "/console/dispatch/1"
    said = text(operator.see("/console/dispatch/1"))
    assert "It is active" in said and re.search(r"waiting \d", said) and "Because: a test" in said
    operator.do("dispatch extend", 303, order="1", duration_s="30m", back="/console/dispatch/1")
    operator.do("dispatch cancel", 303, order="1", back="/console/dispatch/1")
    assert "It is cancelled" in text(operator.see("/console/dispatch/1?done=dispatch%20cancel"))
    assert "Orders" in text(operator.see("/console/dispatch"))
    entry, *_ = audit.entries(operation="dispatch")
    assert (entry["who"], entry["reason"]) == ("operator", "a test")


def test_much_power_goes_to_somebody_else(operator: Person, person: Callable[..., Person]) -> None:
    powerlimits.put("area", 1000.0)
    assert "Send to approval" in text(operator.send("/console/dispatch", **WISH).data.decode())
    said = text(operator.send("/console/dispatch", **WISH, tried="true").data.decode())
    assert "It waits for an approval" in said and not DispatchOrder.select().exists()
    assert "Take back" in text(operator.see("/console/plans"))
    approver = person(Role.APPROVER)
    assert "Approve …" in text(approver.see("/console/plans"))
    approver.do("approval approve", 303, number="1", back="/console/plans")
    assert DispatchOrder.get().requested_by == "operator"


def test_what_cannot_be_is_said_at_its_field(operator: Person) -> None:
    page = text(operator.send("/console/dispatch", 400, **{**WISH, "delta_w": "2 kw"}).data.decode())
    assert "write 2kW" in page
    page = text(operator.send("/console/dispatch", 400, vder="area", duration_s="1h").data.decode())
    assert "“Watts”" in page or "Watts" in page
    page = text(operator.send("/console/dispatch", 404, **{**WISH, "vder": "nowhere"}).data.decode())
    assert "nowhere" in page


def test_an_order_that_there_is_not(operator: Person) -> None:
    assert "99" in text(operator.see("/console/dispatch/99", 404))


def test_many_shares_are_summed_up_after_the_page(
        operator: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    operator.send("/console/dispatch", 303, **WISH, tried="true")
    monkeypatch.setattr("server.console.pages.dispatch.MOST_AT_ONCE", 1)
    assert "/console/dispatch/1/progress" in operator.see("/console/dispatch/1")
    assert "It is active" in text(operator.see("/console/dispatch/1/progress"))


def test_who_only_looks_sees_orders_and_no_form(operator: Person, person: Callable[..., Person]) -> None:
    operator.send("/console/dispatch", 303, **WISH, tried="true")
    viewer = person(Role.VIEWER)
    assert "This needs the role operator" in text(viewer.see("/console/dispatch"))
    assert "Cancel the order" not in text(viewer.see("/console/dispatch/1"))
    assert "needs the role operator" in text(viewer.send("/console/dispatch", 403, **WISH).data.decode())
