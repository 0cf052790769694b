"""The feeders' meters: what they draw with and without control, how much that differs, and what it costs."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from clients.simulation.scenario import PRICE, SPIKE_PRICE
from server.cli.demo.feeder import Feeder, Feeders
from server.cli.demo.setup import FeederScenario, Scenario
from server.grid.series import signals
from tests.conftest import NOON

STEP_S = 900


@pytest.fixture
def pushed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, float]]:
    values: list[tuple[str, float]] = []
    monkeypatch.setattr(signals, "push",
                        lambda area, kind, value, *more, **options: values.append((area, value)))
    return values


def totals(at: int, uncontrolled_w: dict[str, float], injection_w: dict[str, float],
           feeder: str = "F1") -> dict[str, Any]:
    return {"at": at, "feeder": feeder, "uncontrolled_w": uncontrolled_w, "injection_w": injection_w,
            "soc": [0.5], "devices": 2}


def feeder(fixed_w: list[float], prices: list[float] | None = None) -> Feeder:
    return Feeder(FeederScenario("F1", "town", fixed_w, prices), NOON)


def test_an_interval_is_measured_with_and_without_control(pushed: list[tuple[str, float]]) -> None:
    meter = feeder([1000.0, 2000.0])
    assert meter.cut is None
    assert meter.record(totals(NOON + STEP_S, {"battery": 0.0}, {"battery": 800.0}))
    assert (meter.uncontrolled_w, meter.controlled_w) == ([1000.0], [200.0])
    assert meter.moved_w["battery"] == [-800.0]
    assert meter.cut == pytest.approx(0.8) and pushed == [("town", 200.0)]


def test_an_interval_of_another_day_is_not_recorded(pushed: list[tuple[str, float]]) -> None:
    meter = feeder([1000.0])
    assert not meter.record(totals(NOON, {}, {})) and not meter.record(totals(NOON + 2 * STEP_S, {}, {}))
    assert meter.uncontrolled_w == [] == pushed


def test_a_price_makes_a_bill_and_a_spike(pushed: list[tuple[str, float]]) -> None:
    meter = feeder([4000.0] * 3, [PRICE, SPIKE_PRICE, PRICE])
    for number, injection_w in enumerate((-2000.0, 6000.0, 0.0)):
        meter.record(totals(NOON + (number + 1) * STEP_S, {}, {"generator": injection_w}))
    assert meter.bill(meter.uncontrolled_w) == pytest.approx(2 * PRICE + SPIKE_PRICE)
    assert meter.bill(meter.controlled_w) == pytest.approx(2.5 * PRICE - 0.5 * SPIKE_PRICE)
    assert meter.moved_at_spike_kwh("generator") == -1.5 and meter.moved_at_spike_kwh("battery") == 0


def test_an_interval_has_ended_when_all_feeders_have(pushed: list[tuple[str, float]]) -> None:
    specs = [FeederScenario("F1", "town", [0.0] * 2), FeederScenario("F2", "street", [0.0] * 2, [PRICE] * 2)]
    feeders = Feeders.of(Scenario(NOON, 1, 2, specs, [Path("devices")]))
    assert not feeders.record(totals(NOON + STEP_S, {}, {}, "F2")) and feeders.intervals == 0
    assert feeders.record(totals(NOON + STEP_S, {}, {}, "F1")) and feeders.intervals == 1
    assert not feeders.record(totals(NOON, {}, {}, "F1"))
