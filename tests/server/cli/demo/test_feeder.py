"""The feeder's meter: what it draws with and without control, and by how much that differs."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from server.cli.demo import feeder
from server.cli.demo.setup import Scenario
from server.grid.series import signals
from tests.conftest import NOON

STEP_S = 900


@pytest.fixture
def pushed(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    values: list[float] = []
    monkeypatch.setattr(signals, "push", lambda area, kind, value, *more, **options: values.append(value))
    return values


def totals(at: int, uncontrolled_w: dict[str, float], injection_w: dict[str, float]) -> dict[str, Any]:
    return {"at": at, "uncontrolled_w": uncontrolled_w, "injection_w": injection_w, "soc": [0.5],
            "devices": 2}


def test_an_interval_is_measured_with_and_without_control(pushed: list[float]) -> None:
    meter = feeder.Feeder(Scenario(NOON, 1, 2, [1000.0, 2000.0], [Path("devices")]))
    assert meter.cut is None
    assert meter.record(totals(NOON + STEP_S, {"battery": 0.0}, {"battery": 800.0}))
    assert (meter.uncontrolled_w, meter.controlled_w) == ([1000.0], [200.0])
    assert meter.moved_w["battery"] == [-800.0]
    assert meter.cut == pytest.approx(0.8) and pushed == [200.0]


def test_an_interval_of_another_day_is_not_recorded(pushed: list[float]) -> None:
    meter = feeder.Feeder(Scenario(NOON, 1, 2, [1000.0], [Path("devices")]))
    assert not meter.record(totals(NOON, {}, {})) and not meter.record(totals(NOON + 2 * STEP_S, {}, {}))
    assert meter.uncontrolled_w == [] == pushed
