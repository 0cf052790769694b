import math

import numpy as np
import pytest

from server import clock
from server.devices import enrolment
from server.errors import Refused
from server.grid.groups import singledevices, virtualders
from server.grid.series import devicereadings, measurements
from server.models import Device, Measurement, Meter, Series, VirtualDER
from server.resources import meterreadings, retention, store
from tests import peers
from tests.conftest import NOON

pytestmark = pytest.mark.usefixtures("server")
STEP = 900
NAN = math.nan


@pytest.fixture
def meter(server):
    """`meter(1, "sun", factor)`: a MeterReading of device 1, as the state keeps it; its href."""
    def create(device, quantity="storage", factor=1.0):
        if not Device.select().where(Device.id == device).exists():
            enrolment.enrol(peers.lfdi(device), name=f"d{device}")
        href = f"/upt/{device}/mr/{Meter.select().count() + 1}"
        Meter.create(href=href, device=device, kind=quantity, factor=factor)
        return href
    return create


def read(href, start, value, duration=STEP):
    meterreadings.record(
        href, {"timePeriod": {"start": start, "duration": duration}, "value": value}, clock.now()
    )


def read_set(href, start, values, duration=STEP):
    with store.transaction():
        meterreadings.record_set(
            href,
            {
                "mRID": f"{start:X}",
                "timePeriod": {"start": start, "duration": duration},
                "Reading": [
                    {
                        "value": value,
                        "timePeriod": {
                            "start": start + number * duration // len(values),
                            "duration": duration // len(values),
                        },
                    }
                    for number, value in enumerate(values)
                ],
            },
            href,
            start + duration,
        )


def summed(vder="street", quantity="storage", start=NOON):
    return measurements.read(vder, quantity, start, 1)[0]


def test_meters_are_summed_by_virtual_der_and_by_what_they_measure(meter):
    readings = ((1, "storage", 1000), (2, "storage", 500), (2, "pv", 70), (3, "storage", 9))
    for device, quantity, value in readings:
        read(meter(device, quantity, -1.0 if quantity == "storage" else 10.0), NOON, value)
    virtualders.create("town", members=["d3"])
    virtualders.create("street", parent="town", members=["d1", "d2"])
    assert measurements.roll(NOON) == 4
    assert {(row.vder.name, row.quantity): (row.value, row.devices_read) for row in Measurement.select()} == {
        ("street", "storage"): (-1500, 2),
        ("street", "pv"): (700, 1),
        ("town", "storage"): (-1509, 3),
        ("town", "pv"): (700, 1),
    }


def test_a_virtual_der_of_one_device_is_not_summed(meter):
    read(meter(1), NOON, 5)
    singledevices.ensure([Device.get()], 100)
    assert measurements.roll(NOON) == 0


READINGS = [
    # what was read: (start, W, seconds) after noon; the mean
    ("it all", [(0, 100, 900)], 100),
    ("thirds", [(0, 90, 300), (300, 60, 300), (600, 30, 300)], 60),
    ("a part that lies outside", [(-300, 100, 600), (300, 400, 600)], 300),
    ("longer than the interval", [(-900, 80, 3600)], 80),
    ("what is missing is not nothing", [(0, 100, 300)], 100),
    ("instants", [(0, 10, 0), (450, 30, 0)], 20),
    ("instants at the edges", [(-1, 1000, 0), (0, 10, 0), (900, 1000, 0)], 10),
    ("what touches alone", [(-900, 5, 900), (900, 7, 900)], NAN),
    ("no value", [(0, None, 900)], NAN),
]


@pytest.mark.parametrize("as_set", [False, True])
@pytest.mark.parametrize("quantity, rows, expected", READINGS, ids=[row[0] for row in READINGS])
def test_a_reading_counts_by_how_much_of_its_time_lies_in_the_interval(
    meter, quantity, rows, expected, as_set
):
    href = meter(1)
    virtualders.create("street", members=["d1"])
    for at, value, duration in rows:
        if as_set:
            read_set(href, NOON + at, [value], duration)
        else:
            read(href, NOON + at, value, duration)
    measurements.roll(NOON)
    assert np.array_equal([summed()], [expected], equal_nan=True)
    device = devicereadings.mean_injection_w([1], NOON, NOON + STEP)
    assert np.array_equal(device, [[expected]], equal_nan=True)


def test_two_directions_of_one_device_are_one_sum(meter):
    for factor, value in ((-1.0, 300), (1.0, 120)):
        read(meter(1, "premises", factor), NOON, value)
    virtualders.create("street", members=["d1"])
    measurements.roll(NOON)
    assert summed(quantity="premises") == -180 and Measurement.get().devices_read == 1


def test_an_interval_across_midnight_has_the_readings_of_both_days(meter):
    midnight = NOON + 43200
    href = meter(1)
    virtualders.create("street", members=["d1"])
    read(href, midnight - 600, 100, 1200)
    read(href, midnight + 600, 400, 300)
    measurements.roll(midnight)
    assert summed(start=midnight) == 200
    measurements.roll(midnight - STEP)
    assert summed(start=midnight - STEP) == 100


