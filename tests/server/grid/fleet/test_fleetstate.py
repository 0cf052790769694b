"""Members in arrays: what is inferred of them, and who is left out."""
import math

import pytest

from server import clock
from server.config import settings
from server.devices import enrolment
from server.grid.fleet import fleetstate
from server.grid.groups import dispatchgroups, virtualders
from server.grid.groups.tree import Tree
from server.models import Device, DispatchOrder, Participation, Share
from server.resources import pollrates, retention
from tests.server.grid.conftest import watts

HOUR = 3600


@pytest.fixture
def car(home):
    """A charger with a car that asks for energy between two hours from now."""
    def create(number, arrive=0.0, depart=8.0, energy=14_000, power=7000, **labels):
        first = home(number, "evcharger", **labels)
        first.rate(82, absorb=11_000)
        first.asks = lambda mrid="0A", **changes: first.client.post(
            f"/edev/{first.device.id}/frq",
            "FlowReservationRequest",
            {
                "mRID": f"{mrid}{number:02X}",
                "creationTime": clock.now(),
                "energyRequested": watts(energy),
                "powerRequested": watts(power),
                "RequestStatus": {"dateTime": clock.now(), "requestStatus": 0},
                "intervalRequested": {
                    "start": clock.now() + round(arrive * HOUR),
                    "duration": round((depart - arrive) * HOUR),
                },
                **changes,
            },
        )
        first.wants = lambda wh, at=None: first.client.put(f"/edev/{first.device.id}/ps", "PowerStatus", {
            "batteryStatus": 4, "changedTime": clock.now(), "currentPowerSource": 1, "PEVInfo": {
                "chargingPowerNow": watts(0), "energyRequestNow": watts(wh), "maxForwardPower": watts(power),
                "minimumChargingDuration": 0, "targetStateOfCharge": 10_000, "timeChargeIsNeeded": 0,
                "timeChargingStatusPEV": clock.now() if at is None else at}})
        assert first.asks().status == 201
        return first
    return create


@pytest.fixture
def pump(home):
    """A thermostat of 2 kW, drawing 500 W."""
    def create(number, category=1, rated=2000, draws=500, **labels):
        first = home(number, "thermostat", **labels)
        enrolment.rerender(first.device)
        end = first.client.get(f"/edev/{first.device.id}").data | {"deviceCategory": f"{category:08X}"}
        assert first.client.put(f"/edev/{first.device.id}", "EndDevice", end).status == 204
        if rated:
            first.rate(0, absorb=rated)
        if draws:
            first.post(draws, flow=1)
        return first
    return create


def area(name="all", rule="*", **options):
    virtualders.create(name, rule, **options)
    return virtualders.find(name)


def see(vder="all", at=None):
    return fleetstate.read(virtualders.find(vder), clock.now() if at is None else at)


def read_state():
    Device.update(last_contact_at=clock.now()).execute()


def test_every_kind_is_where_it_belongs(battery, panels, car, pump, home):
    battery(1, charge=0.4)
    panels(2, injection=2500)
    car(3)
    pump(4)
    pump(5, category=1 << 3, rated=3000, draws=0)
    home(6).post(-800)
    area()
    state = see()
    assert [
        part.tolist()
        for part in (state.storage.device, state.pv.device, state.ev.device, state.thermal.device)
    ] == [[1], [2], [3], [4, 5]]
    store, session, thermal = state.fleet.batteries, state.fleet.sessions, state.fleet.thermals
    assert [part.tolist() for part in store[:7]] == [
        [4000],
        [1000],
        [10_000],
        [5000],
        [5000],
        [pytest.approx(math.sqrt(0.9))],
        [0],
    ]
    assert (session.arrive[0], session.depart[0], session.need[0], session.power[0]) == (0, 32, 14_000, 7000)
    assert (
        thermal.power.tolist() == [2000, 3000]
        and thermal.band.tolist() == [1500, 2250]
        and thermal.kind.tolist() == [0, 1]
    )
    assert state.fleet.base.tolist() == [500, 0] and thermal.keep[0] == pytest.approx(math.exp(-0.25 / 20))
    assert (state.pv.rated_w.tolist(), state.pv.generation_w.tolist()) == ([6000], [2500])
    assert state.ev.requests == ["/edev/3/frq/1"] and state.storage.energy_at.tolist() == [clock.now()]
    assert state.excluded == {} and state.excluded_load_w == 0
    assert state.categories[thermal.kind[0]] == 1 and state.categories[thermal.kind[1]] & 1 << 3


