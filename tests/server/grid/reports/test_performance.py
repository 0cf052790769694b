"""Delivered against expected, of devices and of the group."""
import math

import numpy as np
import pytest

from server import clock
from server.errors import Refused
from server.grid.controls import drevents
from server.grid.reports import baselines, membersteps, orderprogress, pages, performance, reports
from server.grid.reports.evaluatedevents import Expectation
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
    assert group["methods"] == {
        "10 of 10, multiplicative adjustment": 1, "as ordered": 1, "uncontrolled": 1}
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


def test_one_number_wherever_it_is_shown(evening):
    """`dispatch show` said 93.5 %, the report of the same event 91.0 %."""
    group = performance.event_performance(evening.id)["group"]
    shown = orderprogress.show(evening.id)
    assert {key: shown[key] for key in ("performance", "up", "down", "expected_w", "delivered_w")} == {
        key: group[key] for key in ("performance", "up", "down", "expected_w", "delivered_w")}
    report = reports.event(evening.id)
    assert report["key_figures"]["performance_percent"] == round(100 * group["performance"], 1)
    assert report["settlement"][0]["performance_percent"] == round(100 * group["performance"], 1)
    month, = reports.month("street")["settlement"]
    assert month["performance_percent"] == report["settlement"][0]["performance_percent"]


def test_readings_across_an_edge_are_left_out_and_that_is_said(street):
    """The event is from 12:05 to 12:50; readings are of quarters of an hour, and the battery does what it is
    asked to from the first second to the last."""
    row = order(street, NOON + 300, 2700, {1: (1000, 0)})
    read_injection(1, NOON, [667, 1000, 1000, 333])
    clock.turn_to(NOON + HOUR)
    result = performance.event_performance(row.id)
    group = result["group"]
    assert group["performance"] == 1 and group["delivered_w"] == 1000
    assert (group["readings_left_out"], group["devices_split"]) == (2, 0)
    assert group["coverage"] == 1 and group["settled"]
    assert group["up"]["asked_wh"] == 500, "the half hour that was read"
    steps = [(power["start"] - NOON, power["duration_s"], power["measured_w"]) for power in result["power"]]
    assert steps == [
        (300, 600, None), (900, 900, 1000), (1800, 900, 1000), (2700, 300, None)]
    figures = dict(pages.figures(reports.event(row.id)["key_figures"]))
    assert figures["readings across an edge of the event, left out"] == "2"


def test_readings_are_divided_by_time_where_there_are_no_others(street):
    row = order(street, NOON + 300, 600, {1: (1000, 0)})
    read_injection(1, NOON, [667])
    clock.turn_to(NOON + HOUR)
    group = performance.event_performance(row.id)["group"]
    assert group["performance"] == pytest.approx(0.667)
    assert (group["readings_left_out"], group["devices_split"]) == (0, 1)


def test_what_is_unknown_is_blank(street):
    row = order(street, NOON, HOUR, {1: (1000, 0)})
    clock.turn_to(NOON + HOUR)
    group = performance.event_performance(row.id)["group"]
    assert {group[key] for key in (
        "expected_w", "delivered_w", "performance", "uncertainty_w", "up", "down")} == {None}


def test_heat_pumps_are_held_to_the_change_that_they_were_sent(street):
    """An offset or a duty cycle is a change: a baseline that turns out otherwise does not turn its sign."""
    row = order(street, NOON, HOUR, {3: (-800, -1000)})
    read_like_days(10, lambda day: 700)
    read_injection(3, NOON - 6 * HOUR, [-700] * 24 + [-600] * 4)
    clock.turn_to(NOON + HOUR)
    group = performance.event_performance(row.id)["group"]
    assert (group["up"]["asked_wh"], group["down"], group["performance"]) == (200, None, 0.5)


@pytest.mark.parametrize("planned_w, baseline_w, injection_w, asked_w", [
    (2000, 3000, 3500, -1500), (2000, 3000, 1500, 0), (3000, 3000, 3500, 0)])
def test_a_limit_asks_nothing_of_generation_below_it(planned_w, baseline_w, injection_w, asked_w):
    load_w = membersteps.planned_w(
        np.array([-injection_w]), Expectation("E1", planned_w, baseline_w), "pv", "limit")
    assert -injection_w - load_w[0] == asked_w


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
