"""What devices mirror is counted once and whole, wherever readings are used.

The rules are tested in series/test_meteruse and series/test_devicepower, the rows in test_rebuild.
"""
from __future__ import annotations

import math
from typing import Any

import pytest

from server import alarms, clock
from server.grid.fleet import memberqueries, power
from server.grid.flexibility import status
from server.grid.groups import virtualders
from server.grid.series import devicereadings, measurements, presentpower
from server.models import Device, Meter
from server.resources import store
from tests.conftest import NOON

STEP = 900
DAY = 86_400
FORWARD, REVERSE, NET = 1, 19, 4
DELTA, CUMULATIVE = 4, 3
WH = 72
Value = tuple[dict[str, Any], int]  # elements of the ReadingType, and the value


class Mirror:
    """A mirror of a device, with a MirrorMeterReading for each ReadingType."""

    def __init__(self, home: Any, number: int = 1, roles: str = "0009") -> None:
        self.home, self.number, self.roles = home, number, roles

    def post(self, *values: Value, start: int | None = None, duration: int = 60) -> None:
        start = clock.now() - duration if start is None else start
        tail = f"{self.home.device.id:04X}{self.number:02X}"
        body = {
            "mRID": f"A{tail}", "roleFlags": self.roles, "serviceCategoryKind": 0, "status": 1,
            "deviceLFDI": self.home.lfdi,
            "MirrorMeterReading": [
                {
                    "mRID": f"B{tail}{index:02X}",
                    "Reading": {"timePeriod": {"start": start, "duration": duration}, "value": value},
                    "ReadingType": {"uom": 38, "powerOfTenMultiplier": 0, **reading_type},
                }
                for index, (reading_type, value) in enumerate(values)
            ],
        }
        assert self.home.client.post("/mup", "MirrorUsagePoint", body).status in (201, 204)


@pytest.fixture
def device(home):
    device = home(1)
    virtualders.create("street", members=["d1"])
    return device


def everywhere(device: Any, quantity: str = "other") -> float | None:
    """The power now, which has to be the same wherever it is asked; None where it is not known."""
    Device.update(last_contact_at=clock.now()).execute()
    latest = power.latest([device.lfdi]).get(device.lfdi)
    present_w = None if latest is None else latest.injection_w
    meters = memberqueries.read(virtualders.find("street"), clock.now()).meters
    last = float((meters.premises_injection_w if quantity == "premises" else meters.injection_w)[0])
    assert (math.isnan(last) and present_w is None) or last == present_w
    if quantity != "premises":
        assert status.status("street")["injection_w"] == (present_w or 0.0)
    assert presentpower.of_members(virtualders.find("street"), quantity, clock.now()) == present_w
    return present_w


def of_interval(device: Any, start: int = NOON, quantity: str = "other") -> float | None:
    """The mean power of an interval, which has to be the same wherever it is asked."""
    mean_w = float(devicereadings.mean_injection_w([device.device.id], start, start + STEP)[0, 0])
    measurements.roll(start)
    rolled_w = float(measurements.read("street", quantity, start, 1)[0])
    assert (math.isnan(mean_w) and math.isnan(rolled_w)) or mean_w == pytest.approx(rolled_w)
    total = power.mean([device.lfdi], start, start + STEP).get(device.lfdi)
    assert (total is None and math.isnan(mean_w)) or total == pytest.approx(mean_w)
    return total


def phase(code: int, **other: Any) -> dict[str, Any]:
    return {"flowDirection": FORWARD, "phase": code, **other}


CONSISTENT: list[tuple[str, list[Value], float]] = [
    ("three phases without a sum", [(phase(128), 1000), (phase(64), 1100), (phase(32), 900)], -3000),
    ("the sum of the phases beside them",
     [(phase(128), 1000), (phase(64), 1100), (phase(32), 900), ({"flowDirection": FORWARD}, 3001)], -3001),
    ("net beside both directions",
     [({"flowDirection": NET}, 800), ({"flowDirection": FORWARD}, 900), ({"flowDirection": REVERSE}, 100)],
     -800),
    ("power beside energy", [({"flowDirection": REVERSE}, 3000), ({"flowDirection": REVERSE, "uom": WH}, 50)],
     3000),
    ("kilowatts", [({"flowDirection": REVERSE, "powerOfTenMultiplier": 3}, 4)], 4000),
    ("energy of an interval", [({"flowDirection": REVERSE, "uom": WH}, 50)], 3000),
    ("energy of an interval, by its behaviour",
     [({"flowDirection": FORWARD, "uom": WH, "accumulationBehaviour": DELTA}, 50)], -3000),
]


