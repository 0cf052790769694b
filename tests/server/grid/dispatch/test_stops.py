"""A whole virtual DER is stopped, and resumed."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from server import clock, worker
from server.actors import acting
from server.errors import Refused
from server.grid.controls import dercontrols, reservations
from server.grid.dispatch import orderchanges, orders, orderwork, stopplanning, stops
from server.grid.fleet import eligibility, fleetstate, members, rotation
from server.grid.groups import virtualders
from server.grid.reports import evaluatedevents, orderprogress, performance
from server.models import AuditEntry, Device, DispatchOrder, Share, VirtualDER
from server.resources import parts, store
from server.resources.codes import EventStatus
from server.resources.quantities import base_value
from tests.ordered import create_order
from tests.server.grid.conftest import CONNECT, ENERGIZE, FIXED_W, MAX_LIM_W
from tests.server.grid.dispatch.test_orders import controls_of

Homes = dict[str, Any]
LIMIT, CEASE = {"opModMaxLimW": 0, "rampTms": 1000}, {"opModEnergize": False, "rampTms": 1000}
IDLE = {"opModFixedW": 0, "rampTms": 1000}


@pytest.fixture
def town(battery: Callable[..., Any], panels: Callable[..., Any], home: Callable[..., Any]) -> Homes:
    """A battery and an inverter that take limits, two inverters that can only cease (one of them below
    `old`), a battery that takes only a power, one with which nothing can be done, a charger."""
    homes = {
        "battery": battery(1, modes=MAX_LIM_W | FIXED_W | ENERGIZE, area="town"),
        "panels": panels(2, modes=CONNECT | MAX_LIM_W | ENERGIZE, area="town"),
        "old": panels(3, modes=ENERGIZE, area="town", age="old"),
        "ceasing": panels(4, modes=ENERGIZE | CONNECT, area="town"),
        "fixed": battery(5, modes=FIXED_W, area="town"),
        "stubborn": panels(6, modes=0, area="town"),
        "charger": home(7, "evcharger", area="town"),
        "silent": home(8, "inverter", area="town"),
    }
    homes["charger"].rate(82, 0, 7000, modes=ENERGIZE)
    virtualders.create("town", "area = town", primacy=80)
    virtualders.create("old", "age = old", parent="town")
    return homes


def strongest(home: Any) -> list[tuple[int, dict[str, Any]]]:
    """The live controls that a device finds in the strongest of its programs."""
    found = [(primacy, base) for primacy, base in controls_of(home)]
    return [(primacy, base) for primacy, base in found if primacy == found[0][0]]


def test_each_is_stopped_by_what_it_takes(town: Homes) -> None:
    result = stops.stop("town", reason="storm")
    assert (result["members"], result["stopped"], result["controls"]) == (8, 5, 4)
    for name in ("battery", "panels"):
        assert strongest(town[name]) == [(0, LIMIT)]
    assert [strongest(town[name])[0][0] for name in ("old", "ceasing", "fixed")] == [0, 0, 0]
    for name in ("old", "ceasing"):
        assert CEASE in [base for _, base in strongest(town[name])]
    assert IDLE in [base for _, base in strongest(town["fixed"])]
    assert strongest(town["charger"]) == [(0, LIMIT)], "which is no order to cease"
    assert {(row["kind"], row["modes"], row["addressing"], row["members"]) for row in result["kinds"]} == {
        ("storage", "max limit W", "broadcast", 1), ("pv", "max limit W", "broadcast", 1),
        ("pv", "energize", "broadcast", 1), ("pv", "energize", "device", 1),
        ("storage", "fixed W", "device", 1)}
    assert [(row["name"], row["reason"]) for row in result["not_stopped"]] == [
        ("d6", stopplanning.NO_MODE), ("d8", stopplanning.NOTHING_REPORTED)]


def test_a_dry_run_says_the_same_and_does_nothing(town: Homes) -> None:
    tried = stops.stop("town", dry_run=True)
    assert tried["id"] is None and "opModMaxLimW" in tried["xml"][0]
    assert not DispatchOrder.select().exists() and not VirtualDER.select().where(VirtualDER.stopped).exists()
    assert controls_of(town["panels"]) == []
    done = stops.stop("town")
    assert {key: done[key] for key in ("stopped", "controls", "kinds", "not_stopped")} == {
        key: tried[key] for key in ("stopped", "controls", "kinds", "not_stopped")}


def test_everyone_is_released_by_one_verb(town: Homes) -> None:
    with acting("ann"):
        order = stops.stop("town")
        clock.advance(60)
        resumed = stops.resume("town", reason="over")
    assert (resumed["orders"], resumed["resumed"], resumed["staggered_s"]) == ([order["id"]], 5, 0)
    assert orders.status_of(orders.find_order(order["id"] or 0)) == "cancelled" and not stops.list_stops()
    for home in town.values():
        programs = home.client.get("/derp?l=9").data["DERProgram"]
        assert 0 not in [program["primacy"] for program in programs]
        for program in programs:
            for control in home.client.get(program["DERControlListLink"]["href"]).data.get("DERControl", []):
                assert control["EventStatus"]["currentStatus"] == EventStatus.CANCELLED
    assert list(AuditEntry.select(AuditEntry.operation).tuples()) == [("stop",), ("resume",)]
    with pytest.raises(Refused, match="town is not stopped; nothing is"):
        stops.resume("town")


def test_a_staggered_end_is_randomized(town: Homes) -> None:
    order = stops.stop("town")
    stops.resume("town", staggered=True)
    control = store.get(next(share.event_href for share in Share.select().where(Share.order == order["id"])))
    assert control.status["currentStatus"] == EventStatus.CANCELLED_RANDOMIZED
    assert control.submitted["randomizeDuration"] == stops.RESUME_SPREAD_S


def test_a_dry_run_of_the_end_leaves_it_stopped(town: Homes) -> None:
    stops.stop("town")
    assert stops.resume("town", dry_run=True)["resumed"] == 5
    assert strongest(town["panels"]) == [(0, LIMIT)] and stops.list_stops()[0]["stopped"] == 5


def test_nothing_else_is_ordered_of_the_stopped(town: Homes) -> None:
    stops.stop("old")
    order = create_order("town", 900, limit=50)
    assert "1 of 8 members are stopped and left out" in order["warnings"]
    for action in (lambda: create_order("old", 900, energize=True),
                   lambda: dercontrols.post("old", {"opModEnergize": True}, 900)):
        with pytest.raises(Refused, match="old is stopped since .* `counterpoise resume old` ends that"):
            action()
    stops.resume("old")
    assert create_order("old", 900, energize=True)["planned_w"] == 3000


def test_below_a_stopped_one_nothing_is_ordered_either(town: Homes) -> None:
    stops.stop("town")
    with pytest.raises(Refused, match="town is stopped"):
        create_order("old", 900, energize=False)


def test_an_order_that_holds_is_overridden(town: Homes) -> None:
    create_order("town", 900, limit=50)
    result = stops.stop("town")
    assert result["warnings"] == ["1 controls of town are scheduled or active: what of them a stop overrides "
                                  "does not come back when it is resumed"]


def test_the_stopped_are_in_no_plan(town: Homes) -> None:
    area = virtualders.find("town")
    number = town["battery"].device.id
    assert number not in fleetstate.read(area, clock.now()).excluded
    stops.stop("town")
    state = fleetstate.read(area, clock.now())
    assert state.excluded[number] == eligibility.STOPPED and not len(state.storage.device)
    assert not len(state.pv.device)
    stops.resume("town")
    assert number not in fleetstate.read(area, clock.now()).excluded


def test_a_stop_does_not_count_as_an_event_of_the_season(town: Homes) -> None:
    stops.stop("town")
    assert {member.remaining_quota for member in rotation.ranked(members.read(
        list(Device.select())))} == {1.0}


def test_a_stop_is_no_order_to_be_cancelled_or_extended(town: Homes) -> None:
    number = stops.stop("town")["id"] or 0
    for change in (lambda: orderchanges.cancel(number), lambda: orderchanges.extend(number, 900)):
        with pytest.raises(Refused, match="is a stop: `counterpoise resume town` ends it"):
            change()
    with pytest.raises(Refused, match="is part of a stop"):
        virtualders.delete("old", force=True)


def test_those_who_come_later_are_stopped_by_another(town: Homes, panels: Callable[..., Any]) -> None:
    stops.stop("town")
    with pytest.raises(Refused, match="all members of town that can be are stopped already"):
        stops.stop("town")
    late = panels(9, modes=ENERGIZE, area="town")
    again = stops.stop("town")
    assert (again["stopped"], again["already_stopped"]) == (1, 5)
    assert (0, CEASE) in controls_of(late)
    assert stops.resume("town")["resumed"] == 6 and not stops.list_stops()


def test_what_was_stopped_first_is_resumed_last(town: Homes) -> None:
    stops.stop("old")
    whole = stops.stop("town")
    assert (whole["stopped"], whole["already_stopped"]) == (4, 1)
    with pytest.raises(Refused, match="`counterpoise resume town` comes first"):
        stops.resume("old")
    stops.resume("town")
    assert strongest(town["old"]) == [(0, CEASE)], "its own stop holds"
    stops.resume("old")
    assert all(primacy != 0 for primacy, _ in controls_of(town["old"]))


def test_who_is_suspended_or_offline_is_said(town: Homes) -> None:
    Device.update(state=Device.SUSPENDED).where(Device.id == town["battery"].device.id).execute()
    Device.update(last_contact_at=None).where(Device.id == town["panels"].device.id).execute()
    result = stops.stop("town", dry_run=True)
    reasons = {row["name"]: row["reason"] for row in result["not_stopped"]}
    assert reasons["d1"] == stopplanning.IS_SUSPENDED
    assert [row["offline"] for row in result["kinds"] if row["modes"] == "max limit W"] == [1]


def test_a_virtual_der_without_generation_is_not_stopped(home: Callable[..., Any]) -> None:
    home(1, "evcharger").rate(82, 0, 7000)
    virtualders.create("cars", "kind = evcharger")
    with pytest.raises(Refused, match="no member of cars can be stopped: 1 members, none known to generate"):
        stops.stop("cars")


class Killed(BaseException):
    """Ends a process in the middle."""


@pytest.mark.parametrize("ending", [False, True])
def test_whoever_stops_or_resumes_may_be_killed(
    town: Homes, monkeypatch: pytest.MonkeyPatch, ending: bool
) -> None:
    monkeypatch.setattr(orderwork, "TOGETHER", 1)
    monkeypatch.setattr(parts, "MOST", 1)

    def kill(done: int, total: int) -> None:
        raise Killed
    if ending:
        stops.stop("town")
    with pytest.raises(Killed):
        if ending:
            stops.resume("town", progress=kill)
        else:
            stops.stop("town", progress=kill)
    assert [share.event_href == "" for share in Share.select()].count(True) == (0 if ending else 1)
    worker.forget()
    worker.turn()
    assert not DispatchOrder.select().where(DispatchOrder.work.is_null(False)).exists()
    stopped = {name: 0 in [primacy for primacy, _ in controls_of(home)] for name, home in town.items()}
    assert set(stopped.values()) == ({False} if ending else {True})
    if not ending:
        assert IDLE in [base for _, base in strongest(town["fixed"])]


def test_an_order_of_before_that_is_published_late_does_not_override(
    town: Homes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orderwork, "TOGETHER", 1)
    monkeypatch.setattr(parts, "MOST", 1)

    def kill(done: int, total: int) -> None:
        raise Killed
    with pytest.raises(Killed):
        create_order("town", 900, watts=-6000, addressing="device", progress=kill)
    monkeypatch.undo()
    stops.stop("town")
    clock.advance(5)
    orderwork.finish_all()
    with_own = [control for control in dercontrols.list_controls() if control["vder"].startswith("device")
                and control["base"].keys() & {"opModFixedW"} and control["status"] == "active"]
    assert [control["base"] for control in with_own if control["base"] == IDLE] == [IDLE]


def test_what_came_of_a_stop_is_of_its_last_day_and_no_report_of_an_area(town: Homes) -> None:
    number = stops.stop("town")["id"] or 0
    clock.advance(3 * 86400)
    event = evaluatedevents.of_order(number)
    assert (event.start, event.end) == (clock.now() - 86400, clock.now())
    assert orderprogress.show(number)["status"] == "active"
    assert performance.area_performance("town", 0, clock.now() + 1) == []


# --- flow reservations by which members discharge -------------------------------------------------

def offers(home: Any, hours: int, energy: int = -4000, mrid: str = "0ACE000000000000000000000000000A") -> str:
    """A charger offers to discharge (or asks to charge) within so many hours from now; the request's href."""
    now = clock.now()
    reply = home.client.post(f"/edev/{home.device.id}/frq", "FlowReservationRequest", {
        "mRID": mrid, "creationTime": now, "energyRequested": {"multiplier": 0, "value": energy},
        "powerRequested": {"multiplier": 0, "value": 2000},
        "intervalRequested": {"start": now, "duration": hours * 3600},
        "RequestStatus": {"dateTime": now, "requestStatus": 0}})
    assert reply.status == 201
    return str(reply.location)


