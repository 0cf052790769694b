"""The bill of an area with a price: what its exchange cost, what it would have cost, and what is left."""
from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from server import clock
from server.errors import Refused
from server.grid.balance import evaluation
from server.grid.groups import virtualders
from server.grid.optimisation.arrays import np
from server.grid.reports import bills, callsettlement, reports
from server.grid.series import measurements, signals
from server.models import VirtualDER
from tests.conftest import NOON

STEP, HOUR = 900, 3600
DAY = date(2025, 6, 15)


@pytest.fixture
def street(server: None) -> VirtualDER:
    """An area with a price of 0.30 that is 3.00 from noon on, for an hour, two hours ago."""
    virtualders.create("street")
    signals.put("street", "price", [0.3] * 4 + [3.0] * 4 + [0.3] * 400, NOON - HOUR, STEP)
    clock.turn_to(NOON + 3 * HOUR)
    return virtualders.find("street")


def record(street: VirtualDER, begin: int, pairs: list[tuple[float, float]]) -> None:
    """Record steps: what was drawn, and what would have been."""
    for number, (after, before) in enumerate(pairs):
        measurements.record(street, begin + number * STEP, STEP, after=after, before=before)


def bill(**changes: Any) -> bills.BillRow:
    row, = bills.bills("street", DAY, DAY)
    return row


def test_it_costs_what_was_drawn_at_the_price_of_the_time(street: VirtualDER) -> None:
    record(street, NOON - HOUR, [(4000.0, 1000.0)] * 4)      # an hour earlier, at 0.30
    record(street, NOON, [(-1000.0, 2000.0)] * 4)            # at 3.00
    assert bill() == {
        "day": "2025-06-15", "drawn_kwh": 4.0, "injected_kwh": 1.0, "cost": -1.8, "cost_without": 6.3,
        "calls": 0.0, "saved": 8.1, "missing_h": pytest.approx(bill()["missing_h"])}
    since = reports.midnight(DAY)
    assert bill()["missing_h"] == (NOON + 3 * HOUR - since) / HOUR - 2


def test_what_is_fed_in_has_its_own_price(street: VirtualDER) -> None:
    signals.put("street", "export_price", [0.08] * 400, NOON - HOUR, STEP)
    record(street, NOON, [(-1000.0, 2000.0)] * 4)
    assert (bill()["cost"], bill()["cost_without"]) == (-0.08, 6.0)


@pytest.mark.parametrize("due, calls, saved", [([2.5, 1.0], 3.5, 2.5), ([2.5, None], None, None)])
def test_businesses_are_paid_out_of_it(street: VirtualDER, monkeypatch: pytest.MonkeyPatch,
                                       due: list[float | None], calls: float | None,
                                       saved: float | None) -> None:
    monkeypatch.setattr(callsettlement, "calls", lambda *_: [{"due": part} for part in due])
    record(street, NOON, [(0.0, 2000.0)] * 4)
    assert (bill()["calls"], bill()["saved"]) == (calls, saved)


def test_it_is_refused_where_there_is_none(street: VirtualDER) -> None:
    with pytest.raises(Refused, match="2025-06-14 is before 2025-06-15"):
        bills.bills("street", DAY, DAY - timedelta(days=1))
    with pytest.raises(Refused, match="no price for these days: put a signal of the kind price"):
        bills.bills("street", DAY - timedelta(days=9), DAY - timedelta(days=9))
    signals.put("street", "imbalance", [0.0] * 8, NOON, STEP)
    with pytest.raises(Refused, match="its meter reads the imbalance"):
        bill()


def test_days_that_are_to_come_have_no_bill(street: VirtualDER) -> None:
    assert [row["day"] for row in bills.bills("street", DAY, DAY + timedelta(days=2))] == ["2025-06-15"]


def test_the_exchange_of_an_area_with_a_price_is_that_of_its_meters(street: VirtualDER) -> None:
    for kind, injection_w in (("pv", 3000.0), ("interruptible", -5000.0), ("generator", 1000.0)):
        measurements.record(street, NOON, STEP, **{kind: injection_w})
    assert measurements.drawn_w(street, NOON, 1)[0] == 1000.0
    evaluation._evaluate_step(street, NOON, STEP, True)
    assert measurements.read(street, "after", NOON, 1)[0] == 1000.0
    measurements.record(street, NOON, STEP, premises=-1700.0)
    assert measurements.drawn_w(street, NOON, 1)[0] == 1700.0, "that of the premises counts all of them"
    assert np.isnan(measurements.drawn_w(street, NOON + STEP, 1)[0])
