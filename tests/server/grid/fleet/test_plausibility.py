"""What devices report as far as it can be: kept and served as posted, named, and used by nothing."""
from __future__ import annotations

from typing import Any

import pytest

from server import alarms, clock
from server.grid.fleet import derreports, ratings
from server.grid.fleet.plausibility import Plausible
from server.models import ChargingSession, DerState, Device, DeviceType
from server.resources import store
from tests.server.grid.conftest import watts

NAMES = ("max_injection_w", "max_absorption_w", "capacity_wh")
STATES_OF_CHARGE = [  # hundredths of a percent, the state of charge, whether it is said to be wrong
    (0, 0.0, False),
    (5000, 0.5, False),
    (10_000, 1.0, False),
    (10_001, 1.0, False),
    (10_500, 1.0, False),
    (11_000, 1.0, False),
    (11_001, None, True),
    (20_000, None, True),
    (65_535, None, False),
]


@pytest.mark.parametrize("value, soc, implausible", STATES_OF_CHARGE)
def test_more_than_full_is_full_much_more_is_wrong(value: int, soc: float | None, implausible: bool) -> None:
    status = derreports.status_of({"readingTime": 7, "stateOfChargeStatus": {"dateTime": 5, "value": value}})
    assert (status.soc, bool(status.implausible_soc)) == (soc, implausible)
    assert status.soc_at == (None if soc is None else 7)


def power(value: int, multiplier: int = 0) -> dict[str, int]:
    return {"multiplier": multiplier, "value": value}


RATINGS: list[tuple[str, dict[str, Any], dict[str, Any], tuple[float, float, float | None], str]] = [
    ("as they should be", {"rtgMaxW": power(6000), "rtgMaxWh": power(10_000)}, {}, (6000, 0, 10_000), ""),
    ("a thousand times", {"rtgMaxW": power(6000, 3), "rtgMaxWh": power(9000)}, {}, (0, 0, 9000), "rtgMaxW"),
    ("below nothing", {"rtgMaxW": power(6000), "rtgMaxChargeRateW": power(-1)}, {}, (6000, 0, None),
     "rtgMaxChargeRateW"),
    ("a wrong setting", {"rtgMaxW": power(6000)}, {"setMaxW": power(5, 9)}, (6000, 0, None), "setMaxW"),
    ("a capacity of a power station", {"rtgMaxW": power(6000), "rtgMaxWh": power(10, 9)}, {}, (6000, 0, None),
     "rtgMaxWh"),
]


@pytest.mark.parametrize(
    "rule, capability, settings, expected, fault", RATINGS, ids=[row[0] for row in RATINGS]
)
def test_ratings_that_cannot_be_are_left_out(
    rule: str, capability: dict[str, Any], settings: dict[str, Any], expected: tuple[float, ...], fault: str
) -> None:
    columns = derreports.ratings_of({"DERCapability": {"type": 80, **capability}, "DERSettings": settings})
    assert columns is not None and tuple(columns[name] for name in NAMES) == expected
    assert (columns["implausible"] or "").partition(" ")[0] == fault


def test_availability_beyond_reason_is_left_out() -> None:
    read = Plausible()
    availability = derreports.availability_of(
        {"availabilityDuration": 2**32 - 1, "maxChargeDuration": 1800, "reserveChargePercent": 65_535,
         "reservePercent": 12_000, "statWAvail": power(30_000, 6)}, read)
    assert availability == (None, 0.5, None)
    assert [fault.partition(" ")[0] for fault in read.faults] == [
        "availabilityDuration", "reservePercent", "statWAvail"]


@pytest.mark.usefixtures("server")
def test_it_is_served_as_posted_marked_shown_and_an_alarm_until_it_is_over(battery: Any) -> None:
    device = battery(1)
    device.put("dercap", "DERCapability", {
        "modesSupported": "0050008C", "rtgMaxW": power(5000, 3), "rtgMaxWh": power(10_000), "type": 80})
    device.put("ders", "DERStatus", {
        "readingTime": clock.now(), "stateOfChargeStatus": {"dateTime": clock.now(), "value": 30_000}})
    served = device.client.get(f"{device.der}/dercap").data
    assert served["rtgMaxW"] == power(5000, 3)
    row, = ratings.ratings(device.device)
    assert (row["max_injection_w"], row["soc"]) == (0, None)
    assert row["implausible"] == ("rtgMaxW is 5000000 W, plausible is 0 to 1000000; "
                                  "stateOfChargeStatus is 300 %, plausible is 0 to 110")
    assert {alarm["kind"] for alarm in alarms.rows(source="device 1, DER 1")} == {
        "implausible rating", "implausible state of charge"}
    assert store.reindex() == 0
    device.rate(80, 5000, 5000, 10_000)
    device.charge(1.05)
    assert not alarms.rows() and ratings.ratings(device.device)[0]["implausible"] == ""
    assert DerState.get().soc == 1.0


