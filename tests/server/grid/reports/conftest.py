"""A street with a battery, a car, a heat pump and the sun; an evening with an order; a day with a balance."""
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from server import clock
from server.devices import enrolment
from server.grid.groups import virtualders
from server.grid.reports import baselines, likedays
from server.grid.reports.baselines import BaselineRequest
from server.grid.series import measurements
from server.models import ChargingSession, DeviceType, DispatchOrder, Meter, ResponseRecord, Share, VirtualDER
from server.resources import meterreadings, store
from tests import peers
from tests.conftest import NOON

STEP, HOUR, DAY = 900, 3600, 86400
MARKUP = '<script>alert("x")</script>'
KINDS = {1: "storage", 2: "ev", 3: "thermal", 4: "pv"}


@pytest.fixture
def street(server):
    """A street of four devices, each with a meter that reads injection; the first has an evil name."""
    for number, quantity in KINDS.items():
        enrolment.enrol(peers.lfdi(number), name=MARKUP if number == 1 else f"d{number}")
        DeviceType.delete().where(DeviceType.device == number).execute()
        DeviceType.create(device=number, kind=quantity)
        Meter.create(href=meter(number), device=number, kind=quantity, factor=1.0)
    virtualders.create("street", members=[peers.lfdi(number) for number in KINDS])
    return VirtualDER.get(VirtualDER.name == "street")


def meter(number):
    return f"/upt/{number}/mr/1"


def read_injection(number, start, watts):
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


def order(street, start, duration, shares, created=None, plan=None, quantity="watts"):
    """An order with shares {number: (planned, baseline)}; its events have mRIDs E<number>."""
    row = DispatchOrder.create(
        vder=street,
        quantity=quantity,
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


def respond(row, number, status, received):
    ResponseRecord.create(
        href=f"/rsps/1/rsp/{ResponseRecord.select().count() + 1}",
        subject=f"E{row.id}",
        lfdi=peers.lfdi(number),
        status=status,
        created_at=received,
        received_at=received,
    )


def baseline(number, start, end, **more):
    """The baseline of a device of the street."""
    return baselines.member_baseline(
        BaselineRequest(number, peers.lfdi(number), KINDS[number], start, end, **more)
    )


def read_like_days(days, watts, event=NOON, zone="UTC", number=3, night_w=None):
    """The heat pump, or another device, draws so much at 06:00 to 18:00 local time of each of these many days
    before the event's, and `night_w` for six hours after that, if it is read then."""
    local_zone = ZoneInfo(zone)
    for day in likedays.like_days(datetime.fromtimestamp(event, local_zone).date())[-days:]:
        begin = datetime(day.year, day.month, day.day, 6, tzinfo=local_zone)
        evening = [] if night_w is None else [-night_w] * 24
        read_injection(number, int(begin.timestamp()), [-watts(day)] * 48 + evening)


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
    read_injection(1, NOON, [900] * 4)
    read_injection(2, NOON, [0] * 4)
    read_injection(3, NOON - 6 * HOUR, [-1000] * 32)
    read_like_days(10, lambda day: 1000)
    for number, delays in {1: (60, 900, 4500), 2: (300, 901)}.items():
        for status, delay in zip((1, 2, 3), delays, strict=False):
            respond(row, number, status, NOON - 900 + delay)
    clock.turn_to(NOON + 2 * HOUR)
    return row


def record(street, quantity, values, start):
    measurements.save(
        {
            "vder": street.id,
            "quantity": quantity,
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
    for quantity, values in {
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
        record(street, quantity, values, start)
    order(street, NOON - 5 * HOUR, 2 * HOUR, {1: (500, 0)}, plan=1, quantity="fixed")
    return start
