"""Twelve homes kept in balance over TLS in stepped time, by the real server and its worker: what the plan
asks, real clients do, by DERControls, load controls and flow reservations; what they did comes back in their
readings."""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from server import clock
from server.grid.series import measurements
from server.models import Balance, Device, DispatchOrder, ResponseRecord, Share
from tests.flows.server import Server, entries
from tests.load.grid import street
from tests.load.grid.devicemodels import QUARTER
from tests.load.grid.street import DayResult, Entry, Street

pytestmark = pytest.mark.flow

BEGIN = 1_776_427_200  # noon of 17 April 2026, UTC
STEPS = 9
LOAD, SUN, HEAT = (np.array(values, dtype=float) for values in (
    [6000, 6200, 6500, 6500, 6300, 6000, 5800, 6000, 6200],
    [4000, 3800, 3000, 2500, 2600, 3000, 2400, 1500, 1000],
    [1500, 1500, 1800, 2000, 2000, 1800, 1500, 1500, 1600]))
SUPPLY = np.array([4500, 6500, 9000, 9500, 8000, 6500, 7000, 7500, 7500], dtype=float)
BATTERY = {
    "max_w": 3000.0,
    "max_charge_w": 3000.0,
    "max_discharge_w": 3000.0,
    "max_wh": 7000.0,
    "stored_wh": 3500.0,
    "round_trip_efficiency": 0.9025,
}
VISIT = [BEGIN + QUARTER, BEGIN + 7 * QUARTER, 3000.0]


def device(model: str, **ratings: object) -> Entry:
    return {"model": model, "ratings": ratings}


def pump(part: float) -> Entry:
    series = (part * HEAT).tolist()
    return device("pump", max_charge_w=3000.0, span_wh=2250.0, retention=0.9876, begin=BEGIN, series=series)


def prepared_street() -> Street:
    every = [device("solar", max_w=5000.0, panel_w=5000.0, begin=BEGIN, series=SUN.tolist()),
             *(device("battery", **BATTERY) for _ in range(3)), pump(0.6), pump(0.4),
             device("car", max_charge_w=3700.0, trips=[VISIT]), device("car", max_charge_w=11000.0, trips=[])]
    return Street(
        BEGIN, [entry | {"name": f"{entry['model']} {number}"} for number, entry in enumerate(every)], LOAD,
        SUPPLY
    )


class Day(NamedTuple):
    """What happened."""
    server: Server
    known: list[Entry]
    result: DayResult


@pytest.fixture(scope="module")
def day(serve: Callable[..., Server], tmp_path_factory: pytest.TempPathFactory) -> Day:
    folder: Path = tmp_path_factory.mktemp("street")
    clock.stand_in(folder / "clock", BEGIN - street.BEFORE * QUARTER)
    server = serve(clock=clock.spec(), workers=1, **street.SETTINGS)
    whole = prepared_street()
    certificates = [entry for name, entry in entries(server.certs).items() if name.startswith("device-")]
    known = street.enrol(whole, certificates[:len(whole.devices)])
    return Day(server, known, street.run_day(whole, server, known, folder))


def test_what_would_have_been_is_what_nobody_asked_for(day: Day) -> None:
    car = np.zeros(STEPS)
    car[1:5] = 3700, 3700, 3700, 900
    assert np.allclose(day.result.uncontrolled_imbalance_w, LOAD - SUN + HEAT + car - SUPPLY, atol=1)


def test_most_of_the_imbalance_is_gone(day: Day) -> None:
    assert day.result.rms_cut > 0.8
    assert Balance.get().last_error == ""


def test_devices_do_what_the_plan_asked_of_them(day: Day) -> None:
    whole = prepared_street()
    assert np.allclose(day.result.load_w["battery"], street.planned_w(whole, "storage"), atol=20)
    assert (
        np.abs(street.planned_w(whole, "storage")).max() > 300
        and np.abs(street.planned_w(whole, "thermal")).max() > 500
    )
    energy = np.sum(day.result.moved_w["thermostat"]) / np.sum(street.planned_w(whole, "thermal"))
    assert 0.7 < energy < 1.3


def test_readings_say_what_was_done(day: Day) -> None:
    assert measurements.roll_between(BEGIN, BEGIN + STEPS * QUARTER) == STEPS
    for what, kind in (
        ("storage", "battery"),
        ("thermal", "thermostat"),
        ("ev", "evcharger"),
        ("pv", "inverter"),
    ):
        read = measurements.read(street.AREA, what, BEGIN, STEPS, QUARTER)
        assert np.allclose(read, -np.array(day.result.load_w[kind]), atol=len(day.known))


def test_cars_are_full_and_reserves_are_kept(day: Day) -> None:
    assert max(day.result.unserved_wh) < 1
    assert min(day.result.lowest_soc) >= 0.1


def test_whoever_was_told_has_answered(day: Day) -> None:
    """Received, started and completed, of every event that has begun and ended; all but the last step's
    have."""
    lfdis = {entry["lfdi"] for entry in day.known if entry["model"] == "battery"}
    over = (
        Share.select()
        .join(DispatchOrder)
        .where(DispatchOrder.quantity == "percent", DispatchOrder.start < BEGIN + (STEPS - 1) * QUARTER)
    )
    assert {share.lfdi for share in over} == lfdis
    for share in over:
        rows = ResponseRecord.select().where(
            ResponseRecord.subject == share.mrid, ResponseRecord.lfdi == share.lfdi
        )
        assert sorted(answer.status for answer in rows) == [1, 2, 3]


def test_nobody_complains(day: Day) -> None:
    assert day.server.log == ""
    assert all(device.last_contact_at is not None for device in Device.select())
