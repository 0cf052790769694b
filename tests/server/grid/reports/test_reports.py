"""Baselines, performance, reports and their pages, of a street with a battery, a car, a heat pump and the
sun."""
import math
import re
from datetime import date, datetime
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from server import clock
from server.config import settings
from server.devices import enrolment
from server.errors import Refused
from server.grid.controls import drevents
from server.grid.groups import virtualders
from server.grid.reports import baselines, charts, pages, performance, reports
from server.grid.reports.baselines import BaselineRequest
from server.grid.series import measurements
from server.models import (ChargingSession, DerState, DeviceType, DispatchOrder, Meter, ResponseRecord, Share,
                           VirtualDER)
from server.resources import meterreadings, store
from tests import peers
from tests.conftest import NOON

pytestmark = pytest.mark.usefixtures("server")
STEP, HOUR, DAY = 900, 3600, 86400
EVIL = '<script>alert("x")</script>'
WHATS = {1: "storage", 2: "ev", 3: "thermal", 4: "pv"}


@pytest.fixture
def street(server):
    """A street of four devices, each with a meter that reads injection; the first has an evil name."""
    for number, what in WHATS.items():
        enrolment.enrol(peers.lfdi(number), name=EVIL if number == 1 else f"d{number}")
        DeviceType.delete().where(DeviceType.device == number).execute()
        DeviceType.create(device=number, kind=what)
        Meter.create(href=meter(number), device=number, kind=what, factor=1.0)
    virtualders.create("street", members=[peers.lfdi(number) for number in WHATS])
    return VirtualDER.get(VirtualDER.name == "street")


def meter(number):
    return f"/upt/{number}/mr/1"


def read(number, start, watts):
    """Readings of injection, one for each STEP from `start` on; None is a gap."""
    with store.transaction():
        meterreadings.record_set(
            meter(number),
            {
                "mRID": f"{number}{start:X}",
                "timePeriod": {"start": start, "duration": STEP * len(watts)},
                "Reading": [
                    {"value": value, "timePeriod": {"start": start + STEP * at, "duration": STEP}}
                    for at, value in enumerate(watts)
                    if value is not None
                ],
            },
            meter(number),
            start + STEP * len(watts),
        )


def order(street, start, duration, shares, created=None, plan=None, wish="watts"):
    """An order with shares {number: (planned, baseline)}; its events have mRIDs E<number>."""
    row = DispatchOrder.create(
        vder=street,
        quantity=wish,
        value=1.0,
        addressing="broadcast",
        start=start,
        duration_s=duration,
        created_at=start - 900 if created is None else created,
        plan_id=plan,
    )
    for number, (planned, baseline) in shares.items():
        Share.create(
            order=row,
            lfdi=peers.lfdi(number),
            event_href="/derp/1/derc/1",
            mrid=f"E{row.id}",
            planned_w=planned,
            baseline_w=baseline,
        )
    return row


def answer(row, number, status, received):
    ResponseRecord.create(
        href=f"/rsps/1/rsp/{ResponseRecord.select().count() + 1}",
        subject=f"E{row.id}",
        lfdi=peers.lfdi(number),
        status=status,
        created_at=received,
        received_at=received,
    )


def asked(number, **more):
    return BaselineRequest(number, peers.lfdi(number), WHATS[number], **more)


# --- baselines ------------------------------------------------------------------------------------

def test_a_battery_alone_does_nothing(street):
    found = baselines.member_baseline(asked(1, ordered=700.0), NOON, NOON + HOUR)
    assert (found.method, found.values.tolist()) == ("submeter", [0.0] * 4)


def test_a_car_left_alone_charges_at_full_power_from_when_it_came(street):
    ChargingSession.create(
        href="/edev/2/frq/1",
        device=2,
        arrival_at=NOON - 450,
        departure_at=NOON + DAY,
        energy_wh=7000 * 0.5,
        power_w=7000.0,
    )
    ChargingSession.create(
        href="/edev/2/frq/2",
        device=2,
        arrival_at=NOON,
        departure_at=NOON + DAY,
        energy_wh=9000,
        power_w=9000.0,
        cancelled=True,
    )
    found = baselines.member_baseline(asked(2), NOON - STEP, NOON + 2 * STEP)
    assert found.method == "uncontrolled" and found.values.tolist() == [3500.0, 7000.0, 3500.0]


def test_the_sun_would_have_gone_on(street):
    read(4, NOON - HOUR, [1000, 2000, 3000, 2000])
    found = baselines.member_baseline(asked(4), NOON, NOON + HOUR)
    assert found.method == "level before" and found.values.tolist() == [-2000.0] * 4