def granted(home: Any) -> list[tuple[int, int]]:
    """(start, W) of each live grant of a device."""
    return [(response.submitted["interval"]["start"], round(base_value(response.submitted["powerAvailable"])))
            for response in store.items(f"/edev/{home.device.id}/frp")
            if response.status["currentStatus"] <= EventStatus.ACTIVE]


def test_a_stop_ends_what_was_granted_to_discharge_and_nothing_else(town: Homes) -> None:
    charger = town["charger"]
    offer = offers(charger, 4)
    offers(charger, 9, 5000, "0ACE000000000000000000000000000B")
    assert sorted(power_w for _, power_w in granted(charger)) == [-2000, 2000]
    assert stops.stop("town", dry_run=True)["reservations"] == 1 and len(granted(charger)) == 2
    assert stops.stop("town")["reservations"] == 1
    assert [power_w for _, power_w in granted(charger)] == [2000]
    with pytest.raises(Refused, match="town is stopped since"):
        reservations.grant(offer, -1000, 600)
    offers(charger, 3, -1000, "0ACE000000000000000000000000000C")
    assert min(power_w for _, power_w in granted(charger)) == 0, "what is offered meanwhile waits"
    clock.advance(1800)
    assert stops.resume("town")["reservations"] == 1, "the last offer takes the place of the first"
    assert min(granted(charger), key=lambda grant: grant[1]) == (clock.now() + 300, -2000)


def test_what_has_expired_is_not_granted_when_it_is_resumed(town: Homes) -> None:
    offers(town["charger"], 1)
    stops.stop("town")
    clock.advance(2 * 3600)
    assert stops.resume("town")["reservations"] == 0 and granted(town["charger"]) == []


def test_one_that_can_only_discharge_by_reservation_is_stopped(home: Callable[..., Any]) -> None:
    car = home(1, "evcharger", area="cars")
    virtualders.create("cars", "area = cars")
    with pytest.raises(Refused, match="no member of cars can be stopped"):
        stops.stop("cars")
    offers(car, 2)
    assert (stops.stop("cars")["stopped"], granted(car)) == (0, [])
    assert stops.resume("cars")["reservations"] == 1 and [power_w for _, power_w in granted(car)] == [-2000]