@pytest.mark.parametrize("rule, values, expected_w", CONSISTENT, ids=[row[0] for row in CONSISTENT])
def test_of_what_a_mirror_says_one_consistent_set_counts(
    device: Any, rule: str, values: list[Value], expected_w: float
) -> None:
    Mirror(device).post(*values)
    assert everywhere(device) == expected_w
    assert of_interval(device, NOON - STEP) == expected_w
    assert store.reindex() == 0


def test_a_phase_that_is_missing_makes_the_sum_unknown(device: Any) -> None:
    mirror = Mirror(device)
    mirror.post((phase(128), 1000), (phase(64), 1100))
    assert everywhere(device) == -2100
    clock.advance(STEP)
    mirror.post((phase(128), 1000))
    assert everywhere(device) is None and of_interval(device) is None
    assert of_interval(device, NOON - STEP) == -2100


def test_a_meter_that_was_silent_for_hours_says_nothing_of_now(device: Any) -> None:
    Mirror(device).post(({"flowDirection": REVERSE}, 5000))
    clock.advance(10 * 3600)
    assert everywhere(device) is None


def test_a_reading_is_of_now_until_two_of_its_periods_have_passed(device: Any) -> None:
    Mirror(device).post(({"flowDirection": REVERSE}, 5000), duration=STEP)
    clock.advance(2 * STEP)
    assert everywhere(device) == 5000
    clock.advance(1)
    assert everywhere(device) is None


def test_a_mean_of_a_day_is_no_power_of_now(device: Any) -> None:
    Mirror(device).post(({"flowDirection": REVERSE}, 5000), duration=DAY)
    assert everywhere(device) is None and of_interval(device, NOON - STEP) == 5000


def test_a_mirror_made_anew_continues_the_one_before(device: Any) -> None:
    Mirror(device, 1).post(({"flowDirection": REVERSE}, 5000), start=NOON - 600, duration=300)
    Mirror(device, 2).post(({"flowDirection": REVERSE}, 5200), start=NOON - 300, duration=300)
    assert everywhere(device) == 5200
    assert of_interval(device, NOON - STEP) == 5100
    assert store.reindex() == 0
    clock.advance(DAY)
    Mirror(device, 2).post(({"flowDirection": REVERSE}, 700))
    assert everywhere(device) == 700


def test_a_mirror_made_anew_for_the_same_time_counts_once(device: Any) -> None:
    for number in (1, 2):
        Mirror(device, number).post(({"flowDirection": REVERSE}, 5000))
    assert everywhere(device) == 5000


def test_two_mirrors_that_are_both_read_are_two(device: Any) -> None:
    first, second = Mirror(device, 1), Mirror(device, 2)
    for _ in range(2):
        first.post(({"flowDirection": REVERSE}, 5000))
        second.post(({"flowDirection": REVERSE}, 300))
        clock.advance(60)
    assert everywhere(device) == 5300
    assert of_interval(device, NOON - STEP) == 5300
    clock.advance(3600)
    second.post(({"flowDirection": REVERSE}, 300))
    assert everywhere(device) is None, "what the first measures is not known now"
    clock.advance(DAY)
    second.post(({"flowDirection": REVERSE}, 300))
    assert everywhere(device) == 300, "the first was given up"


def test_a_mirror_without_its_successor_counts_again(device: Any) -> None:
    Mirror(device, 1).post(({"flowDirection": REVERSE}, 5000))
    Mirror(device, 2).post(({"flowDirection": REVERSE}, 6000))
    newest, = (mirror for mirror in store.items("/mup") if mirror.submitted["mRID"].endswith("02"))
    store.remove(newest.submitted.get("UsagePointLink", {}).get("href", "/upt/2"))
    assert {row.slot for row in Meter.select()} == {"/upt/1"}
    assert everywhere(device) == 5000


def test_premises_are_no_successor_of_a_device(device: Any) -> None:
    Mirror(device, 1).post(({"flowDirection": REVERSE}, 5000))
    Mirror(device, 2, roles="0003").post(({"flowDirection": FORWARD}, 900))
    assert everywhere(device) == 5000
    columns = memberqueries.read(virtualders.find("street"), clock.now())
    assert columns.meters.premises_injection_w.tolist() == [-900]


@pytest.mark.parametrize("reading_type", [
    {"flowDirection": FORWARD, "uom": WH},
    {"flowDirection": FORWARD, "uom": WH, "accumulationBehaviour": CUMULATIVE},
])
def test_a_register_says_power_by_how_it_advanced(device: Any, reading_type: dict[str, Any]) -> None:
    mirror = Mirror(device)
    mirror.post((reading_type, 99_900), start=NOON, duration=0)
    assert everywhere(device) is None, "one value of a register is no power"
    clock.turn_to(NOON + 450)
    mirror.post((reading_type, 99_950), start=NOON + 450, duration=0)
    assert everywhere(device) == -400
    clock.turn_to(NOON + 900)
    mirror.post((reading_type, 50), start=NOON + 900, duration=0)
    assert everywhere(device) == -800, "five dials, which have rolled over"
    assert of_interval(device) == -600
    assert store.reindex() == 0
    clock.turn_to(NOON + 1000)
    mirror.post((reading_type, 0), start=NOON + 1000, duration=0)
    assert everywhere(device) is None, "it was reset"
    assert store.reindex() == 0