def test_the_sun_that_was_held_back_says_what_it_could(street):
    read(4, NOON - HOUR, [0] * 4)
    order(street, NOON - HOUR, HOUR, {4: (0, 3000)})
    DerState.create(
        href="/edev/4/der/1", device=4, max_injection_w=5000, max_absorption_w=0, available_w=3200.0
    )
    assert baselines.member_baseline(asked(4), NOON, NOON + HOUR).method == "available"
    assert baselines.member_baseline(asked(4), NOON, NOON + STEP).values.tolist() == [-3200.0]


def usual(days, watts, event=NOON, zone="UTC"):
    """The heat pump draws so much at 06:00 to 18:00 by the wall of each of these many days before the
    event's."""
    place = ZoneInfo(zone)
    day = datetime.fromtimestamp(event, place).date()
    for one in baselines.like_days(day)[-days:]:
        read(3, int(datetime(one.year, one.month, one.day, 6, tzinfo=place).timestamp()), [-watts(one)] * 48)


def test_ten_like_days_put_right_by_the_same_day(street):
    usual(12, lambda one: 1000)
    read(3, NOON - 6 * HOUR, [-1200] * 24)
    found = baselines.member_baseline(asked(3), NOON, NOON + HOUR)
    assert (found.method, found.days) == ("10 of 10, same day", 10)
    assert found.factor == pytest.approx(1.2) and found.values == pytest.approx([1200.0] * 4)


def test_days_with_an_event_of_ours_and_other_kinds_of_days_do_not_count(street):
    days = baselines.like_days(date(2025, 6, 15))
    assert all(one.weekday() >= 5 for one in days) and days[-1] == date(2025, 6, 14)
    usual(12, lambda one: 5000 if one == days[-1] else 1000)
    order(street, NOON - DAY + 2 * HOUR, HOUR, {3: (0, -1000)})
    assert baselines.member_baseline(asked(3), NOON, NOON + HOUR).values == pytest.approx(
        [5000 * 0.1 + 1000 * 0.9] * 4
    )
    order(street, NOON - DAY + HOUR, HOUR, {3: (0, -1000)})
    found = baselines.member_baseline(asked(3), NOON, NOON + HOUR)
    assert found.days == 10 and found.values == pytest.approx([1000.0] * 4)


def test_a_day_of_summer_is_compared_with_winter_by_the_clock_on_the_wall(street):
    settings.timezone = "Europe/Berlin"
    zone = ZoneInfo("Europe/Berlin")
    event = int(datetime(2026, 3, 31, 18, tzinfo=zone).timestamp())
    clock.turn_to(event + HOUR)
    for one in baselines.like_days(date(2026, 3, 31))[-10:]:
        read(3, int(datetime(one.year, one.month, one.day, 18, tzinfo=zone).timestamp()), [-2000] * 4)
    assert baselines.member_baseline(asked(3), event, event + HOUR).values == pytest.approx([2000.0] * 4)
    assert len(baselines.local_quarters(date(2026, 3, 29), zone)) == 192
    assert (
        baselines.local_quarters(date(2026, 3, 29), zone)[96]
        - baselines.local_quarters(date(2026, 3, 29), zone)[0]
        == 23 * HOUR
    )


def test_without_like_days_the_estimate_stands_in(street):
    assert baselines.member_baseline(asked(3, ordered=800.0), NOON, NOON + STEP) == (
        np.array([800.0]),
        "as ordered",
        0,
        1.0,
    )
    nothing = baselines.member_baseline(asked(3), NOON, NOON + STEP)
    assert nothing.method == "none" and math.isnan(nothing.values[0])
    with pytest.raises(Refused, match="up to 24 h"):
        baselines.member_baseline(asked(3), NOON, NOON + 2 * DAY)


def test_an_event_on_the_wire_counts_as_ours_from_before_until_after_it(street):
    clock.turn_to(NOON)
    store.add(
        "DERControl",
        f"{street.program}/derc",
        {
            "mRID": "0F",
            "creationTime": NOON,
            "EventStatus": {"currentStatus": 0, "dateTime": NOON, "potentiallySuperseded": False},
            "interval": {"start": NOON + HOUR, "duration": HOUR},
            "DERControlBase": {"opModConnect": True},
        },
    )
    assert baselines.own_events(asked(3), NOON, NOON + DAY) == [(NOON, NOON + 4 * HOUR)]


# --- performance ----------------------------------------------------------------------------------

