"""What the cars of an area are granted where a limit leaves too little for all."""
import pytest

from server import clock
from server.grid.balance import areasettings
from server.grid.groups import virtualders
from server.grid.series import forecasts, signals
from server.models import Document
from server.resources import store
from server.resources.codes import EventStatus
from server.resources.quantities import base_value
from tests.conftest import NOON
from tests.server.grid.balancedarea import STEP, T, asks, at

END = NOON + 13 * STEP


@pytest.fixture
def chargers(home):
    """So many cars of 7 kW that want 20 kWh within three hours, under an import limit of 5 kW."""
    def create(count, limit_w=5000.0, energy_wh=20_000, hours=3):
        virtualders.create("site", import_limit_w=limit_w)
        virtualders.create("chargers", rule="kind = evcharger", parent="site")
        homes = [home(number, "evcharger") for number in range(1, count + 1)]
        for charger in homes:
            charger.rate(82, 0, 7000)
            charger.post(0)
        forecasts.put("site", "load", [0.0] * 100, NOON, STEP)
        areasettings.set_automatic("site", on=True)
        signals.put("site", "imbalance", [0.0] * 100, NOON, STEP)
        for charger in homes:
            asks(charger, energy_wh, hours, start=T)
        return homes
    return create


def standing():
    """The grants that stand, as submitted, the oldest first."""
    grants = Document.select().where(Document.kind == "FlowReservationResponse")
    return sorted(
        (grant.submitted for grant in grants if grant.status["currentStatus"] <= EventStatus.ACTIVE),
        key=lambda grant: (grant["creationTime"], grant["mRID"]))


def granted_w(grants, instant):
    """W by request at an instant, by the rule of events: of those that share time the newest."""
    return {grant["subject"]: base_value(grant["powerAvailable"]) for grant in grants
            if 0 <= instant - grant["interval"]["start"] < grant["interval"]["duration"]}


def live(homes):
    return [grant.submitted for home in homes for grant in store.items(f"/edev/{home.device.id}/frp")
            if grant.status["currentStatus"] <= EventStatus.ACTIVE]


@pytest.mark.parametrize("count", [1, 10])
def test_cars_are_never_granted_more_than_a_limit_leaves_now_or_later(chargers, count):
    """Neither when they ask, nor by a step, nor by what stands for the hours after it."""
    homes = chargers(count)
    for step in range(3):
        grants = standing()
        for instant in range(T + step * STEP, END + 3 * 3600, 300):
            assert sum(granted_w(grants, instant).values()) <= 5000, (step, instant)
        at(T - 300 + step * STEP)
        clock.turn_to(T + step * STEP + 150)
    total = sum(granted_w(standing(), T + 3 * STEP - 200).values())
    assert 4990 <= total <= 5000, "and what it leaves is used"
    assert all(base_value(grant["powerAvailable"]) >= 1380 or not grant["energyAvailable"]["value"]
               for grant in live(homes))


def test_a_car_is_granted_its_last_watt_hours_at_a_power_that_chargers_can_do(chargers):
    homes = chargers(1, energy_wh=250, hours=1)
    signals.put("site", "imbalance", [-5000.0] * 100, NOON, STEP)
    at(T - 300)
    grant = max(live(homes), key=lambda grant: (grant["creationTime"], grant["mRID"]))
    assert base_value(grant["powerAvailable"]) >= 1380 and grant["energyAvailable"]["value"] == 250
