"""Limits are kept by what is measured, where the forecast of the load below them is wrong."""
from __future__ import annotations

import pytest

from server import clock
from server.grid.balance import areasettings
from server.grid.groups import virtualders
from server.grid.series import forecasts, signals
from server.models import DispatchOrder, Share
from tests.conftest import NOON
from tests.server.grid.balancedarea import STEP, T, at, believes_its_meter, reads

LIMIT_W, FORECAST_W, LOAD_W = 10_000.0, 8000.0, 3000.0


@pytest.fixture
def street(battery):
    """Four full batteries of 5 kW under an export limit, while a price is high."""
    virtualders.create("street", export_limit_w=LIMIT_W)
    virtualders.create("batteries", rule="kind = battery", parent="street")
    batteries = [battery(number, charge=1.0, wh=20_000) for number in range(1, 5)]
    signals.put("street", "price", [3.0] * 8 + [0.1] * 88, NOON, STEP)
    forecasts.put("street", "load", [-FORECAST_W] * 96, NOON, STEP)
    areasettings.set_automatic("street", replan_steps=1)
    return batteries


def injection_w(homes, start):
    """What each was asked for in a step."""
    planned_w = {row.lfdi: row.planned_w
                 for row in Share.select().join(DispatchOrder).where(DispatchOrder.start == start)}
    return [planned_w.get(home.lfdi, 0.0) for home in homes]


def exports_w(homes, steps):
    """What the street exports in each of so many steps, as its meter reads it."""
    at(T - 300)
    exported_w = []
    for step in range(T, T + steps * STEP, STEP):
        at(step + STEP - 300)
        asked_w = injection_w(homes, step)
        clock.turn_to(step + STEP)
        reads(homes, step, asked_w)
        exported_w.append(sum(asked_w) - LOAD_W)
        signals.put("street", "measured", [-exported_w[-1]], step, STEP)
    return exported_w


def test_a_limit_of_an_area_that_follows_a_price_is_kept_by_its_meter(street):
    believes_its_meter("street")
    exported_w = exports_w(street, 4)
    assert exported_w[0] == pytest.approx(LIMIT_W + FORECAST_W - LOAD_W, abs=100), "nobody knows yet"
    assert max(exported_w[2:]) <= LIMIT_W + 100, "the forecast is corrected"
    assert min(exported_w[2:]) > LIMIT_W - 1500, "and all that the limit leaves is sold"


def test_a_meter_that_is_left_out_corrects_nothing(street):
    assert min(exports_w(street, 4)) > LIMIT_W + 1000
