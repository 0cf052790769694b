"""What is old is removed, a slice at a time, by an index, and what is not is kept."""
from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from server import clock, models, worker
from server.config import settings
from server.config.declarations import SETTINGS
from server.devices import enrolment
from server.grid.groups import virtualders
from server.grid.series import readingsums
from server.models import Balance, ChargingSession, Device, Document, Meter, Plan, ReadingSet, VirtualDER
from server.resources import retention, sql, store
from server.resources.retention import DAY, RULES
from tests import peers
from tests.conftest import NOON
from tests.server.cli.test_ev import WANTED
from tests.server.grid.conftest import Home

# Rules that look at each of a few documents, by an index: no table has an instant to find the oldest by.
LOOK_AT_ALL = {"mirrors", "subscriptions"}
SUBSCRIPTION = {"encoding": 0, "level": "+S1", "limit": 1, "notificationURI": "https://10.0.0.1/n",
                "subscribedResource": "/derp"}


@pytest.fixture
def home(peer: Any) -> Home:
    device = enrolment.enrol(peers.lfdi(1), name="d1", kind="battery")
    Device.update(last_contact_at=NOON).execute()
    return Home(peer(1), device)


def plan(vder: VirtualDER, start: int, state: str = Plan.PUBLISHED) -> Plan:
    return Plan.create(vder=vder, start=start, step_s=900, steps=4, created_at=start, body={}, state=state)


@pytest.mark.usefixtures("server")
def test_plans_are_kept_for_their_days_and_the_one_in_force_for_longer() -> None:
    vder = virtualders.find(virtualders.create("street")["name"])
    plan(vder, NOON - 41 * DAY)
    in_force, last = plan(vder, NOON - 41 * DAY), plan(vder, NOON - 40 * DAY)
    Balance.create(vder=vder, plan_id=in_force.id)
    assert worker.purge() == 1
    assert {row.id for row in Plan.select()} == {in_force.id, last.id}


def test_reservation_requests_end_and_the_session_stays(home: Home) -> None:
    assert home.client.post("/edev/1/frq", "FlowReservationRequest", WANTED).status == 201
    session = ChargingSession.get()
    clock.turn_to(session.departure_at + settings.request_days * DAY)
    assert retention.remove_old() == (0, False)
    clock.advance(1)
    assert retention.remove_old() == (1, False)
    assert home.client.get("/edev/1/frq?l=9").data["all"] == 0
    assert home.client.get("/edev/1").data["FlowReservationRequestListLink"]["all"] == 0
    assert not ChargingSession.get().cancelled and store.reindex() == 0
    clock.turn_to(session.departure_at + settings.quarter_hour_days * DAY + 1)
    retention.remove_old()
    assert not ChargingSession.select().exists()


def test_a_request_of_long_ago_goes_before_its_session(home: Home) -> None:
    assert home.client.post("/edev/1/frq", "FlowReservationRequest", WANTED).status == 201
    clock.turn_to(ChargingSession.get().departure_at + settings.quarter_hour_days * DAY + 1)
    worker.turn()
    retention.remove_old()
    assert ChargingSession.select().exists() and store.reindex() == 0
    assert home.client.get("/edev/1/frq?l=9").data["all"] == 0
    retention.remove_old()
    assert not ChargingSession.select().exists()


def test_a_mirror_that_is_silent_ends_with_its_usage_point(home: Home) -> None:
    home.post(1000)
    other = {"mRID": "0F", "roleFlags": "0009", "serviceCategoryKind": 0, "status": 1,
             "deviceLFDI": home.lfdi}
    assert home.client.post("/mup", "MirrorUsagePoint", other).status == 201
    settings.mirror_days, settings.quarter_hour_days = 10, 20
    clock.turn_to(NOON + 10 * DAY)
    Device.update(last_contact_at=clock.now()).execute()
    assert retention.remove("mirrors", clock.now() - 10 * DAY) == 0
    clock.turn_to(NOON + 11 * DAY)
    assert retention.remove_old() == (1, False)
    assert home.client.get("/mup?l=9").data["all"] == 1, "one without readings may be new"
    assert not ReadingSet.select().exists() and not Meter.select().exists()
    assert Document.select().where(Document.kind == "UsagePoint").count() == 1
    clock.turn_to(NOON + 22 * DAY)
    assert retention.remove_old() == (1, False), "its device is gone"
    assert not Document.select().where(Document.kind.in_(("UsagePoint", "MirrorUsagePoint"))).exists()


