"""Delivered against expected, of devices and of the group."""
import math

import pytest

from server import clock
from server.errors import Refused
from server.grid.controls import drevents
from server.grid.reports import baselines, performance, reports
from server.models import DeviceType, ResponseRecord
from server.resources import store
from tests import peers
from tests.conftest import NOON
from tests.server.grid.reports.conftest import HOUR, STEP, order, read_injection, read_like_days, respond


def test_delivered_against_expected(evening):
    result = performance.event_performance(evening.id)
    rows = {row["kind"]: row for row in result["devices"]}
    assert [
        (rows[kind]["expected_w"], rows[kind]["delivered_w"]) for kind in ("storage", "ev", "thermal")
    ] == [(1000, 900), (4000, 4000), (1000, 0)]
    group = result["group"]
    assert (group["expected_w"], group["delivered_w"]) == (6000, 4900)
    assert (group["members"], group["devices_read"]) == (3, 3)
    assert group["performance"] == pytest.approx(4900 / 6000) and group["settled"] and group["coverage"] == 1
    power = result["power"]
    assert [row["start"] for row in power] == list(range(result["start"], result["end"], STEP))
    assert {row["devices_read"] for row in power} == {3}
    assert sum(row["delivered_w"] for row in power) / len(power) == pytest.approx(4900)
    assert sum(row["asked_w"] - row["baseline_w"] for row in power) / len(power) == pytest.approx(6000)
    assert group["uncertainty_w"] == pytest.approx(math.hypot(360, 200), abs=0.1)
    assert group["methods"] == {"10 of 10, same day": 1, "submeter": 1, "uncontrolled": 1}
    assert rows["thermal"]["nonresponse"] == "no answer" and not rows["storage"]["nonresponse"]
    assert result["nonresponders"] == 1


def test_who_answers_but_does_not_do_it(street, evening):
    respond(evening, 3, 1, NOON - 800)
    assert [row["nonresponse"] for row in performance.event_performance(evening.id)["devices"]] == [
        "",
        "",
        "delivered less than a fifth",
    ]
    assert performance.nonresponders("street", NOON, NOON + 1) == [
        {
            "name": "d3",
            "lfdi": peers.lfdi(3),
            "kind": "thermal",
            "events": 1,
            "no_answer": 0,
            "not_delivered": 1,
            "opted_out": 0,
        }
    ]
    respond(evening, 3, 4, NOON + 100)
    result = performance.event_performance(evening.id)
    assert result["opted_out"] == 1 and result["nonresponders"] == 0
    respond(evening, 3, 5, NOON + 200)
    assert performance.event_performance(evening.id)["opted_out"] == 0


def test_an_event_that_runs_has_done_what_it_has_done_by_now(street):
    number = order(street, NOON, 2 * HOUR, {1: (1000, 0)}).id
    read_injection(1, NOON, [800])
    clock.turn_to(NOON + STEP)
    result = performance.event_performance(number)
    assert result["group"]["delivered_w"] == 800 and result["rebound"] is None
    clock.turn_to(NOON - 60)
    assert performance.event_performance(number)["group"]["delivered_w"] is None


def test_a_load_control_event_by_its_href(street):
    DeviceType.update(category=1).where(DeviceType.device == 3).execute()
    clock.turn_to(NOON - 900)
    href = drevents.create("street", {"DutyCycle": {"normalValue": 0}}, HOUR, NOON, category=1)["href"]
    mrid = store.get(href).submitted["mRID"]
    ResponseRecord.create(
        href="/rsps/1/rsp/1",
        subject=mrid,
        lfdi=peers.lfdi(3),
        status=1,
        created_at=NOON,
        received_at=NOON - 840,
    )
    ResponseRecord.create(
        href="/rsps/1/rsp/2",
        subject=mrid,
        lfdi=peers.lfdi(3),
        status=4,
        created_at=NOON,
        received_at=NOON + 60,
    )
    read_like_days(10, lambda day: 1000)
    read_injection(3, NOON - 6 * HOUR, [-1000] * 24 + [-400] * 4)
    clock.turn_to(NOON + HOUR)
    result = performance.event_performance(href)
    assert (result["kind"], result["vder"], result["opted_out"]) == ("DutyCycle", "street", 1)
    assert result["group"]["delivered_w"] == pytest.approx(600) and result["group"]["performance"] is None
    assert result["responses"]["received_s"] == [60]
    assert reports.event(href)["key_figures"]["delivered_w"] == pytest.approx(600)


def test_nobody_knows_an_order_that_is_not_there(street):
    for ask in (
        lambda: performance.event_performance(99),
        lambda: performance.event_performance("/dr/9/edc/9"),
        lambda: baselines.show(99),
    ):
        with pytest.raises(Refused) as refused:
            ask()
        assert refused.value.status == 404