def test_an_empty_virtual_der(server):
    area("empty", "")
    state = see("empty")
    assert (
        state.dispatch_groups == [virtualders.find("empty")]
        and len(state.fleet.batteries.energy) == len(state.ev.requests) == 0
    )


def test_members_are_dispatched_through_the_deepest_that_has_them(battery):
    for number, feeder in ((1, "F1"), (2, "F2"), (3, "F3")):
        battery(number, feeder=feeder)
    area()
    area("north", "feeder in (F1, F2)", parent="all")
    area("f1", "feeder = F1", parent="north")
    state = see()
    assert [state.dispatch_groups[group].name for group in state.fleet.batteries.group] == [
        "f1",
        "north",
        "all",
    ]
    assert [group.name for group in see("north").dispatch_groups] == ["f1", "north"]


def test_of_two_equally_deep_the_first_created_counts_as_where_conflicts_are_told(battery):
    first = battery(1, feeder="F1")
    area()
    area("second", "feeder = F1", parent="all")
    area("batteries", "kind = battery or feeder = F1", parent="all")
    area("deeper", "feeder = F2", parent="batteries")
    fleet_state = see()
    assert [vder.name for vder in fleet_state.dispatch_groups] == ["second"]
    assert dispatchgroups.conflicts(virtualders.find("all")) == [(first.device, ["second", "batteries"])]
    tree = Tree.read()
    chosen = dispatchgroups.dispatch_groups(tree.subtree(virtualders.find("all").id), tree)
    assert chosen == {first.device.id: virtualders.find("second").id}
    virtualders.update("deeper", add=["d1"])
    assert [vder.name for vder in see().dispatch_groups] == ["deeper"], "more levels are above it"


STORES = [
    # what was said beside 5 kW each way -> energy, least, most
    ({"rtgMaxWh": 8000}, {}, 0.5, (4000, 800, 8000)),
    ({"rtgMaxWh": 8000}, {}, None, (4000, 800, 8000)),
    ({"rtgMaxWh": 8000}, {"availabilityDuration": HOUR}, None, (5800, 800, 8000)),
    ({"rtgMaxWh": 8000}, {"maxChargeDuration": HOUR}, None, (3000, 800, 8000)),
    ({}, {"availabilityDuration": HOUR, "maxChargeDuration": 2 * HOUR}, None, (5000, 0, 15_000)),
    (
        {},
        {"availabilityDuration": HOUR, "reservePercent": 5000, "maxChargeDuration": 2 * HOUR},
        0.9,
        (2500, 0, 12_500),
    ),
    ({}, {}, 0.8, (4000, 500, 5000)),
    ({}, {}, None, (2500, 500, 5000)),
]


@pytest.mark.parametrize("rated, available, charge, expected", STORES)
def test_what_a_battery_holds(home, rated, available, charge, expected):
    first = home(1)
    first.put(
        "dercap",
        "DERCapability",
        {
            "modesSupported": "00000080",
            "type": 80,
            **{name: watts(5000) for name in ("rtgMaxW", "rtgMaxChargeRateW", "rtgMaxDischargeRateW")},
            **{name: watts(value) for name, value in rated.items()},
        },
    )
    if available:
        first.put("dera", "DERAvailability", {"readingTime": clock.now(), **available})
    if charge is not None:
        first.charge(charge)
    area()
    fleet = see().fleet.batteries
    assert (fleet.energy[0], fleet.least[0], fleet.most[0]) == pytest.approx(expected)


