"""Cars that offer energy back discharge in the evening's peak, keep their floor, and leave with what they
ask."""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest

from server import clock
from server.grid.balance import areasettings, vehicleoffers
from server.grid.controls import operatingenvelopes
from server.grid.dispatch import stops
from server.grid.fleet import fleetstate
from server.grid.groups import virtualders
from server.grid.series import forecasts, signals
from server.grid.series.intervals import Span
from server.models import Document
from server.resources.codes import EventStatus
from server.resources.quantities import base_value
from tests.conftest import NOON, on_sqlite
from tests.server.grid.balancedarea import STEP, asks, at

HOUR, TICK_S, POWER_W = 3600, 300, 7000.0
ONE_WAY = 0.95
LEAVES_H, SPARE_WH, NEED_WH = 12, 6000.0, 10_000.0
WHOLE_DAY = range(LEAVES_H * HOUR)
PEAK = range(2 * HOUR, 5 * HOUR)  # from noon on


class Car:
    """A car that is plugged in at noon: it needs energy until it leaves and offers some of what it has."""

    def __init__(self, charger: Any) -> None:
        self.charger, self.charged_wh, self.drawn_w = charger, 0.0, dict[int, float]()
        self.need_wh = NEED_WH

    def ask(self) -> None:
        asks(self.charger, self.need_wh, LEAVES_H)
        now = clock.now()
        reply = self.charger.client.post(f"/edev/{self.charger.device.id}/frq", "FlowReservationRequest", {
            "mRID": f"0FFE{self.charger.device.id:04X}", "creationTime": now,
            "energyRequested": {"multiplier": 0, "value": -round(SPARE_WH)},
            "powerRequested": {"multiplier": 0, "value": 3000},
            "intervalRequested": {"start": now + HOUR, "duration": 7 * HOUR},
            "RequestStatus": {"dateTime": now, "requestStatus": 0}})
        assert reply.status == 201

    @property
    def missing_wh(self) -> float:
        return self.need_wh - self.charged_wh

    def follow(self, granted_w: float) -> None:
        stored_w = granted_w * ONE_WAY if granted_w > 0 else granted_w / ONE_WAY
        if granted_w > 0:
            stored_w = min(stored_w, self.missing_wh * HOUR / TICK_S)
        self.drawn_w[clock.now() - NOON] = granted_w if stored_w else 0.0
        self.charged_wh += stored_w * TICK_S / HOUR

    def report(self) -> None:
        self.charger.post(-self.drawn_w.get(clock.now() - NOON - TICK_S, 0.0), start=clock.now() - 60)
        zero = {"multiplier": 0, "value": 0}
        assert self.charger.client.put(f"/edev/{self.charger.device.id}/ps", "PowerStatus", {
            "batteryStatus": 4, "changedTime": clock.now(), "currentPowerSource": 1, "PEVInfo": {
                "chargingPowerNow": zero, "maxForwardPower": {"multiplier": 0, "value": round(POWER_W)},
                "energyRequestNow": {"multiplier": 0, "value": round(max(self.missing_wh / ONE_WAY, 0))},
                "minimumChargingDuration": 0, "targetStateOfCharge": 10_000, "timeChargeIsNeeded": 0,
                "timeChargingStatusPEV": clock.now()}}).status == 204


def granted_w() -> dict[str, float]:
    """What each device is granted now."""
    newest = defaultdict(float)
    for grant in sorted(Document.select().where(Document.kind == "FlowReservationResponse"),
                        key=lambda grant: (grant.submitted["creationTime"], grant.submitted["mRID"])):
        interval = grant.submitted["interval"]
        if (grant.status["currentStatus"] <= EventStatus.ACTIVE
                and 0 <= clock.now() - interval["start"] < interval["duration"]):
            power_w = base_value(grant.submitted["powerAvailable"]) or 0.0
            newest[grant.audience] = power_w or newest[grant.audience]
    return newest


def run(cars: list[Car], hours: float = LEAVES_H) -> None:
    for instant in range(NOON + TICK_S, NOON + round(hours * HOUR), TICK_S):
        clock.turn_to(instant)
        if instant % STEP == STEP - 300:
            for car in cars:
                car.report()
            at(instant)
        grants = granted_w()
        for car in cars:
            car.follow(grants[car.charger.lfdi])