def test_silent_mirrors_are_looked_for_where_the_last_slice_has_ended(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_reached", {})
    for number in range(5):
        mirror = {"mRID": f"0{number}", "roleFlags": "0009", "serviceCategoryKind": 0, "status": 1,
                  "deviceLFDI": home.lfdi}
        assert home.client.post("/mup", "MirrorUsagePoint", mirror).status == 201
    mirrors, = (rule for rule in RULES if rule.what == "mirrors")
    found = [replace(mirrors, slice=2).find(NOON + DAY) for _ in range(4)]
    assert [len(keys) for keys in found] == [2, 2, 1, 2] and found[3] == found[0]
    assert len({key for keys in found for key in keys}) == 5


def test_subscriptions_end_with_the_contact(home: Home) -> None:
    assert home.client.post("/edev/1/sub", "Subscription", SUBSCRIPTION).status == 201
    clock.turn_to(NOON + 30 * DAY)
    assert retention.remove_old() == (0, False)
    clock.advance(1)
    assert retention.remove_old() == (1, False)
    assert home.client.get("/edev/1/sub?l=9").data["all"] == 0


def test_subscriptions_stay_while_the_manager_is_in_contact(home: Home, peer: Any) -> None:
    assert home.client.post("/edev/1/sub", "Subscription", SUBSCRIPTION).status == 201
    manager = enrolment.enrol(peers.lfdi(2), kind="aggregator")
    Device.update(manager=manager.lfdi).where(Device.id == home.device.id).execute()
    clock.turn_to(NOON + 31 * DAY)
    Device.update(last_contact_at=clock.now()).where(Device.id == manager.id).execute()
    assert retention.remove_old() == (0, False)


@pytest.mark.usefixtures("server")
def test_a_slice_is_removed_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    vder = virtualders.find(virtualders.create("street")["name"])
    count = retention.SLICE + 1
    Plan.insert_many([{"vder": vder, "start": number, "step_s": 900, "steps": 4, "created_at": 0, "body": {}}
                      for number in range(count)]).execute()
    assert retention.remove_old() == (retention.SLICE, True) and Plan.get().start == count - 1
    assert retention.remove_old() == (1, False)


OTHERS = {"audit_days", "alarm_certificate_days"}  # audit entries are archived; the other looks ahead
DAYS = sorted(name for name in SETTINGS if name.endswith("_days") and name not in OTHERS)


@pytest.mark.parametrize("name", DAYS)
@pytest.mark.usefixtures("server")
def test_every_setting_of_days_is_one_of_a_rule(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    readingsums.sum_up(NOON)
    before = [rule.days() for rule in RULES]
    monkeypatch.setattr(settings, name, 7 if name == "mirror_days" else 999)
    assert [rule.days() for rule in RULES] != before


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.what)
@pytest.mark.usefixtures("server")
def test_what_is_old_is_found_by_an_index(rule: retention.Rule) -> None:
    """No table is read as a whole; on PostgreSQL as it plans for large tables."""
    select = f"{rule.select} LIMIT {rule.slice}"
    instants = [NOON] * rule.select.count("?")
    if models.is_postgres():
        sql.execute("SET enable_seqscan = off")
        sql.execute("SET enable_sort = off")
        text = "\n".join(row[0] for row in sql.rows(f"EXPLAIN {select}", *instants))
        sql.execute("RESET enable_seqscan")
        sql.execute("RESET enable_sort")
        whole = [line for line in text.splitlines() if "Seq Scan" in line]
    else:
        text = "\n".join(row[3] for row in sql.rows(f"EXPLAIN QUERY PLAN {select}", *instants))
        whole = [line.strip() for line in text.splitlines()
                 if line.strip().startswith("SCAN") or "TEMP B-TREE" in line]
    small = ("balance", "SCAN b")  # a few rows
    if rule.what not in LOOK_AT_ALL:
        whole = [line for line in whole if not any(name in line for name in small)]
        assert not whole, text
