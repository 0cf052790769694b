"""One member that reports what cannot be never stops or zeroes what the others of its group do."""
from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from server import clock
from server.grid.balance import areasettings, controller, planning
from server.grid.flexibility import capability, rollup, status
from server.grid.groups import virtualders
from server.grid.series import measurements, signals
from server.models import Balance
from server.resources import store
from tests.conftest import NOON
from tests.ordered import create_order

STEP = 900
FULL_BITS = 2**32 - 1
YEAR_9800 = 247_100_000_000


def watts(value: int, multiplier: int = 0) -> dict[str, int]:
    return {"multiplier": multiplier, "value": value}


def capable(**other: Any) -> Callable[[Any], None]:
    data = {"modesSupported": "0050008C", "rtgMaxChargeRateW": watts(5000),
            "rtgMaxDischargeRateW": watts(5000), "rtgMaxW": watts(5000), "rtgMaxWh": watts(10_000),
            "type": 80, **other}
    return lambda device: device.put("dercap", "DERCapability", data)


def charged(value: int, at: int = NOON) -> Callable[[Any], None]:
    return lambda device: device.put("ders", "DERStatus", {
        "readingTime": at, "stateOfChargeStatus": {"dateTime": at, "value": value}})


def available(**other: Any) -> Callable[[Any], None]:
    return lambda device: device.put("dera", "DERAvailability", {"readingTime": NOON, **other})


def requested(
    energy: dict[str, int], power: dict[str, int], start: int, duration: int
) -> Callable[[Any], None]:
    def ask(device: Any) -> None:
        device.put("dercap", "DERCapability", {
            "modesSupported": "0050008C", "rtgMaxW": watts(0), "rtgMaxChargeRateW": watts(7000), "type": 82})
        reply = device.client.post(f"/edev/{device.device.id}/frq", "FlowReservationRequest", {
            "mRID": "0F", "creationTime": NOON, "energyRequested": energy, "powerRequested": power,
            "RequestStatus": {"dateTime": NOON, "requestStatus": 0},
            "intervalRequested": {"start": start, "duration": duration}})
        assert reply.status == 201
    return ask


BAD: dict[str, Callable[[Any], None]] = {
    "a little more than full": charged(10_500),
    "three times full": charged(30_000),
    "an unknown state of charge": charged(65_535),
    "a state of charge of the far future": charged(5000, YEAR_9800),
    "no power": capable(rtgMaxW=watts(0), rtgMaxChargeRateW=watts(0), rtgMaxDischargeRateW=watts(0)),
    "power below nothing": capable(rtgMaxW=watts(-1), rtgMaxDischargeRateW=watts(-1)),
    "a thousand times its power": capable(rtgMaxW=watts(5000, 3), rtgMaxDischargeRateW=watts(5000, 3)),
    "the greatest power": capable(rtgMaxW=watts(32_767, 9), rtgMaxChargeRateW=watts(32_767, 9)),
    "the least power": capable(rtgMaxW=watts(1, -9), rtgMaxChargeRateW=watts(1, -9),
                               rtgMaxDischargeRateW=watts(1, -9)),
    "no capacity": capable(rtgMaxWh=watts(0)),
    "the greatest capacity": capable(rtgMaxWh=watts(32_767, 9)),
    "4 MW": lambda device: device.post(4_000_000),
    "-4 MW": lambda device: device.post(-4_000_000),
    "available for ever": available(availabilityDuration=FULL_BITS, maxChargeDuration=FULL_BITS),
    "unknown percentages": available(availabilityDuration=60, maxChargeDuration=60, reservePercent=65_535,
                                     reserveChargePercent=65_535),
    "less than nothing available": available(statWAvail=watts(-32_768, 9)),
    "energy beyond reason": requested(watts(32_767, 9), watts(7000), NOON, 36_000),
    "power beyond reason": requested(watts(9000), watts(32_767, 9), NOON, 36_000),
    "the least power for a request": requested(watts(9000), watts(1, -9), NOON, 36_000),
    "for 136 years": requested(watts(9000), watts(7000), NOON, FULL_BITS),
    "in a far future": requested(watts(9000), watts(7000), YEAR_9800, 36_000),
}


@pytest.mark.parametrize("report", BAD.values(), ids=BAD)
def test_the_others_do_what_they_are_asked(battery: Any, report: Callable[[Any], None]) -> None:
    for number in (1, 2):
        battery(number)
    report(battery(3))
    virtualders.create("street", "kind = battery")
    order = create_order("street", STEP, clock.now() + 300, watts=1000)
    shares = {share["name"]: share for share in order["shares"]}
    assert order["target_w"] == pytest.approx(1000, abs=1)
    assert sum(share["planned_w"] for share in shares.values()) == pytest.approx(1000, abs=5)
    assert all(share["planned_w"] >= 200 for name, share in shares.items() if name in ("d1", "d2"))
    assert all(abs(share["baseline_w"]) <= 1 for share in shares.values())


@pytest.mark.parametrize("report", BAD.values(), ids=BAD)
def test_figures_of_the_group_are_those_of_possible_devices(
    battery: Any, report: Callable[[Any], None]
) -> None:
    for number in (1, 2):
        battery(number, injection=500)
    report(battery(3))
    virtualders.create("street", "kind = battery")
    now, ahead = capability.capability("street"), capability.horizon("street", steps=4)
    assert 10_000 <= now["rated_inject_w"] <= 15_000 and 10_000 <= now["high_w"] <= 15_000
    assert now["soc"] is None or 0 <= now["soc"] <= 1
    steps = list(rollup.rows(ahead, "p50"))
    for step in steps:
        assert math.isfinite(step["up_w"]) and 0 < step["up_w"] <= 17_000
    assert abs(status.status("street")["injection_w"]) <= 1500
    measurements.roll(NOON - STEP)
    assert abs(measurements.read("street", "storage", NOON - STEP, 1)[0]) <= 1500
    assert store.reindex() == 0


@pytest.mark.parametrize("report", BAD.values(), ids=BAD)
def test_the_balance_goes_on(battery: Any, report: Callable[[Any], None]) -> None:
    for number in (1, 2):
        battery(number)
    report(battery(3))
    virtualders.create("town", "kind = battery")
    signals.put("town", "imbalance", [2000.0] * 96, NOON, STEP)
    plan = planning.make_plan("town", horizon_steps=16, dry_run=True)
    assert len(plan["steps"]) == 16
    areasettings.set_automatic("town", approval=False)
    assert controller.run_due() == 1 and "unexpectedly" not in Balance.get().last_error