def test_the_reserve_is_a_setting(battery):
    battery(1)
    area()
    settings.reserve = 0.25
    assert see().fleet.batteries.least.tolist() == [2500]


def test_an_old_state_of_charge_is_carried_forward_by_what_was_read_since(battery):
    first = battery(1, charge=0.5)
    area()
    reported_at = clock.now()
    clock.advance(HOUR)
    read_state()
    for quarter in range(4):
        first.post(-1200, start=reported_at + quarter * 900, duration=900)
    state = see()
    assert state.fleet.batteries.energy[0] == pytest.approx(5000 + 1200 * math.sqrt(0.9))
    assert state.storage.energy_at.tolist() == [clock.now()]
    first.post(-9000, start=clock.now() - 60)
    first.charge(0.6)
    assert see().fleet.batteries.energy[0] == pytest.approx(6000)


def test_what_a_car_still_needs(car):
    first = car(1)
    area()
    began_at = clock.now()
    clock.advance(HOUR)
    read_state()
    first.post(-4000, start=began_at, duration=HOUR)
    assert see().fleet.sessions.need[0] == pytest.approx(10_000), "asked, less what was read"
    first.wants(9000)
    assert see().fleet.sessions.need[0] == 9000, "what it says, freshly"
    clock.advance(HOUR)
    read_state()
    first.post(-2000, start=clock.now() - HOUR, duration=HOUR)
    state = see()
    assert state.fleet.sessions.need[0] == pytest.approx(7000), "what it said, less what was read since"
    assert (state.fleet.sessions.arrive[0], state.fleet.sessions.depart[0]) == (
        -8 if state.fleet.sessions.arrive[0] else 0,
        24,
    )
    first.post(-20_000, start=clock.now() - HOUR, duration=HOUR)
    assert see().fleet.sessions.need[0] == 0
    first.wants(500, at=began_at - 60)
    assert see().fleet.sessions.need[0] == 0, "that was of another visit"


def test_visits_that_are_over_cancelled_or_replaced_are_none(car):
    first, second, three = car(1), car(2), car(3, arrive=1.1, depart=2.3)
    area()
    request = first.client.get("/edev/1/frq/1").data
    cancelled = {**request, "RequestStatus": {"dateTime": clock.now(), "requestStatus": 1}}
    assert first.client.put("/edev/1/frq/1", "FlowReservationRequest", cancelled).status == 204
    assert second.asks("0B").status == 201
    state = see()
    assert state.ev.requests == ["/edev/2/frq/2", "/edev/3/frq/1"]
    assert (state.fleet.sessions.arrive[1], state.fleet.sessions.depart[1]) == (5, 9), (
        "whole steps within the stay"
    )
    clock.advance(9 * HOUR)
    assert see().ev.requests == [] and three


def test_who_offers_energy_needs_none_and_is_left_out_until_it_asks_for_some(car):
    first, second = car(1, energy=-4000), car(2, energy=-4000, arrive=2.0)
    area()
    first.wants(9000)
    state = see()
    assert state.ev.requests == [] and state.excluded == {1: "offers energy", 2: "offers energy"}
    assert second.asks("0B", energyRequested=watts(6000)).status == 201
    state = see()
    assert state.ev.requests == ["/edev/2/frq/2"] and state.fleet.sessions.need.tolist() == [6000]
    assert state.excluded == {1: "offers energy"}


def test_a_thermal_load_is_rated_by_the_most_that_it_has_drawn_where_it_says_nothing(pump):
    pump(1, rated=0, draws=1800)
    pump(2, rated=0, draws=0)
    area()
    state = see()
    assert state.fleet.thermals.power.tolist() == [1800] and state.excluded == {2: "unrated"}


