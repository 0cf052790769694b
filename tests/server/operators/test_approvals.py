"""Four eyes: what orders more power than one person may waits for somebody else, and is done as it was
asked."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from server import actors, audit, clock
from server.config import settings
from server.devices import enrolment, lastcontact
from server.errors import Refused
from server.grid.balance import plans
from server.grid.groups import powerlimits, virtualders
from server.grid.optimisation.clusters import BATTERY
from server.models import DispatchOrder
from server.operations import approvals as operations_on
from server.operations.declaration import Operation
from server.operators import approvals, authorisation, users
from server.operators.principals import Principal
from server.operators.roles import Role
from tests import peers, prepared
from tests.conftest import NOON, on_sqlite
from tests.server.operators.test_matrix import ALL, INVERTER, PLAN

ORDER: dict[str, Any] = {"vder": "solar", "limit_percent": 50.0, "duration_s": 600}


def make_street(peer: Callable[[int], peers.Peer]) -> None:
    """Make a street whose solar virtual DER has an inverter of 5 kW, and three users."""
    enrolment.enrol(peers.lfdi(1), name="one")
    virtualders.create("street")
    virtualders.create("solar", parent="street", members=["one"])
    assert peer(1).put("/edev/1/der/1/dercap", "DERCapability", INVERTER).status == 204
    lastcontact.flush()
    for name, role in (("olivia", Role.OPERATOR), ("amir", Role.APPROVER), ("anna", Role.ADMINISTRATOR)):
        users.create(name, role)


@pytest.fixture(autouse=True)
def street(peer: Callable[[int], peers.Peer]) -> None:
    prepared.begin_with("approvals", lambda: make_street(peer))


@contextmanager
def signed_in(name: str) -> Iterator[Principal]:
    user = users.find(name)
    principal = Principal(name, Role(user.role), user.vder)
    with authorisation.acting(principal, "for a test"):
        yield principal


def do(name: str, operation: str, **values: Any) -> Any:
    with signed_in(name) as principal:
        declared: Operation = ALL[operation]
        authorisation.check(principal, declared, values)
        return declared.run(values)


def order(name: str = "olivia", **changes: Any) -> Any:
    return do(name, "dispatch order", **{**ORDER, **changes})


def test_without_a_limit_nothing_waits() -> None:
    assert order()["id"] == DispatchOrder.get().id


@pytest.mark.parametrize("place", ["solar", "street"])
def test_an_order_beyond_the_limit_waits_and_is_done_as_it_was_asked(place: str) -> None:
    do("anna", "approval limit", vder=place, orders_w=1000.0)
    waiting = order(reason="cloudless")
    number = waiting["waiting"]
    assert (waiting["limit_w"], DispatchOrder.select().count()) == (1000.0, 0)
    listed, = do("amir", "approval list")
    assert (listed["requested_by"], listed["state"], listed["power_w"]) == (
        "olivia", "waiting", waiting["power_w"])
    clock.turn_to(NOON + 60)
    done = do("amir", "approval approve", number=number)
    made = DispatchOrder.get()
    assert done["result"]["id"] == made.id and (made.requested_by, made.value, made.reason) == (
        "olivia", 50.0, "cloudless")
    assert made.start == NOON + 60
    assert [(entry["who"], entry["operation"]) for entry in audit.entries()][-3:] == [
        ("olivia", "approval ask"), ("amir", "approval decide"), ("olivia", "dispatch")]
    with pytest.raises(Refused, match=f"approval {number} is approved"):
        do("anna", "approval approve", number=number)


@on_sqlite
def test_an_order_within_the_limit_and_a_dry_run_do_not_wait() -> None:
    powerlimits.put("street", 1000.0)
    assert order(dry_run=True)["dry_run"] and not do("amir", "approval list", decided=True)
    powerlimits.put("street", 5000.0)
    assert order()["id"] == DispatchOrder.get().id


@on_sqlite
def test_nobody_approves_what_they_asked_for_by_whatever_way() -> None:
    powerlimits.put("street", 1000.0)
    order("amir")
    for who in ("amir", actors.local("amir")):
        with actors.acting(who), pytest.raises(Refused, match="somebody else approves"):
            operations_on.approve(1)
    with pytest.raises(Refused, match="approval approve needs the role approver"):
        do("olivia", "approval approve", number=1)


@on_sqlite
@pytest.mark.parametrize("start, valid_s", [(None, 900), (NOON + 3600, 3600)])
def test_what_is_stale_is_refused(start: int | None, valid_s: int) -> None:
    powerlimits.put("street", 1000.0)
    order(start=start)
    clock.turn_to(NOON + valid_s)
    with pytest.raises(Refused, match="approval 1 is expired: its time is over, ask again"):
        do("amir", "approval approve", number=1)
    assert DispatchOrder.select().count() == 0 and approvals.list_approvals() == []


@on_sqlite
@pytest.mark.parametrize("change, why", [
    (lambda: users.update("olivia", disabled=True), "olivia may sign in no more"),
    (lambda: users.update("olivia", Role.VIEWER), "needs the role operator"),
    (lambda: virtualders.update("solar", remove=["one"]), "no member"),
])
def test_what_cannot_be_done_any_more_fails_and_says_why(change: Callable[[], Any], why: str) -> None:
    powerlimits.put("street", 1000.0)
    order()
    change()
    with pytest.raises(Refused, match=f"it cannot be done any more: .*{why}"):
        do("amir", "approval approve", number=1)
    row, = approvals.list_approvals(decided=True)
    assert row["state"] == "failed" and why in row["remark"] and DispatchOrder.select().count() == 0


@on_sqlite
def test_what_is_rejected_is_not_done() -> None:
    powerlimits.put("street", 1000.0)
    order()
    assert do("olivia", "approval reject", number=1, reason="a mistake")["state"] == "rejected"
    with pytest.raises(Refused, match="approval 1 is rejected"):
        do("amir", "approval approve", number=1)


@on_sqlite
def test_a_virtual_der_that_got_another_name_is_the_same() -> None:
    powerlimits.put("street", 1000.0)
    order()
    virtualders.update("solar", name="sun")
    do("amir", "approval approve", number=1)
    assert DispatchOrder.get().vder.name == "sun"


@on_sqlite
@pytest.mark.parametrize("operation, values", [
    ("control post", {"vder": "solar", "modes": {"opModMaxLimW": "50%"}, "duration_s": 60}),
    ("dispatch extend", {"order": 1, "duration_s": 60}),
    ("dispatch order", {**ORDER, "limit_percent": None, "connect": False}),
    ("dr event create", {"vder": "solar", "duty": 50.0, "duration_s": 60, "categories": ["pool-pump"]}),
    ("vder default", {"vder": "solar", "modes": {"opModMaxLimW": "50%"}}),
])
def test_other_ways_to_the_same_power_wait_too(operation: str, values: dict[str, Any]) -> None:
    order(limit_percent=20.0)
    powerlimits.put("street", 900.0)
    assert do("olivia", operation, **values)["waiting"] == 1
    do("amir", "approval approve", number=1)


@on_sqlite
def test_the_setting_is_a_limit_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "approval_limit_w", 2000.0)
    assert powerlimits.of(virtualders.find("solar")) == 2000.0
    powerlimits.put("solar", 3000.0)
    assert powerlimits.of(virtualders.find("solar")) == 2000.0 and order()["waiting"] == 1


@on_sqlite
def test_a_plan_of_more_power_is_approved_by_somebody_else_first() -> None:
    body = {**PLAN, "kind": [BATTERY], "group": [0], "names": ["solar"],
            "power": [[0.0, -2500.0, 0.0, 0.0]]}
    with signed_in("olivia"):
        plan = plans.save(plans.balance_of(virtualders.find("street")).vder, NOON, 900, body,
                          requested_by="olivia")
    powerlimits.put("street", 2000.0)
    with pytest.raises(Refused, match="orders up to 2500 W; more than 2000 W needs a second person"):
        do("olivia", "plan publish", number=plan.id)
    do("amir", "plan approve", number=plan.id)
    assert do("olivia", "plan publish", number=plan.id)["state"] == "published"


@on_sqlite
def test_what_only_shows_a_default_does_not_wait() -> None:
    powerlimits.put("street", 900.0)
    do("olivia", "vder default", vder="solar")
    assert not do("amir", "approval list", decided=True)
    assert do("olivia", "vder default", vder="solar", clear=True)["waiting"] == 1


@on_sqlite
@pytest.mark.parametrize("charge_w, waits", [(-2500.0, True), (2500.0, True), (1500.0, False)])
def test_a_grant_waits_by_its_own_power_and_the_least_limit_of_where_the_device_is(
    charge_w: float, waits: bool
) -> None:
    virtualders.create("other", members=["one"])
    powerlimits.put("street", 2000.0)
    values = {"device": "one", "charge_w": charge_w, "duration_s": 600, "request": "/edev/1/frq/1"}
    if waits:
        waiting = do("olivia", "ev grant", **values)
        assert (waiting["vder"], waiting["power_w"], waiting["limit_w"]) == ("solar", 2500.0, 2000.0)
        return
    with pytest.raises(Refused, match="/edev/1/frq/1"):  # there is no such request
        do("olivia", "ev grant", **values)


@on_sqlite
def test_a_limit_is_said_of_orders_of_the_balance_or_of_both() -> None:
    with pytest.raises(Refused, match="specify `orders_w`, `automatic_w`, or both"):
        do("anna", "approval limit", vder="street")
    do("anna", "approval limit", vder="street", automatic_w=4000.0)
    assert not powerlimits.has_any()
    do("anna", "approval limit", vder="street", orders_w=2000.0)
    assert do("olivia", "approval limits") == [{"vder": "street", "orders_w": 2000.0, "automatic_w": 4000.0}]
    assert audit.entries()[-1]["after"] == {"orders_w": 2000.0}