def test_to_roll_again_counts_what_came_late_and_nothing_twice(meter):
    href = meter(1)
    virtualders.create("street", members=["d1"])
    read(href, NOON, 100, 450)
    for _ in range(2):
        measurements.roll(NOON)
        assert summed() == 100
    read(href, NOON + 450, 300, 450)
    measurements.roll(NOON)
    assert summed() == 200 and Measurement.select().count() == 1
    with pytest.raises(ValueError, match="no interval begins"):
        measurements.roll(NOON + 1)


def test_what_is_due_is_rolled_once_in_a_while_and_late_readings_with_it(meter):
    href = meter(1)
    virtualders.create("street", members=["d1"])
    read(href, NOON, 100)
    clock.turn_to(NOON + STEP - 1)
    assert measurements.roll_due(clock.now()) > 0 and math.isnan(summed())
    clock.turn_to(NOON + STEP)
    assert measurements.roll_due(clock.now()) > 0 and summed() == 100
    assert measurements.roll_due(clock.now()) == 0
    read(href, NOON, 200)
    clock.advance(measurements.PACE)
    measurements.roll_due(clock.now())
    assert summed() == 200
    read_set(href, NOON - 12 * STEP, [1] * 24 + [800] + [1] * 71, 96 * STEP)
    clock.turn_to(NOON + 97 * STEP)
    measurements.roll_due(clock.now())
    assert summed() == (200 + 1) / 2
    read_set(href, NOON - 12 * STEP, [1] * 12 + [800] + [1] * 83, 96 * STEP)
    assert measurements.roll_between(NOON - 100, NOON + STEP) == 1 and summed() == (200 + 800) / 2


def test_history_is_read_in_wider_steps_and_by_intervals(meter):
    virtualders.create("street")
    vder = VirtualDER.get()
    for number, value in enumerate([1.0, 3.0, None, 5.0]):
        Measurement.create(vder=vder, quantity="pv", start=NOON + number * STEP, value=value)
    assert np.array_equal(
        measurements.read("street", "pv", NOON - STEP, 6), [NAN, 1, 3, NAN, 5, NAN], equal_nan=True
    )
    assert measurements.read("street", "pv", NOON, 2, 1800).tolist() == [2, 5]
    Measurement.create(vder=vder, quantity="load", start=NOON, value=-9.0)
    assert measurements.show("street", NOON, NOON + 1800) == [
        {"start": NOON, "injection_w": {"load": -9, "pv": 1}},
        {"start": NOON + STEP, "injection_w": {"pv": 3}},
    ]


def test_history_is_imported_and_gaps_change_nothing():
    virtualders.create("street")
    start = NOON - 4 * STEP
    assert measurements.put("street", "premises", start, [-1, -2, -3, -4], dry_run=True)["intervals"] == 4
    assert not Measurement.select().exists()
    measurements.put("street", "premises", start, [-1, -2, -3, -4])
    result = measurements.put("street", "premises", start, [-10.0, None, -30.0], 1800 // 2)
    assert measurements.read("street", "premises", start, 4).tolist() == [-10, -2, -30, -4]
    assert result["warnings"] == [
        "premises of street has no values from 2025-06-15T11:15Z until 2025-06-15T11:30Z"
    ]
    measurements.put("street", "premises", start, [-3, -6, -9], 300)
    assert measurements.read("street", "premises", start, 1).tolist() == [-6]
    for values, why in (([1] * 5, "after now .2025-06-15T12:00Z"), ([NAN], "is not a finite number")):
        with pytest.raises(Refused, match=why):
            measurements.put("street", "premises", start, values)


def test_devices_are_read_side_by_side(meter):
    for device, quantity, value in (
        (1, "premises", -700),
        (1, "pv", 300),
        (2, "premises", -50),
        (1, "storage", 40),
    ):
        read(meter(device, quantity), NOON, value)
    enrolment.enrol(peers.lfdi(3))
    means = devicereadings.mean_injection_w([3, 2, 1], NOON - STEP, NOON + 2 * STEP)
    assert np.array_equal(means, [[NAN] * 3, [NAN, -50, NAN], [NAN, 340, NAN]], equal_nan=True)
    assert devicereadings.mean_injection_w([], NOON, NOON + STEP).shape == (0, 1)


def test_what_is_old_is_forgotten():
    virtualders.create("street")
    vder = VirtualDER.get()
    for start in (NOON - STEP, NOON):
        Measurement.create(vder=vder, quantity="pv", start=start, value=1.0)
        Series.create(
            vder=vder, quantity="price", issued_at=0, start=start, step_s=STEP, until=start + STEP, values=[1]
        )
    assert retention.remove("measurements", NOON) == 1
    assert retention.remove("measurements", NOON + 1) == 1
    assert retention.remove("signals and forecasts", NOON + 1) == 1 and Series.get().start == NOON


@pytest.mark.parametrize("quantity, value, expected", [
    ("load", 500.0, 1), ("pv", -500.0, 1), ("load", -500.0, 0), ("premises", 5.0, 0)])
def test_imported_signs_that_cannot_be_are_warned_of(server, quantity, value, expected):
    virtualders.create("street")
    result = measurements.put("street", quantity, NOON - 7200, [value, value], 900)
    assert len(result["warnings"]) == expected
