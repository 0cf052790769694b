"""A battery that follows the prices of its tariff, and says so where it is asked."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from clients.devices.pricebattery import PriceBattery
from clients.events import prices
from server.grid.controls import tariffs
from server.models import ResponseRecord
from tests.clients.fixtures import DeviceFixture
from tests.conftest import NOON, on_sqlite

HOUR = 3600


@pytest.mark.parametrize("blocks, price", [
    ([{"startValue": 0, "price": 20_000}], 0.2),
    ([{"startValue": 500, "price": 9}, {"startValue": 0, "price": 30_000}], 0.3),
    ([], None), ([{"startValue": 0}], None)])
def test_the_price_is_that_of_the_first_block(blocks: list[dict[str, Any]], price: float | None) -> None:
    interval = prices.priced({"pricePowerOfTenMultiplier": -5}, {"touTier": 0}, blocks)
    assert prices.modes(interval) == ({} if price is None else {prices.MODE: pytest.approx(price)})


@on_sqlite
def test_it_charges_where_energy_is_cheap_and_discharges_where_it_is_dear(
    start: Callable[..., DeviceFixture]
) -> None:
    battery = start(PriceBattery(name="one", stored_wh=5000.0), NOON)
    rows = "\n".join(f"2025-06-15T{12 + hour}:00Z,{price},0.99" for hour, price in enumerate((0.1, 0.3, 0.5)))
    tariffs.put("street", f"start,price,export_price\n{rows}", "t.csv", response_required=3)
    powers = {}
    for hour in range(4):
        battery.run_until(NOON + hour * HOUR + 1800)
        powers[hour] = battery.model.injection_w
    assert powers[0] == -battery.model.max_charge_w and powers[2] == battery.model.max_discharge_w
    assert all(abs(powers[hour]) < 4000 for hour in (1, 3))    # it serves its household
    statuses: dict[int, list[int]] = {}
    for record in ResponseRecord.select().order_by(ResponseRecord.created_at, ResponseRecord.status):
        statuses.setdefault(record.subject, []).append(record.status)
    assert sorted(statuses.values()) == [[1, 2, 3]] * 3


@on_sqlite
def test_nobody_is_told_unless_it_is_asked_for(start: Callable[..., DeviceFixture]) -> None:
    battery = start(PriceBattery(name="one"), NOON)
    tariffs.set_price("street", 0.1, NOON + HOUR)
    battery.run(1800)
    assert battery.model.injection_w == -battery.model.max_charge_w
    assert not ResponseRecord.select().exists()
