import pytest

from server import clock
from server.errors import Refused
from server.grid.controls import dercontrols, responses
from server.grid.dispatch import orderchanges, orders
from server.grid.groups import virtualders
from server.grid.reports import orderprogress
from server.grid.series.intervals import iso
from server.models import DispatchOrder, Share, VirtualDER
from server.resources import codec
from tests.ordered import create_order


@pytest.fixture
def street(battery):
    """Three idle batteries of 5 kW in `street`."""
    homes = [battery(number) for number in (1, 2, 3)]
    virtualders.create("street", "kind = battery", primacy=80)
    return homes


def controls_of(home):
    """What a device finds among its programs: primacy and DERControlBase of each control, strongest program
    first."""
    controls = []
    for assignment in home.client.get(f"/edev/{home.device.id}/fsa?l=9").data["FunctionSetAssignments"]:
        for program in home.client.get(assignment["DERProgramListLink"]["href"] + "?l=9").data["DERProgram"]:
            listed = home.client.get(program["DERControlListLink"]["href"] + "?l=9").data
            controls += [
                (program["primacy"], control["DERControlBase"]) for control in listed.get("DERControl", [])
            ]
    return sorted(controls, key=lambda control: control[0])


def test_one_percent_for_all(street):
    order = create_order(
        "street", 900, clock.now() + 300, watts=3000, ramp=10, randomize=60, reason="evening peak"
    )
    assert (order["planned_w"], order["target_w"]) == (3000, 3000)
    assert (order["baseline_w"], order["unserved_w"]) == (0, 0)
    (control,) = order["controls"]
    assert control["base"] == {"opModFixedW": 2000, "rampTms": 1000}
    assert [controls_of(home) for home in street] == [[(80, control["base"])]] * 3
    document = street[0].client.get(control["href"]).data
    assert (document["randomizeStart"], document["randomizeDuration"], document["description"]) == (
        60,
        60,
        "evening peak",
    )
    assert [share["planned_w"] for share in order["shares"]] == [1000, 1000, 1000] and order[
        "status"
    ] == "scheduled"


def test_to_each_its_own(street):
    street[0].post(4000)
    order = create_order("street", 900, target=7000, addressing="device")
    assert [controls_of(home) for home in street] == [[(79, {"opModFixedW": round(share["planned_w"] * 2)})]
                                                for home, share in zip(street, order["shares"], strict=True)]
    assert [round(share["planned_w"]) for share in order["shares"]] == [4273, 1364, 1364]
    assert order["planned_w"] == pytest.approx(7000, abs=0.25) and order["warnings"] == []
    second = create_order("street", 900, watts=0, addressing="device")
    assert VirtualDER.select().count() == 4, "the virtual DERs of one device are made once"
    assert len({control["href"] for control in order["controls"] + second["controls"]}) == 6


def test_the_fullest_gives_most_where_charge_is_to_be_equal(street):
    street[0].charge(0.9)
    order = create_order("street", 3600, target=6000, addressing="device", policy="charge")
    assert [share["planned_w"] for share in order["shares"]] == pytest.approx([4666.7, 666.7, 666.7], abs=0.5)


def test_what_has_to_be_held_for_long_is_less(street):
    order = create_order("street", 4 * 3600, target=15_000)
    assert (order["planned_w"], order["unserved_w"]) == (3750, 11_250)
    assert order["warnings"] == [
        "11250 W of the order are out of reach: the limits of members leave 3750 W"
    ]


def test_progress_is_told(street):
    reports = []
    create_order(
        "street",
        900,
        watts=300,
        addressing="device",
        progress=lambda done, total: reports.append((done, total)),
    )
    assert reports == [(3, 3)]


@pytest.mark.parametrize("addressing", ["broadcast", "device"])
def test_a_dry_run_shows_all_and_leaves_nothing(street, addressing):
    order = create_order("street", 900, watts=3000, addressing=addressing, dry_run=True)
    assert order["dry_run"] and order["planned_w"] == 3000 and len(order["shares"]) == 3
    assert len(order["xml"]) == (1 if addressing == "broadcast" else 3)
    assert {codec.decode(xml.encode())[1]["DERControlBase"]["opModFixedW"] for xml in order["xml"]} == {2000}
    assert DispatchOrder.select().count() == Share.select().count() == 0 and VirtualDER.select().count() == 1
    assert [controls_of(home) for home in street] == [[], [], []]


@pytest.mark.parametrize("quantity", [{}, {"watts": 1, "percent": 1}])
def test_an_order_wishes_for_one_thing(street, quantity):
    with pytest.raises(Refused, match="specify exactly one of"):
        create_order("street", 900, **quantity)


@pytest.mark.parametrize("quantity, base", [
    ({"percent": -50}, {"opModFixedW": -5000}), ({"limit": 30}, {"opModMaxLimW": 3000}),
    ({"limit_watts": 7500}, {"opModMaxLimW": 5000}), ({"connect": False}, {"opModConnect": False}),
    ({"energize": True}, {"opModEnergize": True}), ({"target": -1500}, {"opModFixedW": -1000}),
])
def test_every_kind_of_wish(street, quantity, base):
    assert create_order("street", 900, **quantity)["controls"][0]["base"] == base


