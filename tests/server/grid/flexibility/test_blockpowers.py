"""What businesses can give over a horizon: 600 kW in 30 minutes, for two hours."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from server.grid.fleet import contracts
from server.grid.flexibility import blockpowers, capability
from server.grid.groups import virtualders
from server.models import BlockCall, Participation
from tests.conftest import NOON

pytestmark = pytest.mark.usefixtures("server")
Create = Callable[..., Any]
HOUR = 3600


@pytest.fixture
def park(cold_store: Create, generator: Create) -> None:
    """A cold store of 400 kW with half an hour's notice, for two hours; an engine of 200 kW at once."""
    cold_store(1, 30_000, None)
    cold_store(2, None)
    generator(3)
    contracts.set_block("d2", "compressors", "load", {
        "power_w": 400e3, "notice_s": 1800, "longest_s": 2 * HOUR, "price_kwh": 0.2, "events_day": 1})
    contracts.set_block("d3", "engine", "generator", {"power_w": 200e3, "price_kwh": 0.4})
    virtualders.create("park", "*")


@pytest.mark.usefixtures("park")
def test_power_comes_with_its_notice_and_lasts_as_agreed() -> None:
    horizon = capability.horizon("park", steps=16)
    series = horizon["p50"]
    assert series["up_w"] == [200e3] * 2 + [600e3] * 14
    assert series["down_w"] == [0.0] * 16
    assert series["duration_up_s"][2] == 2 * HOUR and series["duration_up_s"][0] == 4 * HOUR
    assert series["energy_up_wh"][15] == pytest.approx(200e3 * 4 + 400e3 * 2)
    assert blockpowers.in_words(horizon["offers"]) == ["200kW at once, for 30d", "600kW in 30m, for 2h"]
    assert horizon["members"] == {"available": 2, "not dispatched": 1}


@pytest.mark.usefixtures("park")
def test_what_was_called_today_is_not_there_today() -> None:
    BlockCall.create(device=2, block="compressors", start=NOON - HOUR, until=NOON - 60, called_w=1.0,
                     called_at=NOON - HOUR, terms={"power_w": 1.0})
    horizon = capability.horizon("park", steps=96)
    assert horizon["p50"]["up_w"] == [200e3] * 48 + [600e3] * 48, "from midnight on"
    assert [(offer["block"], offer["in_s"]) for offer in horizon["offers"]] == [
        ("engine", 0), ("compressors", 12 * HOUR)]


@pytest.mark.usefixtures("park")
def test_who_answers_half_the_time_counts_half_and_is_uncertain() -> None:
    Participation.create(device=2, response_rate=0.5)
    horizon = capability.horizon("park", steps=4)
    assert horizon["p50"]["up_w"][2] == pytest.approx(200e3 + 200e3)
    assert horizon["p90"]["up_w"][2] == pytest.approx(400e3 - 1.2816 * 200e3)
