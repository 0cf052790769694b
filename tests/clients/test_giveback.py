"""A charger that can give back: what it offers, what it gives when it is granted that, and that the car
leaves full."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from clients.devices.evcharger import EvCharger, current_session, local_hour
from clients.events.control import PowerOrder
from clients.events.reservation import MIN_ENERGY_WH, DesiredReservation, PendingRequest, next_request
from clients.reports import telemetry
from clients.simulation.weather import DAY, Site
from server import clock
from server.grid.controls import evsessions, reservations
from server.resources import store
from server.resources.codes import StorageModeStatus
from server.resources.quantities import base_value
from tests.clients.fixtures import DeviceFixture, mean_injection_w, statuses
from tests.conftest import on_sqlite

CAR = Site("seed")
DAWN = 1_768_478_400 // DAY * DAY
STAY = current_session(CAR, DAWN + 22 * 3600)
assert STAY is not None
HOURS = (17.0, 20.0)
BEGIN, END = (DAWN + int(hour * 3600) for hour in HOURS)
assert BEGIN - 3600 < STAY.arrival < BEGIN, "plugged in shortly before it offers something"
SPARE = 8000.0
TWO_WAY = EvCharger(site=CAR, name="c", max_discharge_w=5000.0, spare_wh=SPARE, offer_hours=HOURS)
PLUGGED = replace(
    TWO_WAY, arrival=STAY.arrival, departure=STAY.departure, demand_wh=STAY.energy_wh, at=float(BEGIN)
)


# --- the plant ------------------------------------------------------------------------------------

def test_it_offers_what_is_to_spare_between_the_hours_its_owner_names() -> None:
    assert (
        PLUGGED.desired_reservation == PLUGGED.discharge_offer == DesiredReservation(BEGIN, END, -SPARE, 5000)
        and PLUGGED.dischargeable_wh == SPARE
    )
    early = replace(PLUGGED, at=BEGIN - 600.0)
    assert early.desired_reservation == PLUGGED.desired_reservation
    assert early.dischargeable_wh == early.available_w == 0, "known ahead, given only then"
    assert PLUGGED.available_w == 5000
    over = replace(PLUGGED, at=float(END))
    assert (
        over.discharge_offer is None
        and over.desired_reservation == DesiredReservation(END, STAY.departure, STAY.energy_wh, 7400)
        and over.dischargeable_wh == 0
    )


@pytest.mark.parametrize("changes, energy", [
    ({"charged_wh": -3000.0}, 5000), ({"spare_wh": 0.0, "charged_wh": 3000.0}, 3000),
    ({"charged_wh": -7950.0}, 50),
    ({"at": END - 360.0}, 500),                                                      # no more time
    # half of it to charge again
    ({"departure": BEGIN + 7260, "max_charge_w": 5000.0, "demand_wh": 0.0}, 5000),
    ({"charged_wh": -8000.0}, None), ({"max_discharge_w": 0.0}, None), ({"arrival": 0}, None)])
def test_it_offers_no_more_than_there_is_and_can_be_had_again(
    changes: dict[str, float], energy: float | None
) -> None:
    model = replace(PLUGGED, **changes)
    offer = model.discharge_offer
    assert (None if offer is None else -offer.charge_wh) == pytest.approx(energy)
    asks_to_give = model.desired_reservation is not None and model.desired_reservation.charge_wh < 0
    assert asks_to_give == (energy is not None and energy >= MIN_ENERGY_WH)


def test_it_gives_only_when_it_is_asked_and_down_to_what_its_owner_keeps() -> None:
    model = TWO_WAY.run(PowerOrder(target_w=0), STAY.arrival, BEGIN + 60)
    assert model.run(PowerOrder(), BEGIN + 60, BEGIN + 660).injection_w == -7400, "left alone it charges"
    given = model.run(PowerOrder(target_w=9000), BEGIN + 60, BEGIN + 660)
    assert (
        given.injection_w == 5000
        and given.injected_wh == pytest.approx(5000 / 6)
        and given.charged_wh == pytest.approx(-5000 / 6)
    )
    limited = PowerOrder(target_w=9000, max_injection_w=1000)
    assert model.run(limited, BEGIN + 60, BEGIN + 660).injection_w == 1000
    empty = model.run(PowerOrder(target_w=5000), BEGIN + 60, END)
    assert (empty.injection_w, empty.soc) == (0, pytest.approx(0))
    assert empty.injected_wh == pytest.approx(SPARE)
    assert model.run(PowerOrder(target_w=5000), BEGIN + 60, END + 600).injection_w == 0
    assert given.run(PowerOrder(target_w=5000), END, END + 600).injection_w == 0, "it is offered no longer"
    assert model.run(PowerOrder(connect=False, target_w=5000), BEGIN + 60, BEGIN + 660).injection_w == 0


def test_one_that_cannot_give_back_does_not() -> None:
    one_way = replace(PLUGGED, max_discharge_w=0.0)
    assert one_way.step(PowerOrder(target_w=5000), BEGIN, 60).injection_w == 0
    assert one_way.dischargeable_wh is None
    assert "availabilityDuration" not in telemetry.availability(one_way, BEGIN)


def test_it_says_which_way_power_flows_and_what_it_could_give() -> None:
    model = PLUGGED.run(PowerOrder(target_w=4000), BEGIN, BEGIN + 600)
    vehicle, needed = model.pev_info(BEGIN + 600), STAY.energy_wh + 4000 / 6
    assert vehicle is not None and vehicle["chargingPowerNow"]["value"] == -4000
    assert vehicle["energyRequestNow"]["value"] == round(needed), "what it wants for itself: never negative"
    assert vehicle["minimumChargingDuration"] == pytest.approx(needed / 7400 * 3600, abs=1)
    status = telemetry.status(model, BEGIN + 600, True)
    assert status["storageModeStatus"]["value"] == StorageModeStatus.DISCHARGING
    assert telemetry.availability(model, BEGIN + 600)["availabilityDuration"] == round(
        (SPARE - 4000 / 6) / 5000 * 3600
    )
    rated = telemetry.capability(model)
    assert rated["rtgMaxDischargeRateW"] == rated["rtgMaxW"] == {"multiplier": 0, "value": 5000}
    assert (
        int(rated["modesSupported"], 16) & 3 == 3
        and int(telemetry.capability(EvCharger())["modesSupported"], 16) & 3 == 1
    )


def test_it_has_news_when_an_offer_begins_and_ends() -> None:
    begin, end = (int(local_hour(CAR, DAWN // DAY, hours)) for hours in TWO_WAY.offer_hours)
    assert TWO_WAY.next_change(begin - 1) == begin and TWO_WAY.next_change(end - 1) == end
    assert EvCharger(site=CAR).next_change(end - 1) == STAY.departure


# --- what it asks for -----------------------------------------------------------------------------

OFFER, NEED = DesiredReservation(1000, 8000, -6000, 5000), DesiredReservation(1000, 40_000, 14_000, 7000)
GIVES = next_request(PendingRequest(), OFFER, False, [], "0A", 1000)[0]
LISTED = [{"href": "/frq/8", "mRID": "0A"}]


def test_discharge_is_negative() -> None:
    request = GIVES.request
    assert request is not None and request["energyRequested"]["value"] == -6000
    assert request["powerRequested"]["value"] == -5000 and request["durationRequested"] == 4320


@pytest.mark.parametrize("wish, running, now, is_kept", [
    (OFFER._replace(charge_wh=-3000), True, 2000, True), (OFFER, False, 2000, True),
    (NEED, True, 2000, True),                               # all is given: the grant is over soon
    (NEED, False, 2000, False), (NEED, True, 8000, False),  # nobody wants it, or not any longer
    (OFFER._replace(charge_wh=6000), False, 2000, False)])  # the other direction
def test_what_is_offered_is_asked_before_what_is_wanted(
    wish: DesiredReservation, running: bool, now: int, is_kept: bool
) -> None:
    state, messages = next_request(GIVES, wish, running, LISTED, "0B", now)
    assert (state == GIVES) == is_kept
    assert [message.request["RequestStatus"]["requestStatus"]
            for message in messages] == ([] if is_kept else [1])


# --- a whole client -------------------------------------------------------------------------------

@pytest.fixture
def charger(start: Callable[..., DeviceFixture]) -> DeviceFixture:
    """Plugged in for a while, in a street that may inject nothing: what it offers is granted by hand."""
    device = start(TWO_WAY, STAY.arrival - 600, export_limit_w=0)
    device.run_until(BEGIN + 300)
    return device


def offer() -> str:
    session, = evsessions.list_sessions("street")
    assert session["energy_wh"] < 0
    return str(session["request"])


@on_sqlite
def test_a_car_asks_to_give_and_keeps_still_until_it_is_granted(charger: DeviceFixture) -> None:
    offered = store.get(offer()).submitted
    assert (
        base_value(offered["energyRequested"]) == pytest.approx(-SPARE, abs=15)
        and base_value(offered["powerRequested"]) == -5000
    )
    assert offered["intervalRequested"]["start"] + offered["intervalRequested"]["duration"] == END
    assert list(evsessions.list_sessions("street"))[0]["granted_w"] == 0 and charger.model.injection_w == 0
    assert charger.model.absorbed_wh < 10, "before it read the request's status"
    charger.run_until(END + 300)
    session, = evsessions.list_sessions("street")
    assert session["energy_wh"] == pytest.approx(STAY.energy_wh, abs=30), "nobody wanted it"
    assert session["state"] == "active"
    assert charger.model.injection_w == -7400 and charger.model.injected_wh == 0


@on_sqlite
def test_it_gives_for_as_long_and_as_much_as_it_is_granted(charger: DeviceFixture) -> None:
    start = clock.now() + 300
    reservations.grant(offer(), -3000, 3600, start, -2000)
    charger.run_until(start + 1800)
    assert charger.model.injection_w == 3000
    assert mean_injection_w(start + 60, 1680) == pytest.approx(3000, abs=1)
    session, = evsessions.list_sessions("street")
    assert session["vehicle"]["chargingPowerNow"]["value"] == -3000 and session["served_wh"] < -1000
    charger.run_until(start + 3500)
    assert charger.model.injection_w == 0
    assert charger.model.injected_wh == pytest.approx(2000, abs=1)
    charger.run_until(start + 4000)
    assert statuses()[-4:].count(3) == 1 and not charger.details("error")
    newest = max(evsessions.list_sessions("street"), key=lambda session: session["request"])
    assert newest["energy_wh"] == pytest.approx(2000 - SPARE, abs=30), "what it has still"


@on_sqlite
def test_it_keeps_what_its_owner_wants_kept(charger: DeviceFixture) -> None:
    start = clock.now() + 300
    assert reservations.grant(offer(), -5000, 7200, start, -10_000)["warnings"]
    charger.run_until(start + 7000)
    assert charger.model.injection_w == 0
    assert charger.model.charged_wh == pytest.approx(-SPARE, abs=1e-6)
    assert len(evsessions.list_sessions("street")) == 1, "it waits until the grant is over"


@on_sqlite
def test_it_follows_who_thinks_better_of_it(charger: DeviceFixture) -> None:
    start = clock.now() + 300
    reservations.grant(offer(), -3000, 3600, start)
    charger.run_until(start + 600)
    reservations.grant(offer(), -1000, 3600, start + 900)
    charger.run_until(start + 1200)
    assert charger.model.injection_w == 1000
    reservations.cancel(offer())
    charger.run(180)
    assert charger.model.injection_w == 0 and {6, 7} <= set(statuses())


@on_sqlite
def test_a_car_that_gave_leaves_full(start: Callable[..., DeviceFixture]) -> None:
    """Granted at once, and again for what it wants afterwards."""
    device = start(TWO_WAY, STAY.arrival - 600, rate=300)
    device.run_until(END + 600)
    assert device.model.injected_wh == pytest.approx(SPARE, abs=MIN_ENERGY_WH)
    assert store.items("/edev/1/frq") and mean_injection_w(BEGIN + 900, 1800) == pytest.approx(5000, abs=50)
    device.run_until(STAY.departure - 60)
    model = device.model
    assert model.chargeable_wh < MIN_ENERGY_WH and model.absorbed_wh - model.injected_wh == pytest.approx(
        STAY.energy_wh, abs=MIN_ENERGY_WH
    )
    assert not device.details("error")
