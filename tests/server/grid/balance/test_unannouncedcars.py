"""Cars that nobody announced come one after another to a site whose limit holds two of them at a time."""
from __future__ import annotations

from collections import defaultdict

import pytest

from server import clock
from server.grid.balance import areasettings
from server.grid.groups import virtualders
from server.grid.series import forecasts, signals
from server.models import Document
from server.resources.codes import EventStatus
from server.resources.quantities import base_value
from tests.conftest import NOON
from tests.server.grid.balancedarea import STEP, asks, at

LIMIT_W, POWER_W = 14_000.0, 7000.0
COUNT, APART_S, LEAVE_AT = 4, 45 * 60, NOON + STEP + 4 * 3600
TICK_S = 60


class Car:
    """A car that charges as it is granted, and tells what it still needs."""

    def __init__(self, charger, arrive_at, need_wh):
        self.charger, self.arrive_at, self.need_wh, self.request = charger, arrive_at, need_wh, ""

    def ask(self):
        hours = (LEAVE_AT - self.arrive_at) / 3600
        self.request = asks(self.charger, self.need_wh, hours, start=self.arrive_at)

    def draw(self, granted_w):
        power_w = min(granted_w, POWER_W, self.need_wh * 3600 / TICK_S)
        self.need_wh -= power_w * TICK_S / 3600
        return power_w

    def report(self):
        number, wh = self.charger.device.id, round(self.need_wh)
        vehicle = {"chargingPowerNow": {"multiplier": 0, "value": 0},
                   "energyRequestNow": {"multiplier": 0, "value": wh},
                   "maxForwardPower": {"multiplier": 0, "value": round(POWER_W)},
                   "minimumChargingDuration": 0, "targetStateOfCharge": 10_000, "timeChargeIsNeeded": 0,
                   "timeChargingStatusPEV": clock.now()}
        assert self.charger.client.put(f"/edev/{number}/ps", "PowerStatus", {
            "batteryStatus": 4, "changedTime": clock.now(), "currentPowerSource": 1,
            "PEVInfo": vehicle}).status == 204


def grants_by_lfdi():
    """The grants that are not over, by device, the newest last."""
    grants = sorted((grant for grant in Document.select().where(
        Document.kind == "FlowReservationResponse") if grant.status["currentStatus"] <= EventStatus.ACTIVE),
        key=lambda grant: (grant.submitted["creationTime"], grant.submitted["mRID"]))
    by_lfdi = defaultdict(list)
    for grant in grants:
        by_lfdi[grant.audience].append(grant.submitted)
    return by_lfdi


def granted_w(grants):
    """What the newest of a car's grants that are under way allows."""
    powers = [base_value(grant["powerAvailable"]) for grant in grants
              if 0 <= clock.now() - grant["interval"]["start"] < grant["interval"]["duration"]]
    return powers[-1] if powers else 0.0


@pytest.fixture
def chargers(home):
    virtualders.create("site", import_limit_w=LIMIT_W)
    virtualders.create("chargers", rule="kind = evcharger", parent="site")
    homes = [home(number, "evcharger") for number in range(1, COUNT + 1)]
    for charger in homes:
        charger.rate(82, 0, round(POWER_W))
        charger.post(0)
    forecasts.put("site", "load", [0.0] * 100, NOON, STEP)
    areasettings.set_automatic("site", on=True)
    signals.put("site", "imbalance", [0.0] * 100, NOON, STEP)
    return homes


@pytest.mark.parametrize("need_wh, least_wh", [
    pytest.param(10_000, 39_990, id="as much as charging at once can serve"),
    pytest.param(14_000, 45_000, id="more than there is room for")])
def test_no_limit_is_exceeded_and_no_car_is_short_that_charging_at_once_would_serve(
    chargers, need_wh, least_wh
):
    """A plan that idles while there is room has too little of it when the last cars come."""
    cars = [Car(charger, NOON + STEP + number * APART_S, need_wh) for number, charger in enumerate(chargers)]
    drawn_w = []
    for instant in range(NOON + STEP, LEAVE_AT, TICK_S):
        clock.turn_to(instant)
        for car in cars:
            if car.arrive_at == instant:
                car.ask()
        present = [car for car in cars if car.request]
        if instant % STEP == STEP - 300:
            for car in present:
                car.report()
            at(instant)
        if instant % 300 == 0:
            grants = grants_by_lfdi()
        drawn_w.append(sum(car.draw(granted_w(grants[car.charger.lfdi])) for car in present))
    assert max(drawn_w) <= LIMIT_W + 1
    assert sum(drawn_w) * TICK_S / 3600 >= least_wh