def test_who_received_started_completed_opted_out_or_kept_silent(street, battery):
    battery(4)
    order = create_order("street", 900, clock.now() + 300, watts=4000)
    mrid = order["controls"][0]["mrid"]
    assert orderprogress.show(order["id"])["answers"] == {"waiting": 4}
    for home in street:
        home.answer(mrid, 1)
    clock.advance(300)
    street[0].answer(mrid, 2)
    street[1].answer(mrid, 4)
    shown = orderprogress.show(order["id"])
    assert shown["status"] == "active"
    assert shown["answers"] == {"started": 1, "opted out": 1, "received": 1, "waiting": 1}
    clock.advance(601)
    street[1].answer(mrid, 5)
    assert orderprogress.show(order["id"])["answers"] == {"started": 2, "received": 1, "no answer": 1}
    clock.advance(300)
    street[0].answer(mrid, 3)
    shown = orderprogress.show(order["id"])
    assert shown["status"] == "over" and shown["answers"]["completed"] == 1
    assert [device["answer"] for device in shown["devices"]] == [
        dict(zip([home.lfdi for home in street], ["completed", "started", "received"], strict=True)).get(
            device["lfdi"], "no answer") for device in shown["devices"]]
    assert [row["answer"] for row in responses.list_responses(mrid)][:2] == ["completed", "opted in"]
    assert len(responses.list_responses(order["controls"][0]["href"], lfdi=street[0].lfdi)) == 3


def test_power_delivered_against_the_wish(street):
    order = create_order("street", 900, clock.now() + 300, watts=3000)
    assert orderprogress.show(order["id"])["delivered_w"] is None
    clock.advance(300)
    start = clock.now()
    clock.advance(600)
    street[0].post(1000, start=start, duration=600)
    street[1].post(400, start=start, duration=300)
    street[1].post(600, start=start + 300, duration=300)
    shown = orderprogress.show(order["id"])
    assert (shown["devices_read"], shown["delivered_w"], shown["expected_w"]) == (2, 1500, 2000)
    assert shown["performance"] == pytest.approx(0.75)
    assert [
        device["delivered_w"] for device in sorted(shown["devices"], key=lambda device: device["name"])
    ] == [1000, 500, None]


@pytest.mark.parametrize("addressing", ["broadcast", "device"])
def test_cancelled_as_a_whole(street, addressing):
    order = create_order("street", 900, watts=3000, addressing=addressing)
    assert orderchanges.cancel(order["id"], reason="enough")["status"] == "cancelled"
    for control in order["controls"]:
        assert dercontrols.show(control["href"])["status"] == "cancelled"
    with pytest.raises(Refused, match="nothing of it is left"):
        orderchanges.cancel(order["id"])


def test_cancelled_from_a_later_instant_on(street):
    order = create_order("street", 900, watts=3000)
    assert orderchanges.cancel(order["id"], at=clock.now() + 60)["status"] == "active"
    clock.advance(60)
    assert orderprogress.show(order["id"])["status"] == "cancelled"


def test_a_newer_order_takes_over(street):
    first = create_order("street", 900, watts=3000)
    clock.advance(1)
    second = create_order("street", 900, watts=1500)
    assert second["warnings"] == [f"it supersedes {first['controls'][0]['href']} from {iso(clock.now())} on"]
    assert [row["status"] for row in orders.list_orders("street")] == ["active", "superseded"]
    assert orders.list_orders("street")[0]["id"] == second["id"]


def test_those_of_the_virtual_ders_below_are_listed_too(street):
    virtualders.create("town")
    virtualders.update("street", parent="town")
    order = create_order("street", 900, watts=3000)
    assert [row["id"] for row in orders.list_orders("town")] == [order["id"]]


def test_an_order_that_would_be_over_leaves_nothing(street):
    with pytest.raises(Refused, match="would be over"):
        create_order("street", 60, clock.now() - 60, watts=3000, addressing="device")
    assert DispatchOrder.select().count() == 0 and VirtualDER.select().count() == 1
    with pytest.raises(Refused, match="no order 7"):
        orderprogress.show(7)


def test_an_order_on_a_group_reaches_the_members_of_its_groups(street):
    virtualders.create("town")
    virtualders.update("street", parent="town")
    order = create_order("town", 900, percent=10)
    assert all((100, {"opModFixedW": 1000}) in controls_of(home) for home in street)
    assert len(order["shares"]) == 3


def test_an_order_goes_on_by_another_of_the_same(street):
    order = create_order("street", 900, clock.now() + 300, watts=3000)
    more = orderchanges.extend(order["id"], 600)
    assert (more["start"], more["duration_s"], more["planned_w"]) == (order["start"] + 900, 600, 3000)
    assert [base for _, base in controls_of(street[0])] == [order["controls"][0]["base"]] * 2
    assert [share["planned_w"] for share in orders.list_shares(more["id"])] == [1000, 1000, 1000]
    orderchanges.cancel(order["id"])
    with pytest.raises(Refused, match="cancelled"):
        orderchanges.extend(order["id"], 600)


def test_an_extension_beyond_what_batteries_hold_is_warned_of(street):
    order = create_order("street", 900, clock.now() + 300, watts=3000)
    assert orderchanges.extend(order["id"], 600)["warnings"] == []
    more, = orderchanges.extend(order["id"], 20 * 3600)["warnings"]
    assert "W of the order are out of reach: the limits of members leave" in more
    limit = create_order("street", 900, clock.now() + 300, limit=50)
    assert orderchanges.extend(limit["id"], 20 * 3600)["warnings"] == []
