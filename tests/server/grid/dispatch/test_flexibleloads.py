"""Orders of people that reach cars and thermal loads: told, kept, gone on with, let go."""
import pytest

from server import clock
from server.config import settings
from server.errors import Refused
from server.grid.dispatch import orderchanges, orders
from server.grid.groups import virtualders
from server.models import DispatchOrder, Participation, Share, ThermalState
from server.resources import store
from server.resources.codes import EventStatus
from server.resources.quantities import base_value
from tests.conftest import NOON
from tests.ordered import create_order
from tests.server.grid.fleet.test_fleetstate import HOUR, car, pump  # noqa: F401

QUARTER = 900


@pytest.fixture
def street(battery, car, pump):  # noqa: F811
    """A battery of 5 kW, a car of 7 kW and one that came with little time, two heat pumps of 2 kW that draw
    500 W."""
    homes = [
        battery(1, feeder="F1"),
        car(2, energy=21_000, feeder="F1"),
        car(3, energy=6000, depart=1.0, feeder="F1"),
        pump(4, feeder="F1"),
        pump(5, feeder="F1"),
    ]
    for home in homes[1:3]:
        home.rate(82, absorb=11_000, modes=0)
    for home in homes[3:]:
        home.rate(0, absorb=2000, modes=0)
    virtualders.create("all", "feeder = F1")
    virtualders.create("loads", "feeder = F1 and kind != battery")
    clock.turn_to(NOON + HOUR // 6)  # by now both cars charge
    return homes


def dispatch(vder="loads", start=0, duration=QUARTER, **quantity):
    return create_order(vder, duration, clock.now() + start, reason="test", **quantity)


def grants(home, since=0):
    """(start, seconds, W) of what a car is granted, what is superseded left out."""
    live = [
        document
        for document in store.items(f"/edev/{home.device.id}/frp")
        if document.status["currentStatus"] <= EventStatus.ACTIVE
    ]
    return sorted(
        (
            document.submitted["interval"]["start"],
            document.submitted["interval"]["duration"],
            base_value(document.submitted["powerAvailable"]),
        )
        for document in live
    )


def loads(vder="loads"):
    return store.items(f"/dr/{virtualders.find(vder).program.rpartition('/')[2]}/edc")


def shares(order):
    return {
        share["lfdi"]: share["planned_w"] - share["baseline_w"]
        for share in order["shares"]
        if share["control"]
    }


def test_a_car_waits_for_as_long_as_an_order_lasts_and_then_has_all_that_it_wants(street):
    start = clock.now() + 300
    order = dispatch(start=300, watts=7000)
    assert order["baseline_w"] == pytest.approx(-7000 - 7000 - 1000, abs=5)
    assert shares(order) == {street[1].lfdi: pytest.approx(7000, abs=1)}
    assert order["unserved_w"] == pytest.approx(0, abs=1)
    _, wait, later = grants(street[1])
    assert wait == (start, QUARTER, 0) and later[0] == start + QUARTER and later[2] == 7000
    assert later[1] * 7000 / 3600 == pytest.approx(21_000 - 7000 * 300 / 3600, rel=0.01), (
        "what flows until then is had"
    )
    assert [kind["href"] for kind in order["controls"]] == [Share.get().event_href] and not loads()
    share = next(iter(orders.list_shares(order["id"])))
    assert share["reason"].startswith("test; 7.7 h until it leaves, 20.4")


def test_who_must_charge_goes_on_and_heat_does_the_rest(street):
    order = dispatch(watts=8000)
    assert shares(order)[street[1].lfdi] == pytest.approx(7000, abs=1)
    assert street[2].lfdi not in shares(order), "it could not catch up"
    event, = loads()
    assert event.submitted["Offset"]["heatingOffset"] > 0 and not event.submitted["loadShiftForward"]
    assert (event.submitted["randomizeStart"], event.submitted["randomizeDuration"]) == (75, QUARTER)
    load_changes_w = [shares(order)[home.lfdi] for home in street[3:]]
    assert all(0 < change_w <= 500 for change_w in load_changes_w)
    assert sum(load_changes_w) == pytest.approx(1000, abs=150)
    assert order["unserved_w"] == pytest.approx(8000 - sum(shares(order).values()), abs=1)
    assert {kind["href"].split("/")[1] for kind in order["controls"]} == {"edev", "dr"}
    assert all(ThermalState.get(device=home.device).realised < 0 for home in street[3:])


def test_an_order_says_otherwise_how_far_loads_are_spread(street):
    create_order("loads", QUARTER, clock.now(), watts=8000, randomize=45)
    event, = loads()
    assert event.submitted["randomizeStart"] == event.submitted["randomizeDuration"] == 45


def test_more_can_be_drawn_too(street):
    order = dispatch(watts=-2000)
    event, = loads()
    assert event.submitted["loadShiftForward"]
    assert sum(shares(order).values()) == pytest.approx(-2000, abs=300)


def test_stores_come_first_and_the_rest_is_asked_of_others(street):
    order = dispatch("all", watts=9000)
    assert order["planned_w"] - order["baseline_w"] == pytest.approx(9000, abs=5) and not order["warnings"]
    done = shares(order)
    assert done[street[0].lfdi] == pytest.approx(5000, abs=1) and done[street[1].lfdi] == pytest.approx(
        4000, abs=2
    )
    few = create_order("all", QUARTER, watts=2000)
    assert set(shares(few)) == {street[0].lfdi}, "what stores can do is asked of nobody else"
    assert {share.reason for share in Share.select().where(Share.order == few["id"])} == {
        "+40 % of its rating, as every member"
    }


def test_a_target_is_of_the_whole_group(street):
    order = dispatch("all", target=-10_000)
    assert order["target_w"] == order["planned_w"] == pytest.approx(-10_000, abs=5)


def test_what_is_out_of_reach_is_said(street):
    order = dispatch(watts=20_000)
    assert (
        order["unserved_w"] == pytest.approx(20_000 - sum(shares(order).values()), abs=1)
        and order["unserved_w"] > 11_000
    )
    assert f"{order['unserved_w']:.0f} W of the order are out of reach" in order["warnings"][-1]


def test_a_dry_run_changes_nothing(street):
    before = grants(street[1]), len(loads())
    order = dispatch(watts=8000, dry_run=True)
    assert sorted(xml[1:].split()[0] for xml in order["xml"]) == [
        "EndDeviceControl", "FlowReservationResponse"]
    assert (
        (grants(street[1]), len(loads())) == before
        and not DispatchOrder.select().exists()
        and not ThermalState.select().exists()
    )


def test_an_order_that_is_cancelled_lets_cars_go_on(street):
    order = dispatch(watts=8000)
    clock.advance(60)
    assert orderchanges.cancel(order["id"])["status"] == "cancelled"
    soon = range(order["start"] + 1, clock.now() + 301)
    assert [watts for start, _, watts in grants(street[1]) if start in soon] == [7000]
    assert all(event.status["currentStatus"] > EventStatus.ACTIVE for event in loads())


def test_where_nobody_is_granted_anything_by_itself_a_car_goes_on_when_the_order_would_have_ended(street):
    order = dispatch(watts=7000)
    settings.reservation_policy = "off"
    clock.advance(60)
    orderchanges.cancel(order["id"])
    assert [(start, watts) for start, _, watts in grants(street[1]) if start > clock.now()] == [
        (order["start"] + QUARTER, 7000)
    ]


def test_an_order_that_is_extended_goes_on_for_all(street):
    order = dispatch(watts=8000)
    more = orderchanges.extend(order["id"], 600)
    end = order["start"] + QUARTER
    assert (
        (end, 600, 0) in grants(street[1])
        and grants(street[1])[-1][0] == end + 600
        and grants(street[1])[-1][2] == 7000
    )
    assert [event.submitted["interval"]["start"] for event in loads()] == [order["start"], end]
    assert {share.lfdi for share in Share.select().where(Share.order == more["id"])} == set(shares(order))


def test_who_has_opted_out_is_not_asked(street):
    Participation.create(device=street[1].device, opted_out_until=clock.now() + HOUR)
    assert set(shares(dispatch(watts=500))) == {street[3].lfdi, street[4].lfdi}


def test_nobody_there_to_ask_is_refused_as_ever(home):
    home(1, "inverter")
    virtualders.create("all", "*")
    with pytest.raises(Refused, match="no member that is online and not stopped takes"):
        create_order("all", QUARTER, watts=1000)


@pytest.mark.parametrize(
    "vder, addressing, by",
    [("cars", "broadcast", "edev"), ("all", "device", "edev"), ("all", "broadcast", "derp")],
)
def test_a_car_that_takes_a_set_point_is_told_one_only_where_all_are(street, vder, addressing, by):
    street[1].rate(82, absorb=11_000)
    virtualders.create("cars", "kind = evcharger")
    order = dispatch(vder, watts=10_000 if vder == "all" else 3000, addressing=addressing)
    lists = {share["lfdi"]: share["control"].split("/")[1] for share in order["shares"] if share["control"]}
    assert lists[street[1].lfdi] == by