@pytest.mark.usefixtures("server")
def test_an_alarm_ends_with_what_it_is_about(battery: Any) -> None:
    device = battery(1)
    device.put("dera", "DERAvailability", {"readingTime": clock.now(), "statWAvail": power(30_000, 6)})
    assert len(alarms.rows()) == 1 and DerState.get().available_w is None
    device.put("dera", "DERAvailability", {"readingTime": clock.now(), "statWAvail": power(3000)})
    assert not alarms.rows() and DerState.get().available_w == 3000
    device.put("dera", "DERAvailability", {"readingTime": clock.now(), "statWAvail": power(30_000, 6)})
    store.remove(device.der)
    assert not alarms.rows()


@pytest.mark.usefixtures("server")
def test_an_operator_overrides_ratings_until_they_are_cleared(battery: Any) -> None:
    device = battery(1)
    ratings.rate(device.device, 1, {"max_injection_w": 3000.0, "capacity_wh": 8000.0})
    row, = ratings.ratings(device.device)
    assert [row[name] for name in NAMES] == [3000, 5000, 8000]  # type: ignore[literal-required]
    assert row["overridden"] == "max_injection_w, capacity_wh"
    device.rate(80, 9000, 9000, 9000)
    assert [ratings.ratings(device.device)[0][name] for name in NAMES] == [3000, 9000, 8000]  # type: ignore
    assert store.reindex() == 0
    ratings.rate(device.device, 1, dict.fromkeys(NAMES))
    assert [ratings.ratings(device.device)[0][name] for name in NAMES] == [9000, 9000, 9000]  # type: ignore


@pytest.mark.usefixtures("server")
def test_a_rating_that_is_overridden_is_no_alarm_any_more(battery: Any) -> None:
    device = battery(1)
    device.put("dercap", "DERCapability", {
        "modesSupported": "0050008C", "rtgMaxW": power(5000, 3), "rtgMaxWh": power(10, 9), "type": 80})
    ratings.rate(device.device, 1, {"max_injection_w": 5000.0})
    assert ratings.ratings(device.device)[0]["implausible"].startswith("rtgMaxWh is")
    ratings.rate(device.device, 1, {"capacity_wh": 10_000.0})
    assert not alarms.rows() and ratings.ratings(device.device)[0]["implausible"] == ""
    assert store.reindex() == 0
    ratings.rate(device.device, 1, dict.fromkeys(NAMES))
    assert len(alarms.rows()) == 1


@pytest.mark.usefixtures("server")
def test_a_device_that_reports_nothing_can_be_rated(home: Any) -> None:
    device = home(1)
    ratings.rate(device.device, 1, {"max_injection_w": 3000.0})
    assert DerState.get().max_injection_w == 3000 and store.reindex() == 0
    store.remove(device.der)
    assert not DerState.select().exists()


@pytest.mark.usefixtures("server")
def test_a_load_and_a_request_that_cannot_be(home: Any) -> None:
    device = home(1, category=1)
    information = {
        "functionsImplemented": "2000", "lFDI": device.lfdi, "mfDate": 0, "mfHwVer": "1", "mfID": 0,
        "mfModel": "m", "mfSerNum": "s", "primaryPower": 1, "secondaryPower": 0, "swActTime": 0, "swVer": "1",
        "DRLCCapabilities": {"averageEnergy": watts(1), "maxDemand": power(25, 9),
                             "optionsImplemented": "00000000"}}
    assert device.client.put("/edev/1/di", "DeviceInformation", information).status == 204
    assert DeviceType.get().max_load_w is None
    now = clock.now()
    request = {
        "mRID": "0A", "creationTime": now, "energyRequested": power(14_000), "powerRequested": power(7, 9),
        "RequestStatus": {"dateTime": now, "requestStatus": 0},
        "intervalRequested": {"start": now, "duration": 36_000}}
    assert device.client.post("/edev/1/frq", "FlowReservationRequest", request).status == 201
    assert ChargingSession.get().cancelled
    answer, = store.items("/edev/1/frp")
    assert answer.submitted["powerAvailable"]["value"] == 0
    assert {alarm["kind"] for alarm in alarms.rows()} == {"implausible rating", "implausible request"}
    assert Device.get().state == Device.ENROLLED and store.reindex() == 0
