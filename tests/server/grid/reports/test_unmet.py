"""What could not be kept: by whom, how much, and why."""
import pytest

from server import clock
from server.errors import Refused
from server.grid.optimisation.clusters import BATTERY, THERMAL
from server.grid.reports import unmet
from server.models import ChargingSession, DispatchOrder, Participation, Plan
from tests.conftest import NOON
from tests.server.grid.reports.conftest import DAY, HOUR, STEP, order, record


def rows(kind, start=NOON - DAY, end=NOON + DAY):
    return [row for row in unmet.unmet("street", start, end) if row["kind"] == kind]


def session(number, departure, **more):
    ChargingSession.create(href=f"/edev/2/frq/{number}", device=2, arrival_at=departure - 3 * HOUR,
                           departure_at=departure, **{"energy_wh": 20_000, "power_w": 11_000.0} | more)


def test_a_car_that_left_short_of_what_it_asked_for(street):
    session(1, NOON - HOUR, reported_need_wh=5000.0, reported_at=NOON - HOUR - 60, unmet_wh=4000.0,
            unmet_reason="the import limit of street")
    session(2, NOON - 5 * HOUR, reported_need_wh=0.0, reported_at=NOON - 6 * HOUR, unmet_wh=3000.0)
    row, = rows("car")
    assert (row["name"], row["energy_wh"], row["expected"]) == ("d2", 5000, False)
    assert row["reason"] == "the import limit of street"


def test_a_car_that_will_leave_short_is_told_before(street):
    session(1, NOON + 2 * HOUR, unmet_wh=7000.0, unmet_reason="the import limit of street")
    row, = rows("car")
    assert row["expected"] and (row["start"], row["end"]) == (NOON - HOUR, NOON + 2 * HOUR)
    assert row["reason"] == "the import limit of street"


def test_a_car_that_asked_for_what_it_cannot_take(street):
    session(1, NOON - HOUR, energy_wh=50_000, reported_need_wh=17_000.0, reported_at=NOON - HOUR)
    assert rows("car")[0]["reason"] == "it asked for 50.0 kWh, and can take 33.0 kWh while it is there"


def test_comfort_by_the_worst_of_the_plans(street):
    for energy_wh in (300.0, 800.0, 500.0):
        Plan.create(
            vder=street, start=NOON, step_s=STEP, steps=4, created_at=NOON, state=Plan.SUPERSEDED,
            body={"exceeded": [], "names": ["street"], "kind": [BATTERY, THERMAL], "group": [0, 0],
                  "unmet": [900.0, energy_wh]})
    Plan.create(vder=street, start=NOON, step_s=STEP, steps=4, created_at=NOON, state=Plan.DRAFT,
                body={"exceeded": [], "names": ["street"], "kind": [THERMAL], "group": [0], "unmet": [9e3]})
    row, = rows("comfort")
    assert (row["name"], row["energy_wh"], row["expected"]) == ("street", 800, True)
    worst = Plan.select().where(Plan.state == Plan.SUPERSEDED).order_by(Plan.id)[1]
    assert f"plan {worst.id} keeps a limit" in row["reason"]


def test_contracts_that_were_overdrawn(street):
    Participation.create(device=3, max_events=2, max_hours=1.5)
    for number in range(3):
        order(street, NOON - 2 * DAY + 12 * HOUR * number, HOUR, {3: (0, -1000)})
    order(street, NOON - DAY + HOUR, HOUR, {3: (0, -1000)})
    clock.turn_to(NOON)
    reasons = [row["reason"] for row in rows("contract", NOON - 3 * DAY)]
    assert reasons == ["event 3 of a season in which 2 were agreed",
                       "3.0 h in a day for which 1.5 h were agreed"]


def test_orders_of_which_a_limit_took_a_part(street):
    row = order(street, NOON, HOUR, {1: (1000, 0)})
    DispatchOrder.update(clipped_w=500.0, warnings=["street: 500 W are beyond its limit"]).where(
        DispatchOrder.id == row.id).execute()
    order(street, NOON, HOUR, {1: (1000, 0)})
    found, = rows("order")
    assert (found["name"], found["power_w"], found["energy_wh"]) == (f"order {row.id}", 500, 500)
    assert found["reason"] == "street: 500 W are beyond its limit"


def test_limits_of_what_is_over(street):
    type(street).update(import_limit_w=5000.0).execute()
    record(street, "premises", [-6000] * 4, NOON)
    clock.turn_to(NOON + HOUR)
    assert [row["name"] for row in rows("limit")] == ["import limit of street"]


def test_a_time_that_is_none(street):
    for end in (NOON, NOON + 32 * DAY):
        with pytest.raises(Refused, match="up to 31 days"):
            unmet.unmet("street", NOON, end)