def test_a_value_of_a_register_that_comes_late_is_put_between(device: Any) -> None:
    mirror = Mirror(device)
    register = {"flowDirection": FORWARD, "uom": WH, "accumulationBehaviour": CUMULATIVE}
    clock.turn_to(NOON + 2 * STEP)
    for start, value in ((NOON, 1000), (NOON + 2 * STEP, 1300), (NOON + STEP, 1050)):
        mirror.post((register, value), start=start, duration=0)
    assert of_interval(device) == -200 and of_interval(device, NOON + STEP) == -1000


def test_an_impossible_reading_is_kept_used_by_nothing_and_said(device: Any) -> None:
    device.rate(4, inject=6000)
    mirror = Mirror(device)
    kilowatts = {"flowDirection": REVERSE, "powerOfTenMultiplier": 3}
    mirror.post((kilowatts, 4))
    assert everywhere(device, "pv") == 4000 and not alarms.rows()
    clock.advance(300)
    mirror.post((kilowatts, 40), start=NOON, duration=300)
    meter = Meter.get()
    assert (meter.injection_w, meter.peak_load_w, meter.rated_w) == (4000, 0, 6000)
    assert of_interval(device, quantity="pv") is None
    alarm, = alarms.rows()
    assert alarm["source"] == "device 1" and "40000 W" in alarm["detail"] and "6000 W" in alarm["detail"]
    assert store.reindex() == 0
    device.rate(4, inject=30_000)
    assert Meter.get().rated_w == 30_000, "the rating was wrong, not the meter"
    assert everywhere(device, "pv") == of_interval(device, quantity="pv") == 40_000


@pytest.mark.parametrize("reading_type", [
    {"flowDirection": REVERSE}, {"flowDirection": REVERSE, "uom": WH},
    {"flowDirection": REVERSE, "uom": WH, "accumulationBehaviour": CUMULATIVE}])
def test_a_period_of_a_century_spoils_nothing(device: Any, reading_type: dict[str, Any]) -> None:
    """Neither what was read before nor what is read later, nor any interval that it covers."""
    mirror = Mirror(device)
    for start, value, duration in ((-600, 50, 60), (-400, 100, 60), (-200, 5000, 2**32 - 1), (-160, 150, 60)):
        mirror.post((reading_type, value), start=NOON + start, duration=duration)
    assert everywhere(device) is not None and of_interval(device) is None
    assert Meter.get().read_at == NOON - 100
    alarm, = alarms.rows()
    assert "4294967295 s" in alarm["detail"] and store.reindex() == 0


def test_a_load_is_not_limited_by_the_rating_of_a_generator(device: Any) -> None:
    device.rate(4, inject=1000)
    Mirror(device, roles="0003").post(({"flowDirection": FORWARD}, 9000))
    assert Meter.get().rated_w is None and everywhere(device, "premises") == -9000


def test_a_tier_is_part_of_the_whole(device: Any) -> None:
    """touTier 0 is of all tiers; what is read of one tier is contained in it."""
    mirror = Mirror(device)
    mirror.post(({"flowDirection": FORWARD}, 900))
    period = {"start": clock.now() - 30, "duration": 30}
    body = {"mRID": "B00010100", "Reading": {"timePeriod": period, "value": 300, "touTier": 1}}
    assert device.client.post("/mup/1", "MirrorMeterReading", body).status == 201
    assert everywhere(device) == -900


@pytest.mark.parametrize("later", [
    {"timePeriod": {"start": NOON - 900, "duration": 300}, "Reading": [{"value": 700}]},
    {"timePeriod": {"start": NOON - 300, "duration": 300}, "Reading": []},
])
def test_a_set_in_place_of_the_newest_takes_its_reading_away(device, later):
    Mirror(device).post(({}, 500), start=NOON - 900, duration=300)
    quantity = {"mRID": f"B{device.device.id:04X}0100"}

    def post(reading_set):
        body = {**quantity, "MirrorReadingSet": [{"mRID": "0C", **reading_set}]}
        assert device.client.post("/mup/1", "MirrorMeterReading", body).status in (201, 204)

    post({"timePeriod": {"start": NOON - 300, "duration": 300}, "Reading": [{"value": 900}]})
    assert (Meter.get().read_at, Meter.get().injection_w) == (NOON, 900)
    post(later)
    assert Meter.get().read_at == NOON - 600 and store.reindex() == 0