@pytest.fixture
def evening(street):
    """An hour from noon on in which the battery gives 900 of 1000 W, the car waits, the heat pump does
    nothing of what was asked and never answers; seen two hours later."""
    row = order(street, NOON, HOUR, {1: (1000, 0), 2: (0, -4000), 3: (0, -1000)})
    ChargingSession.create(
        href="/edev/2/frq/1",
        device=2,
        arrival_at=NOON,
        departure_at=NOON + 2 * HOUR - 60,
        energy_wh=4000,
        power_w=4000.0,
        reported_need_wh=500.0,
        reported_at=NOON + HOUR,
    )
    ChargingSession.create(
        href="/edev/1/frq/1",
        device=1,
        arrival_at=NOON,
        departure_at=NOON + HOUR,
        energy_wh=-4000,
        power_w=4000.0,
        reported_need_wh=9000.0,
        reported_at=NOON + 60,
    )  # it offered to give: what it wants itself is for later
    read(1, NOON, [900] * 4)
    read(2, NOON, [0] * 4)
    read(3, NOON - 6 * HOUR, [-1000] * 32)
    usual(10, lambda one: 1000)
    for number, delays in {1: (60, 900, 4500), 2: (300, 901)}.items():
        for status, delay in zip((1, 2, 3), delays, strict=False):
            answer(row, number, status, NOON - 900 + delay)
    clock.turn_to(NOON + 2 * HOUR)
    return row


def test_delivered_against_expected(evening):
    found = performance.event_performance(evening.id)
    rows = {row["what"]: row for row in found["devices"]}
    assert [
        (rows[what]["expected_w"], rows[what]["delivered_w"]) for what in ("storage", "ev", "thermal")
    ] == [(1000, 900), (4000, 4000), (1000, 0)]
    group = found["group"]
    assert (group["expected_w"], group["delivered_w"], group["members"], group["read"]) == (6000, 4900, 3, 3)
    assert group["figure"] == pytest.approx(4900 / 6000) and group["settles"] and group["coverage"] == 1
    assert group["uncertainty_w"] == pytest.approx(math.hypot(360, 200), abs=0.1)
    assert group["methods"] == {"10 of 10, same day": 1, "submeter": 1, "uncontrolled": 1}
    assert rows["thermal"]["nonresponder"] == "no answer" and not rows["storage"]["nonresponder"]
    assert found["nonresponders"] == 1


def test_who_answers_but_does_not_do_it(street, evening):
    answer(evening, 3, 1, NOON - 800)
    assert [row["nonresponder"] for row in performance.event_performance(evening.id)["devices"]] == [
        "",
        "",
        "did less than a fifth",
    ]
    assert performance.nonresponders("street", NOON, NOON + 1) == [
        {
            "name": "d3",
            "lfdi": peers.lfdi(3),
            "what": "thermal",
            "events": 1,
            "no_answer": 0,
            "did_not": 1,
            "opted_out": 0,
        }
    ]
    answer(evening, 3, 4, NOON + 100)
    found = performance.event_performance(evening.id)
    assert found["opted_out"] == 1 and found["nonresponders"] == 0
    answer(evening, 3, 5, NOON + 200)
    assert performance.event_performance(evening.id)["opted_out"] == 0


def test_an_answer_after_two_polls_is_none(street, evening):
    answer(evening, 3, 1, NOON - 900 + 2 * settings.poll_rate + 1)
    assert performance.event_performance(evening.id)["devices"][2]["nonresponder"] == "no answer"


def test_responses_by_code_and_delay(evening):
    found = performance.event_performance(evening.id)["responses"]
    assert [(code.split()[0], count) for code, count in found["by_code"].items()] == [
        ("1", 2),
        ("2", 2),
        ("3", 1),
    ]
    assert found["delays"]["received"] == {"n": 2, "p50_s": 180.0, "p90_s": 276.0, "max_s": 300}
    assert found["received_s"] == [60, 300]


def test_gaps_are_not_settled(street):
    row = order(street, NOON, HOUR, {1: (1000, 0)})
    read(1, NOON, [1000, None, None, None])
    clock.turn_to(NOON + HOUR)
    group = performance.event_performance(row.id)["group"]
    assert (group["delivered_w"], group["coverage"], group["settles"]) == (1000, 0.25, False)
    assert reports.settlement([performance.event_performance(row.id)])[0]["unsettled"] == 1


