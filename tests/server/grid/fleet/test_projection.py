"""Where cars and loads stand at the beginning of the next step."""
from __future__ import annotations

import pytest

from server import clock
from server.grid.fleet import fleetstate, projection
from server.grid.groups import virtualders
from server.grid.series import forecastvalues, measurements
from server.grid.series.intervals import Span
from server.models import DispatchOrder, Share, ThermalState
from server.resources import store
from server.resources.codes import EventStatus
from server.resources.quantities import base_value
from tests.server.grid.balancedarea import STEP, T, at, needs


def test_a_load_that_was_held_back_is_expected_as_it_would_have_been(neighbourhood):
    needs(40_000.0)
    at(T - 300)
    share = {
        row.lfdi: row.planned_w
        for row in Share.select()
        .join(DispatchOrder)
        .where((DispatchOrder.start == T) & (DispatchOrder.quantity == "offset"))
    }
    clock.turn_to(T + STEP)
    for home in neighbourhood[6:]:
        home.post(share[home.lfdi], start=T, duration=STEP)
    at(T + STEP + 600)
    assert sum(share.values()) > -1500 and measurements.read("warmth", "thermal_uncontrolled", T, 1)[
        0
    ] == pytest.approx(-2000, abs=2)
    assert forecastvalues.forecast("warmth", "thermal", T + 2 * STEP, 2).values == pytest.approx(
        [-2000] * 2, abs=2
    )


def test_a_car_that_is_to_stop_goes_on_until_then(neighbourhood):
    needs(-16_000.0)
    for step in range(4):
        at(T - 300 + step * STEP)
    stop = T + 4 * STEP     # when there is a new plan
    needs(40_000.0, stop)
    at(stop - 300)
    for car in neighbourhood[4:6]:
        grants = [grant for grant in store.items(f"/edev/{car.device.id}/frp", ended=True)]
        before = [
            document
            for document in grants
            if document.submitted["interval"]["start"] < stop - 60
            and base_value(document.submitted["powerAvailable"])
        ]
        pause, later = [
            document
            for document in grants
            if document.submitted["interval"]["start"] >= stop - 60
            and document.status["currentStatus"] <= EventStatus.ACTIVE
        ]
        statuses = {document.status["currentStatus"] for document in before}
        assert before and EventStatus.CANCELLED not in statuses
        assert (
            base_value(pause.submitted["powerAvailable"]) == 0
            and abs(pause.submitted["interval"]["start"] - stop) <= 60
        )
        assert (
            base_value(later.submitted["powerAvailable"]) == 7000
            and later.submitted["interval"]["start"] == pause.until
        )


def test_how_far_each_load_is_ahead_is_known_of_each(neighbourhood):
    neighbourhood[7].post(0)     # its pump rests: there is nothing that it could do without
    needs(40_000.0)
    at(T - 300)
    rows = [ThermalState.get(device=home.device) for home in neighbourhood[6:]]
    realised = [row.realised for row in rows]
    assert realised[0] < -0.1 and abs(realised[1]) < 0.01
    assert {row.at for row in ThermalState.select()} == {T + STEP}
    projected = projection.project(
        fleetstate.read(virtualders.find("town"), T - 300), Span(T + STEP, 4, STEP, T - 300)
    )
    loads = projected.fleet.thermals
    assert projected.thermal.realised_wh / loads.band == pytest.approx(realised)
    assert realised[0] == pytest.approx(round(realised[0], 2))
    assert (
        loads.state / loads.band == pytest.approx([row.intended for row in rows])
        and 0 < abs(rows[0].intended - realised[0]) < 0.025
    )
