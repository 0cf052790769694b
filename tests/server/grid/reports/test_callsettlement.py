"""The settlement of calls: paid for what was delivered, fined for what was promised, blank where unknown."""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from server import clock
from server.grid.dispatch import ordercreation
from server.grid.dispatch.orderrequest import OrderRequest
from server.grid.fleet import contracts
from server.grid.groups import virtualders
from server.grid.reports import callsettlement, performance
from server.models import DispatchOrder
from tests.conftest import NOON

pytestmark = pytest.mark.usefixtures("server")
HOUR = 3600


@pytest.fixture
def called(cold_store: Callable[..., Any]) -> None:
    """A cold store is called for 20 kW for an hour that is over."""
    cold_store(1, 30_000)
    virtualders.create("park", "*")
    contracts.set_block("d1", "compressors", "load", {
        "power_w": 20e3, "price_event": 5.0, "price_kwh": 0.2, "nominated_w": 18e3, "penalty_kwh": 1.0})
    ordercreation.create_order(OrderRequest(vder="park", quantity="watts", value=20e3, duration_s=HOUR))
    contracts.set_block("d1", "compressors", None, {"price_kwh": 9.0})  # agreed later
    clock.turn_to(NOON + 2 * HOUR)


def delivered(monkeypatch: pytest.MonkeyPatch, power_w: float | None) -> None:
    original = performance.delivery

    def delivery(event: Any) -> Any:
        group, members = original(event)
        return group, [{**row, "delivered_w": power_w} for row in members]
    monkeypatch.setattr(performance, "delivery", delivery)


@pytest.mark.usefixtures("called")
@pytest.mark.parametrize("power_w, price, penalty", [
    (20e3, 9.0, 0.0),  # 5 and 20 kWh at 0.2
    (25e3, 9.0, 0.0),  # more than was called is not paid
    (16e3, 8.2, 2.0),  # 2 kWh below what was nominated
    (-1e3, 5.0, 19.0),
    (None, None, None),
])
def test_a_call_is_paid_by_the_terms_that_held(
    monkeypatch: pytest.MonkeyPatch, power_w: float | None, price: float | None, penalty: float | None
) -> None:
    delivered(monkeypatch, power_w)
    row, = callsettlement.calls("park", NOON, NOON + HOUR)
    number = DispatchOrder.get().id
    assert (row["device"], row["block"], row["event"]) == ("d1", "compressors", str(number))
    assert (row["start"], row["end"], row["called_w"], row["nominated_w"]) == (NOON, NOON + HOUR, 20e3, 18e3)
    assert (row["delivered_w"], row["price"], row["penalty"]) == (power_w, price, penalty)
    assert row["due"] == (None if price is None else pytest.approx(price - (penalty or 0)))


@pytest.mark.usefixtures("called")
def test_calls_are_of_their_time_and_go_to_a_file(tmp_path: Path) -> None:
    assert callsettlement.calls("park", NOON + 1, NOON + HOUR) == []
    rows = callsettlement.calls("park", NOON, NOON + HOUR)
    callsettlement.write_csv(rows, tmp_path / "calls.csv")
    head, line = (tmp_path / "calls.csv").read_text().splitlines()
    assert head.startswith("device,lfdi,block,event,called_at,start,end,called_w,nominated_w,delivered_w")
    assert line.startswith("d1,") and ",2025-06-15T12:00Z,2025-06-15T13:00Z,20000.0,18000.0," in line