@pytest.fixture
def cars(home: Callable[..., Any]) -> list[Car]:
    virtualders.create("town")
    virtualders.create("chargers", rule="kind = evcharger", parent="town")
    found = []
    for number in (1, 2):
        charger = home(number, "evcharger")
        charger.rate(82, 3000, round(POWER_W))
        charger.post(0)
        found.append(Car(charger))
    forecasts.put("town", "load", [0.0] * 100, NOON, STEP)
    peak_w = [9000.0 if number * STEP in PEAK else 0.0 for number in range(96)]
    areasettings.set_automatic("town", on=True)
    signals.put("town", "imbalance", peak_w, NOON, STEP)
    return found


def given_wh(car: Car, seconds: range = WHOLE_DAY) -> float:
    return sum(max(-watts, 0.0) for at_s, watts in car.drawn_w.items() if at_s in seconds) * TICK_S / HOUR


@on_sqlite
def test_cars_give_in_the_peak_keep_their_floor_and_leave_with_what_they_asked(cars: list[Car]) -> None:
    for car in cars:
        car.ask()
    run(cars)
    for car in cars:
        assert 0.9 * SPARE_WH <= given_wh(car, PEAK) <= SPARE_WH + 1 and given_wh(car) <= SPARE_WH + 1
        assert car.missing_wh < 150


@on_sqlite
def test_who_could_not_be_charged_again_gives_nothing(cars: list[Car]) -> None:
    car = cars[0]
    car.need_wh = 76_000.0
    car.ask()
    run([car], 4)
    assert given_wh(car) == 0


@on_sqlite
def test_a_stop_and_its_own_connection_point_hold(cars: list[Car]) -> None:
    for car in cars:
        car.ask()
    rows = "\n".join(f"2025-06-15T{hour}:{minute}Z,1500" for hour in range(14, 17) for minute in ("00", "30"))
    operatingenvelopes.put(f"start,export_limit\n{rows}", "doe.csv", "d1", step_s=1800)
    run(cars, 4)
    assert max(-watts for watts in cars[0].drawn_w.values()) <= 1500
    assert max(-watts for watts in cars[1].drawn_w.values()) > 1500
    stops.stop("town")
    before = [given_wh(car) for car in cars]
    run(cars, 0)
    for instant in range(NOON + 4 * HOUR, NOON + 5 * HOUR, TICK_S):
        clock.turn_to(instant)
        at(instant)
        assert min(granted_w().values(), default=0.0) >= 0
    assert before[1] > 0


def test_an_export_limit_holds(cars: list[Car]) -> None:
    for car in cars:
        car.ask()
    virtualders.update("town", export_limit_w=2500)
    run(cars, 4)
    assert max(-sum(car.drawn_w[second] for car in cars) for second in cars[0].drawn_w) <= 2500


@on_sqlite
def test_what_is_given_leaves_time_to_charge_it_again(cars: list[Car]) -> None:
    cars[0].need_wh = 60_000.0
    cars[0].ask()
    offers = vehicleoffers.read(fleetstate.read(virtualders.find("town"), NOON), Span(NOON, 48, STEP, NOON))
    assert offers.energy.tolist() == [SPARE_WH]
    assert offers.within[0].nonzero()[0].tolist() == [4, 5, 6, 7, 8], "charging takes 9.5 of twelve hours"


def follows_price(prices: list[float]) -> None:
    """The town follows this price from noon on, in place of an imbalance."""
    signals.withdraw("town", "imbalance")
    signals.put("town", "price", prices, NOON, STEP)


@on_sqlite
def test_where_an_area_follows_a_price_cars_give_in_its_spike_and_charge_when_it_is_over(
    cars: list[Car]
) -> None:
    follows_price([1.5 if number * STEP in PEAK else 0.3 for number in range(96)])
    for car in cars:
        car.ask()
    run(cars)
    for car in cars:
        assert 0.9 * SPARE_WH <= given_wh(car, PEAK) <= SPARE_WH + 1 and given_wh(car) == given_wh(car, PEAK)
        assert car.missing_wh < 150
        assert not any(watts > 0 for at_s, watts in car.drawn_w.items() if at_s in PEAK)


@on_sqlite
def test_a_spread_that_losses_and_wear_use_up_is_not_traded(cars: list[Car]) -> None:
    follows_price([0.33 if number * STEP in PEAK else 0.3 for number in range(96)])
    cars[0].ask()
    run(cars[:1], 6)
    assert given_wh(cars[0]) == 0
