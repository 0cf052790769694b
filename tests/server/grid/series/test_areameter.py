"""The meter of an area: judged by what it reads, said, left out, believed again."""
from __future__ import annotations

import numpy as np
import pytest

from server import alarms, clock
from server.grid.flexibility import status
from server.grid.groups import virtualders
from server.grid.optimisation.metertrust import LEFT_OUT, TRIAL, TRUSTED
from server.grid.series import areameter, measurements
from server.models import Balance, VirtualDER
from tests.conftest import NOON

STEP = 900


@pytest.fixture
def area(server: None) -> VirtualDER:
    virtualders.create("town")
    town = virtualders.find("town")
    Balance.create(vder=town)
    return town


def moved_w(step: int) -> float:
    """What is expected of a step: a movement that nothing else could cause."""
    return 3000.0 * float(np.random.default_rng(step).normal())


def reads(area: VirtualDER, first: int, gain: float, steps: int = 12) -> areameter.AreaMeter:
    """Let a meter of this gain read some steps, and judge it after each."""
    for number in range(first, first + steps):
        start = NOON + number * STEP
        other_w = 200.0 * float(np.random.default_rng(10**6 + number).normal())
        after_w = gain * (moved_w(number) + other_w)
        values = {"expected": moved_w(number), areameter.METERED: after_w}
        if areameter.of_area(area).is_recorded:
            values |= {"after": after_w, "before": 0.0, "load": 0.0}
        measurements.save({"vder": area.id, "quantity": quantity, "start": start, "value": value,
                           "devices_read": 0} for quantity, value in values.items())
        clock.turn_to(start + STEP)
        meter = areameter.assess(area, clock.now(), STEP, np.full(96, 2000.0), 10_000.0)
        balance = Balance.get(Balance.vder == area)
        areameter.record(balance, meter, STEP)
        balance.save()
    return areameter.of_area(area)


def known(area: VirtualDER, quantity: str, steps: int) -> int:
    return int(np.isfinite(measurements.read(area, quantity, NOON, steps)).sum())


def test_a_right_meter_is_trusted(area: VirtualDER) -> None:
    assert areameter.describe(areameter.of_area(area)) == ""
    meter = reads(area, 0, 1.0)
    assert meter.trust.state == TRUSTED and meter.bound_w == meter.plausible_w >= 12_000
    assert areameter.describe(meter) == "trusted" == status.status(area)["meter"]
    assert alarms.rows() == [] and known(area, "after", 12) == 12


@pytest.mark.parametrize("gain", [10.0, 0.001, -1.0, 0.0])
def test_a_wrong_meter_is_left_out_said_and_believed_again_when_it_is_right(
    area: VirtualDER, gain: float
) -> None:
    meter = reads(area, 0, gain)
    assert meter.trust.state == LEFT_OUT and meter.bound_w == 0
    assert meter.trust.gain == pytest.approx(gain, abs=abs(gain) / 4 + 0.1)
    alarm, = alarms.rows()
    assert (alarm["kind"], alarm["source"]) == ("implausible area meter", "area town")
    words = status.status(area)["meter"]
    assert words in alarm["detail"] and words.startswith("left out until 20") and "Check its unit" in words
    assert known(area, "after", 12) + known(area, "load", 12) <= 8, "what it said is not kept"
    assert known(area, areameter.METERED, 12) == 12
    hours = (meter.trust.retry_at - clock.now()) // STEP + 1
    tried = reads(area, 12, 1.0, hours)
    assert tried.trust.state == TRIAL and not tried.is_recorded
    assert reads(area, 12 + hours, 1.0).trust.state == TRUSTED and alarms.rows() == []


def test_a_step_is_judged_once_and_a_reading_is_needed(area: VirtualDER) -> None:
    meter = reads(area, 0, 1.0, 3)
    assert meter.trust.state == TRIAL and "on trial: it corrects the forecast by" in areameter.describe(meter)
    for _ in range(3):
        assert areameter.assess(area, clock.now(), STEP, np.full(96, 2000.0), 10_000.0) == meter
    clock.advance(4 * STEP)
    assert areameter.assess(area, clock.now(), STEP, np.full(96, 2000.0), 10_000.0) == meter


def test_what_is_expected_has_what_members_did_by_their_own_meters(area: VirtualDER) -> None:
    values = {"expected": 1000.0, "planned_storage": 800.0, "storage": 300.0, "planned_ev": -500.0}
    measurements.save({"vder": area.id, "quantity": quantity, "start": NOON, "value": value,
                       "devices_read": 0} for quantity, value in values.items())
    assert areameter.expected(area, NOON, 1, STEP).tolist() == [1500.0]