def test_who_is_left_out_and_why(battery, panels, home):
    for number in range(1, 11):
        battery(number, injection=-100)
    panels(11, modes=0)
    home(12)
    area()
    now = clock.now()
    clock.advance(2 * settings.post_rate + 1)
    read_state()
    Device.update(last_contact_at=now - 3600).where(Device.id == 3).execute()
    enrolment.suspend(Device.get_by_id(4))
    Participation.create(device=5, opted_out_until=clock.now() + 60)
    Participation.create(device=6, non_responding_since=clock.now() - HOUR)
    Participation.create(device=7, non_responding_since=clock.now() - 25 * HOUR, opted_out_until=now)
    state = see(at=now)
    assert state.excluded == {
        3: "stale", 4: "suspended", 5: "opted out", 6: "not responding", 11: "no supported control"}
    assert state.excluded_load_w == 400 - 3000
    assert set(see().excluded.values()) == {"stale", "suspended"}, "readings are older than two post rates"
    assert 12 not in see().excluded, "who posts no readings has none that could be old"


def test_rates_of_single_devices_count(battery):
    first, second = battery(1), battery(2)
    area()
    pollrates.set_rate("post", "", first.lfdi, 3600)
    pollrates.set_rate("poll", "", first.lfdi, 3600)
    clock.advance(7000)
    assert see().excluded == {2: "stale"} and second


def test_disconnected_stores_are_left_out(battery):
    battery(1).put(
        "ders", "DERStatus", {"readingTime": clock.now(), "storConnectStatus": {"dateTime": 0, "value": "00"}}
    )
    area()
    assert see().excluded == {1: "disconnected"}


def order(vder, device, start, hours, planned=-500.0, cancelled=None):
    row = DispatchOrder.create(
        vder=vder,
        quantity="watts",
        value=0,
        addressing="device",
        start=start,
        duration_s=round(hours * HOUR),
        created_at=start,
        cancelled_at=cancelled,
    )
    Share.create(order=row, lfdi=device.lfdi, event_href="", mrid="", planned_w=planned, baseline_w=0.0)


def test_a_contract_allows_so_many_events_and_hours(battery):
    first, second, free = (battery(number).device for number in (1, 2, 3))
    vder = area()
    Participation.create(device=first, max_events=2)
    Participation.create(device=second, max_hours=2)
    now = clock.now()
    for device in (first, second, free):
        order(vder, device, now - 6 * HOUR, 0.25)
        order(vder, device, now - 6 * HOUR + 900, 0.25)  # goes on: one event
        order(vder, device, now - 5 * HOUR, 1, planned=0.0)  # nothing was asked
        order(vder, device, now - 4 * HOUR, 1, cancelled=now - 4 * HOUR)
    assert see().excluded == {}
    for device in (first, second, free):
        order(vder, device, now - 2 * HOUR, 1.5)
    assert see().excluded == {1: "contract", 2: "contract"}
    order(vder, first, now - 60, 0.5)
    assert see().excluded == {2: "contract"}, "what is going on is not cut short"
    settings.season_days = 0
    assert 1 not in see().excluded


def test_what_a_contract_counts_outlasts_other_orders(battery):
    first, free = battery(1).device, battery(2).device
    vder = area()
    Participation.create(device=first, max_events=1)
    now = clock.now()
    for device in (first, free):
        order(vder, device, now - 90 * 86400, 1)
        order(vder, device, now - 400 * 86400, 1)
    assert retention.remove("shares", now - 40 * 86400) == 2
    assert retention.remove("orders", now - 40 * 86400) == 2
    assert retention.remove("orders before the season", now - 365 * 86400) == 1
    assert [share.lfdi for share in Share.select()] == [first.lfdi]
    assert see().excluded == {1: "contract"}


def test_several_batteries_of_a_device_are_one(battery):
    first = battery(1, charge=0.5)
    href = first.client.post("/edev/1/der", "DER", {}).headers["Location"]
    second = f"/{href.split('/', 3)[3]}" if href.startswith("http") else href
    assert first.client.put(f"{second}/dercap", "DERCapability", {
        "modesSupported": "00000080", "type": 80, "rtgMaxW": watts(3000), "rtgMaxChargeRateW": watts(3000),
        "rtgMaxWh": watts(6000)}).status == 204
    area()
    fleet = see().fleet.batteries
    assert [part[0] for part in fleet[:5]] == [8000, 1600, 16_000, 8000, 8000]