def test_what_comes_back(street):
    row = order(street, NOON, HOUR, {3: (0, -1000)})
    usual(10, lambda one: 1000)
    read(3, NOON - 6 * HOUR, [-1000] * 24 + [0] * 4 + [-1800] * 2 + [-1000] * 6)
    clock.turn_to(NOON + 3 * HOUR)
    found = performance.event_performance(row.id)
    assert found["group"]["delivered_w"] == pytest.approx(1000)
    assert found["rebound"] == {"energy_wh": 400.0, "part": pytest.approx(0.4), "peak_w": 800.0, "hours": 0.5}


def test_an_event_that_runs_has_done_what_it_has_done_by_now(street):
    number = order(street, NOON, 2 * HOUR, {1: (1000, 0)}).id
    read(1, NOON, [800])
    clock.turn_to(NOON + STEP)
    found = performance.event_performance(number)
    assert found["group"]["delivered_w"] == 800 and found["rebound"] is None
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
    usual(10, lambda one: 1000)
    read(3, NOON - 6 * HOUR, [-1000] * 24 + [-400] * 4)
    clock.turn_to(NOON + HOUR)
    found = performance.event_performance(href)
    assert (found["kind"], found["vder"], found["opted_out"]) == ("DutyCycle", "street", 1)
    assert found["group"]["delivered_w"] == pytest.approx(600) and found["group"]["figure"] is None
    assert found["responses"]["received_s"] == [60]
    assert reports.event(href)["key"]["delivered_w"] == pytest.approx(600)


def test_nobody_knows_an_order_that_is_not_there(street):
    for ask in (
        lambda: performance.event_performance(99),
        lambda: performance.event_performance("/dr/9/edc/9"),
        lambda: baselines.show(99),
    ):
        with pytest.raises(Refused) as refused:
            ask()
        assert refused.value.status == 404


# --- reports and pages ----------------------------------------------------------------------------

def say(street, what, values, start):
    measurements.save(
        {
            "vder": street.id,
            "quantity": what,
            "start": start + STEP * at,
            "value": float(value),
            "devices_read": 1,
        }
        for at, value in enumerate(values)
    )


@pytest.fixture
def day(street, evening):
    """Sunday 15 June 2025 of the street: the imbalance halved, all charts with something to show."""
    start = NOON - 12 * HOUR
    wave = 4000 * np.sin(np.arange(96) / 96 * 4 * np.pi)
    for what, values in {
        "before": wave,
        "after": wave / 2,
        "planned_storage": wave / 3,
        "planned_ev": -np.abs(wave) / 4,
        "planned_thermal": wave / 8,
        "storage": wave / 3.2,
        "ev": -np.abs(wave) / 4,
        "thermal": wave / 9,
        "charge": 0.5 + wave / 1e4,
        "charge_low": 0.3 + wave / 1e4,
        "charge_high": 0.6 + wave / 1e4,
    }.items():
        say(street, what, values, start)
    order(street, NOON - 5 * HOUR, 2 * HOUR, {1: (500, 0)}, plan=1, wish="fixed")
    return start


def test_a_day_in_key_figures(day):
    found = reports.day("street")
    key = found["key"]
    assert (found["start"], found["end"]) == (day, day + DAY)
    assert key["rms_before_w"] == pytest.approx(4000 / math.sqrt(2)) and key["rms_cut_percent"] == 50
    assert key["peak_before_w"] == pytest.approx(4000) and key["peak_cut_percent"] == 50
    assert key["moved_kwh"] == pytest.approx({kind: part * 4000 * 2 / math.pi * 24 / 1000 for kind, part in (
        ("storage", 1 / 3), ("ev", 1 / 4), ("thermal", 1 / 8))}, rel=0.01)
    assert (key["events"], key["responses"], key["nonresponders"], key["ev_unserved_kwh"]) == (2, 5, 2, 0.5)
    assert [(row["kind"], row["events"], row["unsettled"]) for row in found["settlement"]] == [
        ("fixed", 1, 1),
        ("watts", 1, 0),
    ]
    assert found["settlement"][1]["expected_kwh"] == 6 and found["settlement"][1][
        "performance_percent"
    ] == pytest.approx(81.7)


def test_cars_and_thermal_loads_count_beside_what_they_would_have_done(street):
    for what, value in {
        "planned_ev": -1000,
        "ev": -1100,
        "base_ev": -4000,
        "thermal": -700,
        "base_thermal": -1000,
        "planned_thermal": 400,
    }.items():
        say(street, what, [value], NOON)
    found = reports.series("street", NOON, NOON + STEP)
    assert found == {"planned_ev": [3000], "ev": [2900], "thermal": [300], "planned_thermal": [400]}


def test_days_are_local_and_of_their_own_length():
    settings.timezone = "Europe/Berlin"
    virtualders.create("street")
    clock.turn_to(NOON + 365 * DAY)
    found = reports.day("street", date(2026, 3, 29))
    assert found["end"] - found["start"] == 23 * HOUR and "Sunday 29 March" in found["title"]
    assert (
        reports.day("street", date(2025, 10, 26))["end"] - reports.day("street", date(2025, 10, 26))["start"]
        == 25 * HOUR
    )
    with pytest.raises(Refused, match="still to come"):
        reports.day("street", date(2027, 1, 1))


def test_a_month_day_by_day(day):
    found = reports.month("street")
    assert [one["day"] for one in found["days"]] == [f"2025-06-{number:02}" for number in range(1, 16)]
    assert found["days"][-1]["rms_cut_percent"] == 50 and found["days"][0]["rms_before_w"] is None
    assert found["key"]["events"] == 2


def test_contributions_of_a_month_are_sums_of_local_days_up_and_down(street):
    settings.timezone = "Europe/Berlin"
    midnight = reports.midnight(date(2025, 6, 14))
    say(street, "planned_storage", [1000] * 4 + [-2000] * 2, midnight)
    say(street, "planned_storage", [500] * 2, midnight + DAY - STEP)
    say(street, "storage", [800] * 4, midnight)
    found = reports.month("street")
    up, down = charts.by_day(found, "planned_storage")
    assert up.tolist() == [0] * 13 + [1.125, 0.125] and down.tolist() == [0] * 13 + [-1, 0]
    drawn = {chart["title"] for chart in charts.report_charts(found)}
    assert "Contributions by kind and day" in drawn and "Contributions by kind" not in drawn
    axes = charts.figure(found, charts.contributions_by_day, 3.2).axes[0]
    assert axes.get_ylabel() == "change in kWh a day (+ injects)" and len(axes.patches) == 2 * 15
    assert [line.get_ydata()[13] for line in axes.lines[:2]] == pytest.approx([0.8, 0])


def test_an_event_has_the_imbalance_around_it(day, evening):
    found = reports.event(evening.id)
    assert found["key"]["performance_percent"] == pytest.approx(81.7) and "before" in found["series"]
    assert len(found["series"]["before"]) == (found["end"] - found["start"]) // STEP


@pytest.mark.parametrize("which", ["event", "day", "month"])
def test_a_page_stands_alone_and_is_well_formed(day, evening, tmp_path, which):
    ask = {
        "event": lambda: reports.event(evening.id),
        "day": lambda: reports.day("street"),
        "month": lambda: reports.month("street"),
    }
    found = ask[which]()
    drawn = charts.report_charts(found)
    path = pages.write(found, drawn, tmp_path / "deep" / "page.html")
    text = path.read_text()
    tree = ElementTree.fromstring(text.partition("\n")[2])
    assert not re.search(r"https?://|<script|<link|<img|@import|url\((?!#)", text)
    names = re.findall(r'\bid="([^"]*)"', text)
    assert len(names) == len(set(names))
    assert set(re.findall(r'(?:href="#|url\(#)([^")]*)', text)) <= set(names)
    drawings = tree.findall(".//svg")
    assert len(drawings) == len(drawn) == {"event": 5, "day": 5, "month": 6}[which]
    assert all(
        one.get("role") == "img" and one.find("title").text and one.find("desc").text for one in drawings
    )
    assert all(value in text for _, value in pages.figures(found["key"]))
    assert ("81.7 %" if which == "event" else "50.0 %") in text and "UTC" in text
    assert pages.html(ask[which](), charts.report_charts(ask[which]())) == text


def test_names_are_text(street, evening):
    text = pages.html(found := reports.event(evening.id), charts.report_charts(found))
    assert EVIL not in text and "&lt;script&gt;" in text


def test_a_virtual_der_with_markup_in_its_name_is_drawn_as_it_is(street, evening):
    virtualders.update("street", name="<b>$x_1$ & co</b>")
    text = pages.html(found := reports.day("<b>$x_1$ & co</b>"), charts.report_charts(found))
    assert "<b>" not in text and text.count("&lt;b&gt;$x_1$ &amp; co") >= 3
    ElementTree.fromstring(text.partition("\n")[2])


def test_without_anything_there_is_still_a_page(street):
    found = reports.day("street")
    assert charts.report_charts(found) == [] and "RMS" not in pages.html(found, [])
